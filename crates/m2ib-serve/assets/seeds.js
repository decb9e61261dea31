// The seeds' maps one after the other: what changes from one to the next is chance.

import { byId, fill, make } from "./dom.js";

/** How long each is there, in milliseconds. */
const EACH = 700;

const STILL = window.matchMedia("(prefers-reduced-motion: reduce)");

export class Seeds {
  constructor(view) {
    this.view = view;
    this.spread = null;
    this.timer = null;
    this.box = byId("each");
    this.button = byId("play");
    this.slider = byId("seed");
    this.button.addEventListener("click", () => {
      if (STILL.matches) this.next();
      else if (this.timer) this.pause();
      else this.play();
    });
    this.slider.addEventListener("input", () => {
      this.pause();
      this.go(Number(this.slider.value));
    });
    STILL.addEventListener("change", () => this.pause());
    this.pause();
  }

  /** The seeds of what is shown, or none; the outlines are there beside a rival too. */
  set(spread, rival) {
    this.pause();
    this.legend(spread, rival);
    if (rival) spread = null;
    this.spread = spread?.maps.length ? spread : null;
    this.box.hidden = !this.spread;
    if (!this.spread) return;
    this.slider.max = this.spread.seeds.length;
    this.slider.value = 0;
    this.say(0);
  }

  /** What the outlines are, and why there is no more where there isn't. */
  legend(spread, rival) {
    const box = byId("legend");
    box.hidden = !spread;
    if (!spread) return fill(box);
    const line = (kind) => make("span", { class: `line ${kind}`, "aria-hidden": "true" });
    const why = "The outlines are of the caption's own map. The colours are a difference of two means, which has no " +
      "map of each seed: so there are none to play here, and no deviation.";
    return fill(
      box,
      make("span", {}, line("solid"), "what all seeds agree on"),
      make("span", {}, line("dotted"), "what any seed finds"),
      rival ? make("span", {}, why) : null,
    );
  }

  /** The first place is all of them together, the others are seeds. */
  go(place) {
    this.slider.value = place;
    this.say(place);
    this.view.seed(place === 0 ? null : place - 1);
  }

  say(place) {
    const { seeds } = this.spread;
    const text = place === 0 ? "all together" : `${place} of ${seeds.length}`;
    byId("seed-value").textContent = text;
    this.slider.setAttribute("aria-valuetext", place === 0 ? text : `seed ${seeds[place - 1]}, ${text}`);
  }

  /** The next seed, after the last the first. */
  next() {
    this.go((Number(this.slider.value) % this.spread.seeds.length) + 1);
  }

  play() {
    this.next();
    // Nobody looks at a page in the background.
    this.timer = setInterval(() => document.hidden || this.next(), EACH);
    this.button.textContent = "Pause";
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.button.textContent = STILL.matches ? "Next seed" : "Play the seeds";
  }
}
