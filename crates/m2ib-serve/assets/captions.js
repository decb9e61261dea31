// The captions, which one is explained, and how similar they are to the picture and to each other.

import { byId, calm, fill, make, number, percent } from "./dom.js";
import { drawRather, explainPlace, forgetPlace } from "./rather.js";

export class Captions {
  /** `changed` is told when the explained caption is another, `compared` when any is. */
  constructor(state, limits, changed, compared) {
    this.state = state;
    this.limits = limits;
    this.changed = changed;
    this.compared = compared;
    this.told = null;
    byId("captions").addEventListener("submit", (event) => {
      event.preventDefault();
      this.changed();
      this.compared();
    });
    byId("add").addEventListener("click", () => this.add());
  }

  add() {
    this.state.captions.push("");
    this.draw();
    const boxes = byId("captions").querySelectorAll(".row input[type=text]");
    boxes[boxes.length - 1].focus();
  }

  isFull() {
    return this.state.captions.length >= this.limits.captions;
  }

  /** What the explained caption is held against. */
  rather() {
    const { state } = this;
    const add = () => {
      state.rather = state.captions.length;
      return this.add();
    };
    drawRather(state, () => this.changed(), this.isFull() ? null : add);
  }

  /** Another link was followed. */
  replace(state) {
    this.state = state;
    this.told = null;
    this.draw();
  }

  draw() {
    const { state } = this;
    const typed = calm(600, (explained) => {
      if (explained) this.changed();
      this.compared();
    });
    const rows = state.captions.map((caption, place) => {
      const box = make("input", {
        type: "text",
        value: caption,
        dir: "auto",
        maxLength: this.limits.caption_characters,
        placeholder: place ? "another caption" : "a photo of …",
        "aria-label": `Caption ${place + 1}`,
        spellcheck: true,
        on: {
          input: (event) => {
            state.captions[place] = event.target.value;
            typed(place === state.chosen || place === state.rather);
            this.rather();
          },
        },
      });
      const choice = make("input", {
        type: "radio",
        name: "chosen",
        checked: place === state.chosen,
        "aria-label": `Explain caption ${place + 1}`,
        on: {
          change: () => {
            explainPlace(state, place);
            this.rather();
            this.changed();
          },
        },
      });
      const drop = make("button", {
        type: "button",
        "aria-label": `Remove caption ${place + 1}`,
        disabled: state.captions.length < 2,
        on: { click: () => this.remove(place) },
      }, "✕");
      return make("div", { class: "row", "data-place": place }, choice, box, drop,
        make("div", { class: "fit", hidden: true }), make("p", { class: "warning", hidden: true }));
    });
    // What is in a form and no button of submission: Enter asks at once.
    fill(byId("captions"), ...rows, make("button", { type: "submit", class: "unseen", tabindex: "-1" }, "Explain"));
    byId("add").disabled = this.isFull();
    byId("most").textContent = this.isFull() ? `At most ${this.limits.captions}` : "";
    this.rather();
    this.fits();
  }

  remove(place) {
    const { state } = this;
    const asked = place === state.chosen || place === state.rather;
    forgetPlace(state, place);
    state.captions.splice(place, 1);
    if (state.chosen > place || state.chosen >= state.captions.length) state.chosen -= 1;
    this.draw();
    byId("captions").querySelector(`input[type=radio]:nth-of-type(1)`)?.focus();
    if (asked) this.changed();
    this.compared();
  }

  /** What the server says of all captions that have words, or nothing; and why it says nothing of some. */
  tell(similarities, refused = new Map()) {
    this.told = similarities;
    this.refused = refused;
    this.fits();
  }

  fits() {
    const told = this.told?.captions ?? [];
    const largest = Math.max(...told.map((caption) => caption.similarity), 0.01);
    for (const row of byId("captions").querySelectorAll(".row")) {
      const caption = this.state.captions[Number(row.dataset.place)];
      const index = told.findIndex((one) => one.asked === caption);
      const [fit, warning] = [row.querySelector(".fit"), row.querySelector(".warning")];
      const why = this.refused?.get(caption);
      fit.hidden = index < 0;
      warning.hidden = !why;
      warning.textContent = why ?? "";
      warning.id = `why-${row.dataset.place}`;
      const box = row.querySelector("input[type=text]");
      box.removeAttribute("aria-describedby");
      box.removeAttribute("aria-invalid");
      if (why) {
        box.setAttribute("aria-invalid", "true");
        box.setAttribute("aria-describedby", warning.id);
      }
      if (index < 0) continue;
      const one = told[index];
      const whole = one.probability ?? one.share ?? Math.max(0, one.similarity) / largest;
      const parts = [`similarity ${number(one.similarity)}`];
      if (one.probability !== undefined) parts.push(`probability ${percent(one.probability)}`);
      else if (one.share !== undefined) parts.push(`${percent(one.share)} of these`);
      if (one.rank) parts.push(`rank ${one.rank.place} of ${one.rank.of}`);
      fill(fit, make("div", { class: "meter", "aria-hidden": "true" },
        make("div", { style: { "--part": `${(whole * 100).toFixed(1)}%` } })), make("span", {}, parts.join(" · ")));
      const said = one.warning ?? (one.cut && `Too long for the model, left out: “${one.cut}”`);
      warning.hidden = !said;
      warning.textContent = said ?? "";
    }
    this.matrix();
  }

  matrix() {
    const told = this.told?.captions ?? [];
    byId("among").hidden = told.length < 2 || !this.told.among;
    if (byId("among").hidden) return fill(byId("matrix"));
    const name = (place) => `${place + 1}`;
    return fill(
      byId("matrix"),
      make("thead", {}, make("tr", {}, make("td"), ...told.map((_, place) => make("th", { scope: "col" }, name(place))))),
      make("tbody", {}, ...told.map((one, row) =>
        make("tr", {}, make("th", { scope: "row" }, `${name(row)} `, make("bdi", {}, one.caption)),
          ...this.told.among[row].map((cosine) => make("td", {}, number(cosine)))))),
    );
  }
}
