// The explanation's words and numbers, and what to take along of it.

import { byId, fill, make, number, percent, amount, speak } from "./dom.js";
import { strongest, words } from "./words.js";

/** Numbers with their names. */
function facts(result) {
  const told = [["Similarity", number(result.similarity)]];
  if (result.probability !== undefined) told.push(["Probability", percent(result.probability)]);
  if (result.rank) told.push(["Rank among other captions", `${result.rank.place} of ${result.rank.of}`]);
  for (const side of [result.image, result.text]) {
    for (const other of side.others) {
      if (other.value) told.push([other.name[0].toUpperCase() + other.name.slice(1), amount(other.value, side)]);
    }
  }
  const { spread } = result;
  if (spread) {
    told.push(["Mean of", `${spread.seeds.length} seeds`], ["Rank agreement of maps", spread.rank_agreement.toFixed(2)]);
    told.push(["Hottest tenth shared", percent(spread.hottest)], ["Rank agreement of words", spread.word_rank_agreement.toFixed(2)]);
  }
  told.push(["Explained by", result.method], ["Took", `${result.seconds.toFixed(1)} s`]);
  return told;
}

/** "0.331 instead of 0.290 for …" */
function difference(result) {
  const { rivals, against, kappa, difference } = result.contrast;
  const quoted = (caption) => (against === "empty" ? caption : `“${caption}”`);
  const each = rivals.map(({ caption, similarity, weight }) =>
    `${number(similarity)} for ${quoted(caption)}${rivals.length > 1 ? ` (weight ${weight.toFixed(2)})` : ""}`);
  const by = kappa === 1 ? "" : ` with κ = ${kappa}`;
  return `Similarity ${number(result.similarity)} instead of ${each.join(", ")}: a difference of ${number(difference)}${by}. ` +
    "Orange speaks for the caption and not for its rival, blue for the rival and not for the caption; what both share has no colour.";
}

/** The rival's words, if there is one. */
function rival(contrast) {
  byId("contrast").hidden = !contrast;
  byId("rival").hidden = !contrast?.text;
  if (contrast?.text) fill(byId("rival"), ...words(contrast.text, { way: "--against", largest: contrast.largest_word }));
}

export function show(answer, state) {
  const { result } = answer;
  const { contrast } = result;
  byId("nothing").hidden = true;
  const box = byId("result");
  box.hidden = false;
  stale(false);
  fill(byId("warnings"), ...result.warnings.map((warning) => make("li", {}, warning)));
  fill(byId("words"), ...words(result.text, contrast && { way: "--for", largest: contrast.largest_word }));
  rival(contrast);
  byId("contrast").textContent = contrast ? difference(result) : "";
  const measured = { nats: "nats", share: "share", cosine: "change of the similarity", arbitrary: "saliency" };
  byId("words-note").textContent = `Point at a word, or reach it with the tab key, to see its ${measured[result.text.unit] ?? "saliency"}.`;
  fill(byId("facts"), ...facts(result).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  byId("what-field").hidden = !result.spread || Boolean(contrast);
  links(answer, state);
}

/** Where the downloads are; the picture looks as the sliders say, and the mask is cut as is chosen. */
export function links({ id, beta }, state) {
  const at = beta === undefined ? {} : { beta };
  const link = (name, query) => {
    const asked = new URLSearchParams({ ...query, ...at }).toString();
    return `/api/explanations/${id}/${name}${asked && `?${asked}`}`;
  };
  byId("png").href = link("picture.png", { color_map: state.colors, opacity: (state.opacity / 100).toFixed(2) });
  byId("mask").href = link("mask.png", { threshold: byId("threshold").value });
  byId("html").href = link("page.html", {});
  byId("json").href = link("attribution.json", {});
}

/** A file's name by its caption, in whatever script that is. */
function fileName(caption, end) {
  const words = caption.toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, "-");
  const name = [...words].slice(0, 60).join("").replace(/^-+|-+$/g, "");
  return `m2ib${name && `-${name}`}${end}`;
}

/** Downloads under names by caption. The server names its files too, and browsers believe it before the link: so they
 * are fetched here; `caption` says of what, `failed` is told why not. */
export function listen(caption, failed) {
  const ends = { png: ".png", html: ".html", json: ".json", mask: "-mask.png" };
  for (const [id, end] of Object.entries(ends)) {
    byId(id).addEventListener("click", async (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      const name = fileName(caption(), end);
      try {
        const response = await fetch(byId(id).href);
        if (!response.ok) {
          const told = await response.json().catch(() => ({}));
          throw new Error(told.detail ?? `the server answered ${response.status}`);
        }
        const href = URL.createObjectURL(await response.blob());
        make("a", { href, download: name }).click();
        setTimeout(() => URL.revokeObjectURL(href), 60_000);
        failed(null);
      } catch (error) {
        failed(`${name} is not there: ${error.message}.`);
      }
    });
  }
}

/** Whether what is shown belongs to another question: its words, its numbers and its map. */
export function stale(is = true) {
  for (const id of ["result", "drop", "scale", "each", "readout", "legend"]) byId(id).classList.toggle("stale", is);
}

/** Says that nothing is computed any more, and why. */
export function halted(text) {
  const box = byId("halted");
  if (!text && box.contains(document.activeElement)) byId("answer-title").focus();
  box.hidden = !text;
  byId("halted-text").textContent = text ?? "";
  byId("nothing").hidden = Boolean(text) || !byId("result").hidden;
}

export function hide() {
  stale(false);
  byId("result").hidden = true;
  byId("nothing").hidden = false;
}

/** One sentence for who does not see the page. */
export function summary(result) {
  const best = strongest(result.text);
  const rather = result.contrast ? ` Difference from its rival ${number(result.contrast.difference)}.` : "";
  const word = best ? ` The strongest word is “${best.text}” with ${amount(best.value, result.text)}.` : "";
  const count = result.warnings.length;
  const warned = count ? ` ${count} ${count === 1 ? "warning" : "warnings"}.` : "";
  return `Explained. Similarity ${number(result.similarity)}.${rather}${word}${warned}`;
}

/** When who listens was told last how far it is, and what is said next. */
let heard = 0;
let announcing;

/** Says that it has begun, unless it is done at once, and now and then how far it is. */
function announce(told) {
  if (!told) {
    clearTimeout(announcing);
    announcing = undefined;
    return;
  }
  if (announcing === undefined) {
    heard = Date.now();
    const begun = told.state === "sending" ? "Sending the picture." : "Computing the explanation.";
    announcing = setTimeout(() => speak(begun), 800);
  }
  if (!told.progress || Date.now() - heard < 10_000) return;
  heard = Date.now();
  speak(`${Math.round((100 * told.progress.done) / told.progress.total)} % computed.`);
}

/** How far the computation is. */
export function progress(told) {
  const bar = byId("progress");
  const text = byId("progress-text");
  announce(told);
  if (told) halted(null);
  // Who was at the button stays here.
  else if (document.activeElement === byId("cancel")) byId("answer-title").focus();
  byId("running").hidden = !told;
  byId("answer").setAttribute("aria-busy", told ? "true" : "false");
  if (!told) return;
  if (told.progress) {
    bar.max = told.progress.total;
    bar.value = told.progress.done;
    text.textContent = `${told.progress.side}, step ${told.progress.done} of ${told.progress.total}`;
    return;
  }
  bar.removeAttribute("value");
  const waiting = told.ahead ? `waiting behind ${told.ahead} others` : "waiting";
  const names = { waiting, working: "computing", busy: "the server is busy, trying again", sending: "sending the picture" };
  text.textContent = names[told.state] ?? told.state;
}
