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
    const value = amount(word.value, text);
    const opposed = way && { "--way": `var(${way})`, "--share": (0.55 * cover(word.value / (largest || 1))).toFixed(3) };
    return make(
      "span",
      {
        class: way ? "word opposed" : "word",
        tabindex: "0",
        role: "note",
        "data-word": run.word,
        "aria-describedby": id,
        // Shown on paper and where the system has its own colours.
        "data-value": value.replaceAll(" ", "\u00a0"),
        style: opposed || { "--score": Math.min(Math.max(0, word.score), 1).toFixed(3) },
      },
      run.text,
      // Its description, and so not a part of its name as well.
      make("span", { class: "tip", id, role: "tooltip", dir: "ltr", "aria-hidden": "true" },
        `${value}${way ? "" : ` · ${percent(Math.max(0, word.score))} of ${text.strongest ?? "the strongest"}`}`),
    );
  });
}

/** The word that carries the most. */
export function strongest(text) {
  return text.words.reduce((best, word) => (best && best.value >= word.value ? best : word), null);
}

/** Puts a word's tip beneath the word's last line, above it where there is no room, and always inside the window. */
function place(word) {
  const tip = word?.querySelector(".tip");
  const caption = word?.closest(".caption")?.getBoundingClientRect();
  if (!tip || !caption) return;
  const lines = word.getClientRects();
  tip.style.left = tip.style.top = "0px";
  const { width, height } = tip.getBoundingClientRect();
  const room = 8;
  const { clientWidth, clientHeight } = document.documentElement;
  const last = lines[lines.length - 1];
  const left = Math.max(room, Math.min(last.left + (last.width - width) / 2, clientWidth - room - width));
  const beneath = last.bottom + room;
  const top = beneath + height > clientHeight ? lines[0].top - room - height : beneath;
  tip.style.left = `${left - caption.left}px`;
  tip.style.top = `${top - caption.top}px`;
}

/** Escape puts a tip away until the pointer or the focus moves on. */
export function listen() {
  const quiet = (on) => document.body.classList.toggle("quiet", on);
  document.addEventListener("keydown", (event) => event.key === "Escape" && quiet(true));
  for (const event of ["pointerover", "focusin"]) {
    document.addEventListener(event, ({ target }) => {
      quiet(false);
      place(target.closest?.(".word"));
    });
  }
}
