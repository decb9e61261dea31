// The explanation's words and numbers, and what to take along of it.

import { byId, fill, make, number, percent, amount } from "./dom.js";
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
  told.push(["Explained by", result.method], ["Took", `${result.seconds.toFixed(1)} s`]);
  return told;
}

export function show(answer, state) {
  const { result, id } = answer;
  byId("nothing").hidden = true;
  const box = byId("result");
  box.hidden = false;
  box.classList.remove("stale");
  fill(byId("warnings"), ...result.warnings.map((warning) => make("li", {}, warning)));
  fill(byId("words"), ...words(result.text));
  const measured = { nats: "nats", share: "share", cosine: "change of the similarity", arbitrary: "saliency" };
  byId("words-note").textContent = `Point at a word, or reach it with the tab key, to see its ${measured[result.text.unit] ?? "saliency"}.`;
  fill(byId("facts"), ...facts(result).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  links(id, state);
}

/** Where the downloads are; the picture looks as the sliders say. */
export function links(id, state) {
  const looks = new URLSearchParams({ color_map: state.colors, opacity: (state.opacity / 100).toFixed(2) });
  byId("png").href = `/api/explanations/${id}/picture.png?${looks}`;
  byId("html").href = `/api/explanations/${id}/page.html`;
  byId("json").href = `/api/explanations/${id}/attribution.json`;
}

/** What is shown belongs to another question. */
export function stale() {
  byId("result").classList.add("stale");
}

export function hide() {
  byId("result").hidden = true;
  byId("nothing").hidden = false;
}

/** One sentence for who does not see the page. */
export function summary(result) {
  const best = strongest(result.text);
  const word = best ? ` The strongest word is “${best.text}” with ${amount(best.value, result.text)}.` : "";
  const count = result.warnings.length;
  const warned = count ? ` ${count} ${count === 1 ? "warning" : "warnings"}.` : "";
  return `Explained. Similarity ${number(result.similarity)}.${word}${warned}`;
}

/** How far the computation is. */
export function progress(told) {
  const bar = byId("progress");
  const text = byId("progress-text");
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
