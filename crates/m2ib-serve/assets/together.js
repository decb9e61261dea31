// Which word goes with which patch: point at a word to see its patches, at a patch to see its words.

import { amount, byId } from "./dom.js";
import { cover } from "./heat.js";

export class Together {
  constructor(view) {
    this.view = view;
    this.found = null;
    this.kept = null;
    view.pointed = (place) => this.patch(place);
    const words = byId("words");
    const at = (event) => {
      const word = event.target.closest?.(".word");
      return word && this.found ? Number(word.dataset.word) : null;
    };
    const look = (event) => at(event) !== null && this.word(at(event));
    const leave = () => this.found && this.word(this.kept);
    words.addEventListener("pointerover", look);
    words.addEventListener("focusin", look);
    words.addEventListener("pointerleave", leave);
    words.addEventListener("focusout", leave);
    words.addEventListener("click", (event) => at(event) !== null && this.keep(at(event)));
    words.addEventListener("keydown", (event) => {
      if (at(event) === null) return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.keep(at(event));
      } else if (event.key === "Escape") this.keep(null);
    });
  }

  /** What was found of the words that are shown, or nothing yet. */
  set(found, map) {
    this.found = found;
    this.map = map;
    this.kept = null;
    this.view.over(null);
    this.shade(null);
    byId("words-note").hidden = Boolean(found);
    for (const word of this.words()) {
      word.setAttribute("role", found ? "button" : "note");
      if (found) word.setAttribute("aria-pressed", "false");
      else word.removeAttribute("aria-pressed");
    }
  }

  words() {
    return [...byId("words").querySelectorAll(".word")];
  }

  keep(index) {
    this.kept = this.kept === index ? null : index;
    for (const word of this.words()) word.setAttribute("aria-pressed", String(Number(word.dataset.word) === this.kept));
    this.word(this.kept ?? index);
    // On a narrow screen the picture is elsewhere.
    if (this.kept !== null) byId("stack").scrollIntoView({ block: "nearest" });
  }

  /** A word's patches over the picture, or the map again. */
  word(index) {
    if (!this.found) return;
    if (index === null) return this.view.over(null);
    const { values, text } = this.found.words[index];
    const { largest } = this.found;
    const rows = values.length;
    const map = { ...this.map, rows, columns: values[0].length, values, unit: this.found.unit, unit_name: this.found.unit_name };
    const name = (value) => amount(value, this.found);
    this.view.over({
      signed: true,
      map,
      largest,
      ends: [name(-largest), `“${text}” with each patch`, name(largest)],
      said: (row, column) => `“${text}” with row ${row + 1}, column ${column + 1}: ${name(values[row][column])}`,
    });
    let best = [0, 0];
    values.forEach((row, r) => row.forEach((value, c) => value > values[best[0]][best[1]] && (best = [r, c])));
    byId("readout").textContent = `“${text}” goes most with row ${best[0] + 1}, column ${best[1] + 1}: ${name(values[best[0]][best[1]])}`;
  }

  /** The words of a place of the map, as shares of its height and width, or all as they are. */
  patch(place) {
    if (!this.found) return;
    if (!place) {
      this.shade(null);
      return;
    }
    const of = (word) => {
      const { values } = word;
      const at = (share, count) => Math.min(count - 1, Math.floor(share * count));
      return values[at(place[0], values.length)][at(place[1], values[0].length)];
    };
    const shares = this.found.words.map(of);
    this.shade(shares);
    const best = shares.reduce((best, value, index) => (value > shares[best] ? index : best), 0);
    byId("readout").textContent += ` · goes most with “${this.found.words[best].text}”: ${amount(shares[best], this.found)}`;
  }

  shade(shares) {
    byId("words").classList.toggle("sharing", Boolean(shares));
    if (!shares) return;
    for (const word of this.words()) {
      const share = shares[Number(word.dataset.word)] / (this.found.largest || 1);
      // Not those of a contrast, which hold when no place is looked at.
      word.style.setProperty("--place-way", `var(${share < 0 ? "--against" : "--for"})`);
      word.style.setProperty("--place-share", (0.55 * cover(share)).toFixed(3));
    }
  }
}
