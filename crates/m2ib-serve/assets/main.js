// The explorer: one state, which the address holds too, and what follows from each change of it.

import { explain, get, givePicture, reached, similarities } from "./ask.js";
import { Captions } from "./captions.js";
import { Compare } from "./compare.js";
import { alarm, brief, byId, calm, dismiss, fill, make, speak } from "./dom.js";
import { Extra } from "./extra.js";
import { History } from "./history.js";
import { fromHash, isLink, methodKey, toHash } from "./link.js";
import { COUNT, Path } from "./path.js";
import { listen as listenForPictures, showSamples, View } from "./picture.js";
import { against } from "./rather.js";
import { Seeds } from "./seeds.js";
import { Settings } from "./settings.js";
import { halted, hide, links, listen as listenForDownloads, progress, show, stale, summary } from "./shown.js";
import { Together } from "./together.js";
import { listen as listenForWords } from "./words.js";

const stopped = () => new DOMException("another question", "AbortError");
const isStopped = (error) => error?.name === "AbortError";

/** Pictures that are kept to be sent again. */
const KEPT = 40;

class Explorer {
  constructor(model, methods, samples) {
    this.model = model;
    this.methods = methods;
    this.samples = samples;
    this.state = fromHash(location.hash, methods);
    this.about = null;
    this.shown = null;
    /** The session's pictures by their ids: a server that began anew has none of them. */
    this.files = new Map();
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
    const asked = (...given) => this.explain(...given);
    this.compare = new Compare(methods, asked, () => this.pair(), () => this.looks(), (text) => alarm(text, "compare"));
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
    listenForDownloads(() => this.shown?.question.caption ?? "", (text) => alarm(text, "download"));
    byId("cancel").addEventListener("click", () => this.cancel());
    byId("again").addEventListener("click", () => this.ask());
    byId("dismiss").addEventListener("click", dismiss);
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      byId("captions").querySelector("input[type=text]").focus();
    });
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
      if (location.hash === this.hash) return;
      if (isLink(location.hash)) this.follow(location.hash);
      else this.remember();
    });
  }

  /** The address says what is shown, without a new entry in the browser's own history for each. */
  remember() {
    this.hash = toHash(this.state);
    window.history.replaceState(null, "", this.hash);
    // Browsers may write it otherwise.
    this.hash = location.hash;
    const caption = this.state.captions.find((caption) => caption.trim());
    document.title = caption ? `${brief(caption.trim(), 60)} · m2ib explorer` : "m2ib explorer";
  }

  /** Stops what is asked or sent, by the button. */
  cancel() {
    const focused = document.activeElement === byId("cancel");
    for (const one of [this.asking, this.sending]) one?.abort(stopped());
    progress(null);
    const isOld = byId("result").classList.contains("stale");
    halted(isOld ? "Cancelled. What is shown is of the question before." : "Cancelled.");
    speak("Cancelled.");
    if (focused) byId("again").focus();
  }

  /** Does something about a picture; if the server has it no more, once more when that was sent again. */
  async kept(id, signal, work) {
    try {
      return await work();
    } catch (error) {
      const file = this.files.get(id);
      if (error.status !== 404) throw error;
      if (file) await givePicture(file, signal);
      return work();
    }
  }

  explain(question, signal, onState) {
    return this.kept(question.picture, signal, () => explain(question, signal, onState));
  }

  /** Nobody answers: says so, and goes on when somebody does, with `next` or by asking again. */
  async lost(next) {
    this.next = next ?? this.next;
    if (this.losing) return;
    this.losing = true;
    try {
      const text = "The server cannot be reached; is the program still running? The page goes on by itself when it is.";
      alarm(text, "server");
      await reached();
      alarm(null, "server");
      speak("The server is there again.");
    } finally {
      this.losing = false;
    }
    const then = this.next;
    this.next = undefined;
    if (then) return void then();
    if (!this.about) return void this.follow(toHash(this.state));
    this.ask();
    this.compareCaptions();
  }

  /** Says what went wrong with what. */
  failed(error, about, text = error.message) {
    if (error.status === 0) this.lost();
    else alarm(text, about);
  }

  /** Shows what a link says. */
  async follow(hash) {
    const following = {};
    this.following = following;
    this.sending?.abort(stopped());
    this.state = fromHash(hash, this.methods);
    this.captions.replace(this.state);
    this.settings.replace(this.state);
    byId("colors").value = this.state.colors;
    byId("opacity").value = this.state.opacity;
    byId("opacity-value").textContent = `${this.state.opacity} %`;
    byId("clear").checked = this.state.clear;
    const { picture } = this.state;
    // No picture of before under this link.
    if (picture !== this.about?.id) this.close();
    this.remember();
    if (!picture) return undefined;
    if (picture !== this.about?.id) {
      try {
        const about = await this.kept(picture, undefined, () => get(`/api/pictures/${picture}`));
        if (this.following !== following) return undefined;
        this.open(about);
      } catch (error) {
        if (this.following !== following) return undefined;
        const text = `The link's picture cannot be shown: ${error.message.replace(/\.$/, "")}.`;
        this.failed(error, "picture", `${text} Drop it here, and the link's settings apply.`);
        return undefined;
      }
    }
    this.ask();
    this.compareCaptions();
    return undefined;
  }

  /** A picture from the user's disk or clipboard. */
  async take(file, isAgain = false) {
    const most = this.model.limits.picture_bytes;
    if (file.size > most) {
      const text = `${file.name} has ${file.size} bytes, and this server takes up to ${most}; make it smaller.`;
      return alarm(text, "picture");
    }
    this.asking?.abort(stopped());
    this.sending?.abort(stopped());
    const sending = new AbortController();
    this.sending = sending;
    this.following = null;
    alarm(null, "picture");
    progress({ state: "sending" });
    try {
      const about = await givePicture(file, sending.signal);
      this.sending = null;
      this.files.delete(about.id);
      this.files.set(about.id, file);
      if (this.files.size > KEPT) this.files.delete(this.files.keys().next().value);
      this.open(about);
      this.ask();
      this.compareCaptions();
    } catch (error) {
      if (isStopped(error)) return undefined;
      this.sending = null;
      progress(null);
      // Not for ever: a file that has changed on the disk can't be sent either.
      if (error.status === 0 && !isAgain) return void this.lost(() => this.take(file, true));
      alarm(`${file.name || "The picture"}: ${error.message}`, "picture");
      // What was being asked of the picture before has been stopped for this one.
      if (this.about) this.ask();
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
    this.close();
    this.about = about;
    this.state.picture = about.id;
    this.view.picture(about);
    alarm(null, "picture");
  }

  /** No picture, and nothing of what was said of one. */
  close() {
    for (const one of [this.asking, this.measuring]) one?.abort(stopped());
    this.about = null;
    this.shown = null;
    this.forget();
    this.seeds.set(null);
    this.view.clear();
    this.captions.tell(null);
    this.compare.clear();
    hide();
    halted(null);
    for (const about of ["question", "captions", "picture", "compare", "download"]) alarm(null, about);
    this.settings.blame(null);
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
    halted(null);
    alarm(null);
    alarm(null, "download");
    this.settings.blame(null);
    const question = this.question();
    this.forget(question);
    if (!question) {
      if (!this.shown) return;
      stale();
      halted("What is shown is of the question before: give a caption.");
      byId("again").hidden = true;
      return;
    }
    byId("again").hidden = false;
    const asking = new AbortController();
    this.asking = asking;
    this.compare.of(question);
    const there = this.path.at(question, this.state);
    if (there) return void this.show(there, question);
    stale();
    progress({ state: "waiting" });
    try {
      // One that was stopped says no more how far it is.
      const onState = (told) => asking.signal.aborted || progress(told);
      const answer = await this.explain(question, asking.signal, onState);
      if (asking.signal.aborted) return;
      this.show(answer, question);
    } catch (error) {
      if (isStopped(error) || asking.signal.aborted) return;
      progress(null);
      this.failed(error, "question");
      this.settings.blame(error.message);
      if (this.shown) halted("Not explained. What is shown is of the question before.");
    }
  }

  /** A map, with its seeds if it is a mean of some. */
  look(result) {
    this.view.show(result, this.state, this.looks().colors);
    this.seeds.set(result.spread, Boolean(result.contrast));
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
      const found = (await this.explain(asked, signal, onState)).result;
      if (answer.round !== this.round) return "";
      this.together.set(found.interactions, result.image);
      return "Point at a word, or reach it with the tab key, to see its patches, and press it to keep them; point at a place of the picture, or walk it, to see its words. Orange: the patch speaks for the word; blue: against it.";
    });
    if (answer.round !== this.round || this.path.is(question, state)) return;
    // Only M2IB's β has a slider.
    if (!method.m2ib || !this.settings.has("beta")) return;
    await this.prices.offer(result.seconds * COUNT, async (signal, onState) => {
      await this.path.compute(question, state, signal, onState);
      return "Every place of the slider is there at once.";
    });
  }

  /** How similar all captions with words are to the picture. */
  async compareCaptions() {
    this.remember();
    this.measuring?.abort(stopped());
    alarm(null, "captions");
    const asked = this.state.captions.filter((caption) => caption.trim());
    if (!this.about || !asked.length) return this.captions.tell(null);
    const { id } = this.about;
    const measuring = new AbortController();
    this.measuring = measuring;
    try {
      const told = await this.kept(id, measuring.signal, () => similarities(id, asked, measuring.signal));
      told.captions.forEach((caption, place) => {
        caption.asked = asked[place];
      });
      if (!measuring.signal.aborted) this.captions.tell(told);
    } catch (error) {
      if (isStopped(error) || measuring.signal.aborted) return undefined;
      if ([400, 422].includes(error.status)) return this.compareEach(id, asked, measuring.signal);
      this.captions.tell(null);
      this.failed(error, "captions");
    }
    return undefined;
  }

  /** The captions by themselves, where not all of them can be read: those that can have their similarity, though no
   * share of all, and the others the reason. */
  async compareEach(id, asked, signal) {
    const captions = [];
    const refused = new Map();
    for (const caption of new Set(asked)) {
      try {
        const told = await similarities(id, [caption], signal);
        captions.push({ ...told.captions[0], share: undefined, asked: caption });
      } catch (error) {
        if (isStopped(error) || signal.aborted) return;
        if (error.status === 0) return void this.lost();
        refused.set(caption, error.message);
      }
    }
    this.captions.tell({ captions }, refused);
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

/** What there is, as soon as the server says it. */
async function begin() {
  for (;;) {
    try {
      const told = await Promise.all(["model", "methods", "samples"].map((name) => get(`/api/${name}`)));
      alarm(null, "server");
      return told;
    } catch (error) {
      alarm(`${error.message.replace(/[.\s]+$/, "")}. It is asked again every two seconds.`, "server");
      await reached();
    }
  }
}

try {
  const [model, methods, samples] = await begin();
  byId("model").textContent = [model.name, `${(model.parameters / 1e6).toFixed(1)} million parameters`, ...model.notes].join(" · ");
  byId("version").textContent = model.version;
  const explorer = new Explorer(model, methods, samples);
  await explorer.follow(location.hash);
} catch (error) {
  alarm(error.message);
}
