// Method, preset, layers, β and every other setting that a method has.

import { byId, calm, fill, make, number } from "./dom.js";
import { SEEDS } from "./link.js";
import { LEAST, MOST, priceAt, STEP } from "./path.js";

const BY_HAND = ["beta", "image-layer", "text-layer"];

export class Settings {
  /** `changed` is told when another question is asked; `isThere` says whether a β's answer is there at once. */
  constructor(state, methods, model, changed, isThere) {
    this.isThere = isThere;
    this.state = state;
    this.methods = methods.methods;
    this.model = model;
    this.changed = changed;
    /** Says how far the path of β is; it stays while the fields around it are drawn anew. */
    this.path = make("div", { class: "extra" });
    byId("settings").addEventListener("submit", (event) => event.preventDefault());
  }

  replace(state) {
    this.state = state;
    this.draw();
  }

  get method() {
    return this.methods.find((method) => method.name === this.state.method);
  }

  has(setting) {
    return this.method.settings.some((there) => there.name === setting);
  }

  choose(name) {
    // A layer or a price that was chosen goes along, where the other has it too.
    const method = this.methods.find((method) => method.name === name);
    const has = (setting) => method.settings.some((there) => there.name === setting);
    const kept = Object.entries(this.state.settings).filter(([setting]) => BY_HAND.includes(setting) && has(setting));
    this.state.settings = Object.fromEntries(kept);
    this.state.method = name;
    this.draw();
    this.changed();
  }

  set(name, value) {
    if (value === "" || value === undefined) delete this.state.settings[name];
    else this.state.settings[name] = value;
    this.changed();
  }

  /** Marks the field that the server found wrong, by what it said, or none. */
  blame(said) {
    const name = /, setting ([\w-]+):/.exec(said ?? "")?.[1];
    for (const field of byId("settings").querySelectorAll("input, select")) {
      const wrong = name && [name, `set-${name}`].includes(field.id);
      if (!wrong) {
        field.removeAttribute("aria-invalid");
        field.removeAttribute("aria-errormessage");
        continue;
      }
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-errormessage", "alert-text");
    }
  }

  draw() {
    const { method } = this;
    const focused = document.activeElement?.id;
    const fields = [this.methodField(), ...(method.m2ib ? [this.presetField(), ...this.layerFields(), this.betaField()] : []), this.seedsField()];
    const more = method.settings.filter((setting) => !(method.m2ib && BY_HAND.includes(setting.name)));
    const opened = byId("more")?.open || more.some((setting) => this.state.settings[setting.name]);
    const said = make("p", { class: "note whole" }, `${method.description}.`);
    const details = make("details", { class: "whole", id: "more", open: opened },
      make("summary", {}, "All settings"),
      make("div", { class: "more" }, ...more.map((setting) => this.textField(setting))));
    fill(byId("settings"), ...fields, said, ...(more.length ? [details] : []));
    byId(focused)?.focus?.();
  }

  field(id, name, input) {
    input.id = id;
    return make("label", { class: "field" }, make("span", {}, name), input);
  }

  select(id, name, options, value, chosen) {
    const items = options.map(([key, text]) => make("option", { value: key, selected: key === value }, text));
    return this.field(id, name, make("select", { on: { change: (event) => chosen(event.target.value) } }, ...items));
  }

  methodField() {
    const others = this.methods.filter((method) => !method.m2ib);
    const m2ib = this.methods.find((method) => method.m2ib);
    const options = [[m2ib.name, "M2IB"], ...others.map((one) => [one.name, one.control ? `${one.name} (control)` : one.name])];
    const value = this.method.m2ib ? m2ib.name : this.method.name;
    return this.select("method", "Method", options, value, (name) => this.choose(name));
  }

  presetField() {
    const presets = this.methods.filter((method) => method.m2ib);
    const options = presets.map((one) => [one.name, one.name.replace("m2ib-", "")]);
    return this.select("preset", "Preset", options, this.method.name, (name) => this.choose(name));
  }

  layerFields() {
    const sides = [["image-layer", "Masked layer, image", this.model.image_layers], ["text-layer", "Masked layer, text", this.model.text_layers]];
    return sides.map(([name, title, layers], side) => {
      const usual = ["", `the preset's (${this.method.layers[side]})`];
      const options = [usual, ...layers.map((layer) => [layer, layer])];
      return this.select(name, title, options, this.state.settings[name] ?? "", (value) => this.set(name, value));
    });
  }

  betaField() {
    const given = this.state.settings.beta;
    const usual = this.method.beta;
    const place = Math.log10(Number(given ?? usual));
    const output = make("output", {});
    const reset = make("button", { type: "button", on: { click: () => this.reset() } }, "Preset's");
    const say = (value, own) => {
      output.textContent = own ? `β ${number(value)}` : `β ${number(value)}, preset's`;
      slider.setAttribute("aria-valuetext", output.textContent);
      reset.disabled = !own;
    };
    const moved = calm(200, (value) => this.set("beta", value));
    const slider = make("input", {
      type: "range",
      id: "beta",
      min: LEAST,
      max: MOST,
      step: STEP,
      "aria-label": "β, the price of a nat: higher leaves less of the map",
      on: {
        input: () => {
          const value = priceAt(slider.value);
          say(value, true);
          moved(String(value));
          if (this.isThere(String(value))) moved.now();
        },
      },
    });
    slider.value = Number.isFinite(place) ? place : 0;
    say(Number(given ?? usual), given !== undefined);
    return make("div", { class: "field whole" }, make("span", {}, "β, the price of a nat: higher leaves less of the map"),
      make("div", { class: "beta" }, slider, output, reset), this.path);
  }

  reset() {
    delete this.state.settings.beta;
    this.draw();
    byId("beta").focus();
    this.changed();
  }

  seedsField() {
    const random = this.has("seed");
    const options = [["0", random ? "one" : "one: nothing is random in it"], ...(random ? SEEDS : [])
      .filter((count) => count <= this.model.limits.seeds)
      .map((count) => [String(count), `${count}, their mean`])];
    const value = random ? String(this.state.seeds) : "0";
    const field = this.select("seeds", "Seeds", options, value, (chosen) => {
      this.state.seeds = Number(chosen);
      this.changed();
    });
    field.querySelector("select").disabled = !random;
    return field;
  }

  textField(setting) {
    const input = make("input", {
      type: "text",
      value: this.state.settings[setting.name] ?? "",
      placeholder: setting.default,
      on: { change: (event) => this.set(setting.name, event.target.value.trim()) },
    });
    const field = this.field(`set-${setting.name}`, setting.name, input);
    field.append(make("small", {}, setting.takes));
    return field;
  }
}
