// The path of β: one pair's explanations at every place of the slider, computed together.

import { explain } from "./ask.js";
import { methodKey } from "./link.js";

/** The slider's ends and steps, as powers of ten. */
export const [LEAST, MOST, STEP] = [-2, 2, 0.25];

/** β at a place of the slider. */
export const priceAt = (place) => Number((10 ** Number(place)).toPrecision(3));

const PLACES = Array.from({ length: Math.round((MOST - LEAST) / STEP) + 1 }, (_, step) => priceAt(LEAST + step * STEP));

/** How many maps it takes, the method's own included. */
export const COUNT = PLACES.length + 1;

/** An answer in the scale of the preset's. Each in its own, a high β would show next to nothing in the brightest
 * colours; in one that spans them all, the lowest β, with its thousandfold nats, would leave nothing of the others. */
function scaled(answer, usual) {
  const { image, text, contrast, spread } = answer;
  const scale = usual.image.scale;
  const strongest = Math.max(...usual.text.words.map((word) => word.value));
  if (!scale || !(strongest > 0)) return answer;
  const words = text.words.map((word) => ({ ...word, score: word.value / strongest }));
  const { largest, largest_word } = usual.contrast ?? {};
  return {
    ...answer,
    image: { ...image, scale },
    text: { ...text, words, strongest: "the strongest at the preset's β" },
    contrast: contrast && { ...contrast, largest, largest_word },
    whole: spread && usual.spread
      ? { deviation: Math.max(...usual.spread.deviation.flat()), seeds: usual.spread.maps.flat(2) }
      : {},
  };
}

export class Path {
  constructor() {
    this.clear();
  }

  clear() {
    this.of = null;
    this.answer = null;
  }

  /** What has one path: a question but for its β. */
  static key(question, state) {
    const { beta, ...settings } = state.settings;
    return JSON.stringify({ ...question, method: methodKey({ ...state, settings }) });
  }

  /** Whether a question is on the path that is there or being computed. */
  is(question, state) {
    return this.of === Path.key(question, state);
  }

  async compute(question, state, signal, onState) {
    const key = Path.key(question, state);
    this.of = key;
    this.answer = null;
    const asked = { ...JSON.parse(key), betas: PLACES };
    const answer = await explain(asked, signal, onState);
    if (this.of === key) this.answer = answer;
  }

  /** The answer to a question as if it had been asked, if it lies on the path. */
  at(question, state) {
    if (!this.answer || !this.is(question, state)) return null;
    const priced = this.answer.result.path.find(({ beta }) => beta === Number(state.settings.beta));
    if (!priced) return null;
    const { path, interactions, ...result } = this.answer.result;
    const there = { ...result, contrast: undefined, spread: undefined, ...priced, seconds: result.seconds / COUNT };
    return { id: this.answer.id, beta: priced.beta, question, result: scaled(there, result) };
  }
}
