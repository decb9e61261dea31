// The explorer: one state, which the address holds too, and what follows from each change of it.

import { explain, get, givePicture, similarities } from "./ask.js";
import { Captions } from "./captions.js";
import { Compare } from "./compare.js";
import { alarm, byId, calm, fill, make, speak } from "./dom.js";
import { Extra } from "./extra.js";
import { History } from "./history.js";
import { fromHash, methodKey, toHash } from "./link.js";
import { COUNT, Path } from "./path.js";
import { listen as listenForPictures, showSamples, View } from "./picture.js";
import { against } from "./rather.js";
import { Seeds } from "./seeds.js";
import { Settings } from "./settings.js";
import { hide, links, progress, show, stale, summary } from "./shown.js";
import { Together } from "./together.js";
import { listen as listenForWords } from "./words.js";

const stopped = () => new DOMException("another question", "AbortError");
const isStopped = (error) => error?.name === "AbortError";

class Explorer {
  constructor(model, methods, samples) {
    this.model = model;
    this.methods = methods;
    this.samples = samples;
    this.state = fromHash(location.hash, methods);
    this.about = null;
    this.shown = null;
    this.view = new View();
    this.captions = new Captions(this.state, model.limits, () => this.ask(), () => this.compareCaptions());
    this.settings = new Settings(this.state, methods, model, () => this.ask(), (beta) => this.onPath(beta));
    this.seeds = new Seeds(this.view);
    this.together = new Together(this.view);
    this.path = new Path();
    this.words = new Extra(byId("together"), {
      offer: "Which word goes with which patch takes a map for each word",
      button: "Compute them",
      running: "Computing which word goes with which patch",
      there: "Each word has its patches now.",
    });
    this.prices = new Extra(this.settings.path, {
      offer: "With all its maps computed together, the slider needs no waiting",
      button: "Compute the path",
      running: "Computing the maps of the slider's places",
      there: "The slider of β answers at once now.",
    });
    this.history = new History((hash) => this.follow(hash));
    this.compare = new Compare(methods, () => this.pair(), () => this.looks(), alarm);
    this.listen();
  }

  /** The colours as the server has them, and how much they cover. */
  looks() {
    const colors = this.methods.color_maps.find((map) => map.name === this.state.colors).colors;
    return { colors, opacity: this.state.opacity / 100, clear: this.state.clear };
  }

  caption() {
    return this.state.captions[this.state.chosen].trim();
  }

  /** The picture and what is said of it, rather than what. */
  pair() {
    const caption = this.caption();
    const question = { picture: this.about?.id, caption, ...against(this.state) };
    return this.about && caption ? { about: this.about, question } : null;
  }

  /** All that is asked, or nothing as long as there is no pair. */
  question() {
    const question = this.pair()?.question;
    if (!question) return null;
    const seeds = this.state.seeds && this.settings.has("seed") ? { seeds: this.state.seeds } : {};
    return { ...question, method: methodKey(this.state), ...seeds };
  }

  /** Whether the answer at another β is there at once. */
  onPath(beta) {
    const question = this.question();
    const state = { ...this.state, settings: { ...this.state.settings, beta } };
    return Boolean(question && this.path.at(question, state));
  }

  listen() {
    listenForWords();
    listenForPictures((file) => this.take(file));
    showSamples(this.samples, (sample) => this.trySample(sample));
    byId("cancel").addEventListener("click", () => this.asking?.abort(stopped()));
    fill(byId("colors"), ...this.methods.color_maps.map(({ name }) => make("option", { value: name }, name)));
    const repaint = calm(20, () => {
      this.view.look(this.state, this.looks().colors);
      this.compare.repaint();
      if (this.shown) links(this.shown, this.state);
      this.remember();
    });
    const changed = (name, read) => (event) => {
      this.state[name] = read(event.target);
      byId("opacity-value").textContent = `${this.state.opacity} %`;
      repaint();
    };
    byId("colors").addEventListener("change", changed("colors", (input) => input.value));
    byId("opacity").addEventListener("input", changed("opacity", (input) => Number(input.value)));
    byId("clear").addEventListener("change", changed("clear", (input) => input.checked));
    byId("what").addEventListener("change", (event) => {
      this.state.what = event.target.value;
      if (this.shown) this.look(this.shown.result);
    });
    byId("threshold").addEventListener("change", repaint);
    byId("link").addEventListener("click", () => this.copy());
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", repaint);
    window.addEventListener("hashchange", () => {
      if (location.hash !== this.hash) this.follow(location.hash);
    });
  }

