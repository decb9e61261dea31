// A caption's words, shaded by what they carry.

import { amount, make, percent } from "./dom.js";
import { cover } from "./heat.js";

let count = 0;

/** The caption's pieces: words with what they carry, the rest as it is. Of a contrast, `way` is the style's name of
 * the colour, and `largest` what the strongest of both captions carries. */
export function words(text, { way, largest } = {}) {
  count += 1;
  return text.runs.map((run) => {
    if (run.cut) return make("s", { class: "cut", title: "left out: the caption is too long for the model" }, run.text);
    if (run.word === undefined) return run.text;
    const word = text.words[run.word];
    const id = `word-${count}-${run.word}`;
    const opposed = way && { "--way": `var(${way})`, "--share": (0.55 * cover(word.value / (largest || 1))).toFixed(3) };
    return make(
      "span",
      {
        class: way ? "word opposed" : "word",
        tabindex: "0",
        role: "note",
        "data-word": run.word,
        "aria-describedby": id,
        style: opposed || { "--score": Math.max(0, word.score).toFixed(3) },
      },
      run.text,
      make("span", { class: "tip", id, role: "tooltip", dir: "ltr" }, `${amount(word.value, text)}${way ? "" : ` · ${percent(word.score)} of the strongest`}`),
    );
  });
}

/** The word that carries the most. */
export function strongest(text) {
  return text.words.reduce((best, word) => (best && best.value >= word.value ? best : word), null);
}

/** Escape puts a tip away until the pointer or the focus moves on. */
export function listen() {
  const quiet = (on) => document.body.classList.toggle("quiet", on);
  document.addEventListener("keydown", (event) => event.key === "Escape" && quiet(true));
  for (const event of ["pointerover", "focusin"]) document.addEventListener(event, () => quiet(false));
}
