// Several methods' maps of one pair, side by side.

import { apart, byId, fill, make } from "./dom.js";
import { draw, drawSigned, table } from "./heat.js";
import { layerOf } from "./layers.js";
import { veils } from "./picture.js";
import { words } from "./words.js";

/** What maps of this rather than that show. */
function opposed({ instead_of: rivals, baseline }) {
  const known = { empty: "a caption without words", bank: "the nearest of other captions" };
  const rival = rivals ? `“${apart(rivals[0])}”` : known[baseline];
  return rival
    ? `Rather than ${rival}: orange speaks for the caption, blue for its rival. Each method's strongest colours stand for its own largest values.`
    : "";
}

const USUAL = ["m2ib-fine", "m2ib-fast", "grad-eclip", "chefer", "rollout", "random"];

export class Compare {
  /** `explain` asks; `pair` gives the picture, the caption at hand and its rival, `looks` colours and opacity. */
  constructor(methods, explain, pair, looks, alarm) {
    this.explain = explain;
    this.pair = pair;
    this.looks = looks;
    this.alarm = alarm;
    this.running = null;
    this.maps = [];
    const boxes = methods.methods.map((method) =>
      make("label", { class: "check", title: method.description },
        make("input", { type: "checkbox", value: method.name, checked: USUAL.includes(method.name) }),
        method.control ? `${method.name} (control)` : method.name));
    this.button = make("button", { type: "submit", class: "main" }, "Compare");
    this.said = make("p", { class: "note" });
    const form = byId("compare");
    fill(form, make("fieldset", { class: "checks" }, make("legend", { class: "unseen" }, "Methods"), ...boxes),
      make("div", { class: "buttons" }, this.button), this.said);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.running) this.stop();
      else this.run([...form.querySelectorAll("input:checked")].map((box) => box.value));
    });
  }

  stop() {
    this.running?.abort(new DOMException("another question", "AbortError"));
  }

  /** The pair is another: what is shown would be of the last one. */
  clear() {
    this.stop();
    this.maps = [];
    this.said.textContent = "";
    fill(byId("compared"));
  }

  /** Clears what is not of this caption, held against the same. */
  of({ caption, instead_of, baseline }) {
    const key = JSON.stringify([caption, instead_of, baseline]);
    if (key !== this.key) this.clear();
    this.key = key;
  }

  async run(names) {
    const pair = this.pair();
    if (!pair) return this.alarm("Give a picture and a caption first; then methods can be compared.");
    if (!names.length) return this.alarm("Tick at least one method to compare.");
    this.alarm(null);
    const running = new AbortController();
    this.running = running;
    this.button.textContent = "Stop";
    this.maps = [];
    const figures = names.map((name) => {
      const state = make("p", { class: "note" }, "waiting");
      const figure = make("figure", {}, make("figcaption", {}, make("b", {}, name)), state);
      return { name, figure, state };
    });
    fill(byId("compared"), ...figures.map(({ figure }) => figure));
    const scales = opposed(pair.question) || "Each map's colours go from its own lowest value to its own highest.";
    this.said.textContent = `Each with its usual settings and one seed. ${scales}`;
    try {
      for (const { name, figure, state } of figures) {
        try {
          state.textContent = "computing";
          const told = await this.explain({ ...pair.question, method: name }, running.signal, (now) => {
            state.textContent = now.progress ? `step ${now.progress.done} of ${now.progress.total}` : now.state;
          });
          this.figure(figure, name, told.result, pair.about);
        } catch (error) {
          if (error.name === "AbortError") throw error;
          state.textContent = error.message;
        }
      }
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      for (const { state } of figures) if (state.isConnected) state.textContent = "stopped";
    } finally {
      if (this.running === running) {
        this.running = null;
        this.button.textContent = "Compare";
      }
    }
  }

  figure(figure, name, result, about) {
    const { image, text, contrast } = result;
    const canvas = make("canvas");
    const stack = make("div", {
      class: contrast ? "stack opposed" : "stack",
      role: "img",
      "aria-label": `Map by ${name}${contrast ? " of what speaks for the caption and what for its rival" : ""}`,
      style: { "--ratio": `${about.width} / ${about.height}` },
    },
    make("img", { src: `/api/pictures/${about.id}/shown`, alt: "", class: Math.max(about.width, about.height) < 256 ? "pixelated" : "" }),
    canvas, ...veils(image.view));
    const said = make("figcaption", {}, make("b", {}, name), ` · ${result.seconds.toFixed(1)} s`);
    const largest = contrast?.largest_word;
    const ends = layerOf(result).ends?.map((end) => make("span", {}, end));
    fill(figure, said, stack,
      ends ? make("div", { class: "ends" }, ...ends) : make("p", { class: "note" }, "the same everywhere: no colours"),
      make("p", { class: "caption", dir: "auto" }, ...words(text, contrast && { way: "--for", largest })),
      contrast?.text && make("p", { class: "caption rival", dir: "auto" }, ...words(contrast.text, { way: "--against", largest })));
    const one = { canvas, map: contrast ? { ...image, values: contrast.values } : image, largest: contrast?.largest };
    this.maps.push(one);
    this.paint(one);
  }

  paint({ canvas, map, largest }) {
    const { colors, opacity, clear } = this.looks();
    if (largest === undefined) draw(canvas, map, table(colors), opacity, clear);
    else drawSigned(canvas, map, largest, opacity);
  }

  /** Colours or opacity are others. */
  repaint() {
    for (const one of this.maps) this.paint(one);
  }
}