  /** The address says what is shown, without a new entry in the browser's own history for each. */
  remember() {
    this.hash = toHash(this.state);
    window.history.replaceState(null, "", this.hash);
    // Browsers may write it otherwise.
    this.hash = location.hash;
  }

  /** Shows what a link says. */
  async follow(hash) {
    this.state = fromHash(hash, this.methods);
    this.captions.replace(this.state);
    this.settings.replace(this.state);
    byId("colors").value = this.state.colors;
    byId("opacity").value = this.state.opacity;
    byId("opacity-value").textContent = `${this.state.opacity} %`;
    byId("clear").checked = this.state.clear;
    const { picture } = this.state;
    if (!picture) return this.remember();
    if (picture !== this.about?.id) {
      try {
        this.open(await get(`/api/pictures/${picture}`));
      } catch (error) {
        alarm(`The link's picture cannot be shown: ${error.message}. Drop it here, and the link's settings apply.`);
        return undefined;
      }
    }
    this.ask();
    this.compareCaptions();
    return undefined;
  }

  /** A picture from the user's disk or clipboard. */
  async take(file) {
    const most = this.model.limits.picture_bytes;
    if (file.size > most) {
      return alarm(`${file.name} has ${file.size} bytes, and this server takes up to ${most}; make it smaller.`);
    }
    this.asking?.abort(stopped());
    this.sending?.abort(stopped());
    const sending = new AbortController();
    this.sending = sending;
    alarm(null);
    progress({ state: "sending" });
    try {
      this.open(await givePicture(file, sending.signal));
      this.ask();
      this.compareCaptions();
    } catch (error) {
      if (isStopped(error)) return undefined;
      progress(null);
      alarm(`${file.name || "The picture"}: ${error.message}`);
    }
    return undefined;
  }

  async trySample(sample) {
    this.state.captions = [...sample.captions];
    this.state.chosen = 0;
    this.state.picture = sample.picture;
    await this.follow(toHash(this.state));
  }

  open(about) {
    this.about = about;
    this.state.picture = about.id;
    this.shown = null;
    this.forget();
    this.seeds.set(null);
    this.view.picture(about);
    this.captions.tell(null);
    this.compare.clear();
    hide();
    alarm(null);
    progress(null);
  }

  /** What was computed beyond the last map is of another question. */
  forget(question) {
    this.round = {};
    this.words.clear();
    this.together.set(null, null);
    if (question && this.path.is(question, this.state)) return;
    this.path.clear();
    this.prices.clear();
  }

  /** Explains what is at hand; what was being explained is cancelled. */
  async ask() {
    this.remember();
    this.asking?.abort(stopped());
    progress(null);
    const question = this.question();
    this.forget(question);
    if (!question) return;
    const asking = new AbortController();
    this.asking = asking;
    this.compare.of(question);
    alarm(null);
    const there = this.path.at(question, this.state);
    if (there) return void this.show(there, question);
    stale();
    progress({ state: "waiting" });
    try {
      const answer = await explain(question, asking.signal, progress);
      if (asking.signal.aborted) return;
      this.show(answer, question);
    } catch (error) {
      if (isStopped(error)) {
        // The last answer stands again, unless another question is on its way.
        if (this.asking === asking) progress(null);
        return;
      }
      progress(null);
      alarm(error.message);
    }
  }

  /** A map, with its seeds if it is a mean of some. */
  look(result) {
    this.view.show(result, this.state, this.looks().colors);
    this.seeds.set(result.contrast ? null : result.spread);
  }

  show(answer, question) {
    this.shown = answer;
    Object.assign(answer, { asked: question, round: this.round });
    progress(null);
    this.look(answer.result);
    show(answer, this.state);
    this.together.set(null, null);
    // Nobody hears or lists each place that a slider passes.
    this.noted ??= calm(600, (answer) => this.note(answer));
    this.noted(answer);
    if (answer.beta === undefined) this.noted.now();
    this.goOn ??= calm(600, (answer) => this.beyond(answer));
    this.goOn(answer);
    if (answer.beta === undefined) this.goOn.now();
  }

  /** Says it and lists it. */
  note(answer) {
    if (answer.round !== this.round) return;
    speak(summary(answer.result));
    const photo = byId("photo");
    const { question, result } = answer;
    const entry = () =>
      this.history.add({
        hash: this.hash,
        caption: question.caption,
        instead: question.instead_of?.[0] ?? { empty: "a caption without words", bank: "other captions" }[question.baseline],
        seeds: question.seeds,
        method: question.method,
        similarity: result.similarity,
        thumb: this.view.thumb(),
      });
    if (photo.complete) entry();
    else photo.addEventListener("load", entry, { once: true });
  }

  /** What is computed when the map is there: words with their patches, then the path of β. */
  async beyond(answer) {
    if (answer.round !== this.round) return;
    const { asked: question, result } = answer;
    const { method, state } = this.settings;
    const once = result.seconds / ((question.seeds ?? 1) * (result.contrast ? 2 : 1));
    const words = result.text.words.length;
    const way = method.m2ib ? "bottleneck" : "masks";
    await this.words.offer(method.m2ib ? 2 * once * words : Infinity, async (signal, onState) => {
      const asked = { ...question, interactions: way };
      const found = (await explain(asked, signal, onState)).result;
      if (answer.round !== this.round) return "";
      this.together.set(found.interactions, result.image);
      return "Point at a word, or reach it with the tab key, to see its patches, and press it to keep them; point at a place of the picture, or walk it, to see its words. Orange: the patch speaks for the word; blue: against it.";
    });
    if (answer.round !== this.round || !this.settings.has("beta") || this.path.is(question, state)) return;
    await this.prices.offer(result.seconds * COUNT, async (signal, onState) => {
      await this.path.compute(question, state, signal, onState);
      return "Every place of the slider is there at once.";
    });
  }

  /** How similar all captions with words are to the picture. */
  async compareCaptions() {
    this.remember();
    this.measuring?.abort(stopped());
    const asked = this.state.captions.filter((caption) => caption.trim());
    if (!this.about || !asked.length) return this.captions.tell(null);
    const measuring = new AbortController();
    this.measuring = measuring;
    try {
      const told = await similarities(this.about.id, asked, measuring.signal);
      told.captions.forEach((caption, place) => {
        caption.asked = asked[place];
      });
      if (!measuring.signal.aborted) this.captions.tell(told);
    } catch (error) {
      if (isStopped(error)) return undefined;
      this.captions.tell(null);
      alarm(error.message);
    }
    return undefined;
  }

  async copy() {
    this.remember();
    const button = byId("link");
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Link copied";
    } catch {
      button.textContent = "The link is in the address line";
    }
    setTimeout(() => {
      button.textContent = "Copy link";
    }, 2500);
  }
}

try {
  const [model, methods, samples] = await Promise.all(["model", "methods", "samples"].map((name) => get(`/api/${name}`)));
  byId("model").textContent = [model.name, `${(model.parameters / 1e6).toFixed(1)} million parameters`, ...model.notes].join(" · ");
  byId("version").textContent = model.version;
  const explorer = new Explorer(model, methods, samples);
  await explorer.follow(location.hash);
} catch (error) {
  alarm(error.message);
}
