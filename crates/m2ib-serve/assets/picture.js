// The picture under its map, and how pictures come in.

import { alarm, byId, fill, make } from "./dom.js";
import { draw, drawBar, drawSigned, drawSignedBar, hottest, table } from "./heat.js";
import { layerOf, layerOfSeed } from "./layers.js";
import { outline } from "./outline.js";

/** Pictures by dropping, pasting and choosing. */
export function listen(take) {
  const first = (files) => {
    const file = [...(files ?? [])].find((file) => file.type.startsWith("image/")) ?? files?.[0];
    if (file) take(file);
    return Boolean(file);
  };
  byId("choose").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", (event) => {
    first(event.target.files);
    // The same file may be chosen again.
    event.target.value = "";
  });
  document.addEventListener("paste", (event) => {
    if (first(event.clipboardData?.files)) event.preventDefault();
  });
  // Text may be dragged into a field; whatever else is dropped would take the browser elsewhere.
  const isText = ({ target, dataTransfer }) => {
    const other = ["Files", "text/uri-list"].some((type) => dataTransfer?.types.includes(type));
    return target.matches?.("input[type=text]") && !other;
  };
  document.addEventListener("dragover", (event) => {
    if (isText(event)) return;
    event.preventDefault();
    if (!event.dataTransfer?.types.includes("Files")) return;
    document.body.classList.add("dragged");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragged");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dragged");
    if (isText(event)) return;
    event.preventDefault();
    if (first(event.dataTransfer?.files)) return;
    const instead = "Save the picture and drop its file here, or copy the picture and paste it.";
    alarm(`What was dropped is no file. ${instead}`, "picture");
  });
}

/** Buttons of pictures to try. */
export function showSamples(samples, take) {
  byId("samples").hidden = samples.length === 0;
  fill(
    byId("sample-list"),
    ...samples.map((sample) =>
      make("li", {},
        make("button", { type: "button", "aria-label": `Try ${sample.name}: ${sample.captions.join(", ")}`, on: { click: () => take(sample) } },
          make("img", { src: `/api/pictures/${sample.picture}/shown`, alt: "", className: "pixelated" })))),
  );
}

/** The picture with its map, walked by pointer and keys. */
export class View {
  constructor() {
    this.map = null;
    this.result = null;
    /** What is drawn: the answer's own layer, and one that lies over it for a moment. */
    this.layer = null;
    this.above = null;
    this.at = null;
    /** Told of the place that is looked at, as shares of the map's height and width, or of none. */
    this.pointed = () => {};
    const stack = byId("stack");
    // A finger that is lifted leaves; what it tapped stays, and what it scrolls by isn't looked at.
    const hovers = (event) => event.pointerType !== "touch";
    stack.addEventListener("pointermove", (event) => hovers(event) && this.point(event));
    stack.addEventListener("pointerdown", (event) => {
      this.pressed = true;
      if (hovers(event)) this.point(event);
    });
    stack.addEventListener("click", (event) => hovers(event) || this.point(event));
    stack.addEventListener("pointerleave", (event) => hovers(event) && this.leave());
    stack.addEventListener("pointercancel", () => (this.pressed = false));
    stack.addEventListener("focus", () => {
      if (this.map && !this.at && !this.pressed) this.go(hottest(this.map));
      this.pressed = false;
    });
    stack.addEventListener("blur", () => this.leave());
    stack.addEventListener("keydown", (event) => this.key(event));
  }

  /** Another picture, without a map yet. */
  picture(about) {
    this.map = this.layer = this.above = null;
    outline(byId("outline"), null, null);
    byId("stack").classList.remove("opposed");
    this.leave();
    byId("empty").hidden = true;
    byId("drop").classList.add("full");
    byId("scale").hidden = true;
    const stack = byId("stack");
    stack.hidden = false;
    stack.style.setProperty("--ratio", `${about.width} / ${about.height}`);
    // A tall picture should not be taller than the screen.
    stack.style.setProperty("--widest", `calc(85vh * ${about.width / about.height})`);
    stack.setAttribute("aria-label", "Picture, no map yet");
    const photo = byId("photo");
    photo.src = `/api/pictures/${about.id}/shown`;
    photo.classList.toggle("pixelated", Math.max(about.width, about.height) < 256);
    const heat = byId("heat");
    heat.width = 0;
    fill(byId("veils"));
  }

  /** No picture. */
  clear() {
    this.map = this.layer = this.above = null;
    this.leave();
    outline(byId("outline"), null, null);
    byId("photo").removeAttribute("src");
    byId("stack").hidden = byId("scale").hidden = true;
    byId("empty").hidden = false;
    byId("drop").classList.remove("full");
  }

  /** An answer's map, or what else of it is looked at. */
  show(result, looks, colors) {
    const { image: map, contrast, spread } = result;
    this.map = map;
    this.above = null;
    this.result = result;
    this.layer = layerOf(result, looks.what);
    fill(byId("veils"), ...veils(map.view));
    outline(byId("outline"), map, spread);
    this.look(looks, colors);
    const [row, column] = hottest(map);
    const what = contrast ? "what speaks for the caption most" : "the hottest place";
    byId("stack").setAttribute(
      "aria-label",
      `Map of ${map.rows} rows and ${map.columns} columns: ${what} is in row ${row + 1}, column ${column + 1}. Arrow keys walk it.`,
    );
    if (this.at) this.go([Math.min(this.at[0], map.rows - 1), Math.min(this.at[1], map.columns - 1)]);
  }

  /** One seed's map in the place of their mean, or the mean again. */
  seed(place) {
    this.layer = place === null ? layerOf(this.result, this.looks.what) : layerOfSeed(this.result, place);
    this.paint();
    if (this.at) this.go(this.at);
  }

  /** Lays another map over the answer's for a moment, or takes it away. */
  over(layer) {
    if (layer === null && this.above === null) return;
    this.above = layer;
    this.paint();
    if (layer === null && !this.at) byId("readout").textContent = "";
  }

  look(looks, colors) {
    this.looks = looks;
    this.colors = colors;
    this.paint();
  }

  paint() {
    const layer = this.above ?? this.layer;
    if (!layer) return;
    const { looks, colors } = this;
    byId("stack").classList.toggle("opposed", Boolean(layer.signed));
    byId("scale").hidden = !layer.ends;
    if (layer.ends) {
      const [low, unit, high] = layer.ends;
      byId("low").textContent = low;
      byId("unit").textContent = unit;
      byId("high").textContent = high;
    }
    if (layer.signed) {
      drawSigned(byId("heat"), layer.map, layer.largest, looks.opacity / 100);
      drawSignedBar(byId("bar"));
      return;
    }
    const triples = table(colors);
    draw(byId("heat"), layer.map, triples, looks.opacity / 100, looks.clear);
    drawBar(byId("bar"), triples);
  }

  /** A small copy for the history. */
  thumb() {
    const canvas = make("canvas", { width: 96, height: 96 });
    const context = canvas.getContext("2d");
    const photo = byId("photo");
    if (!photo.naturalWidth) return "";
    const side = Math.min(photo.naturalWidth, photo.naturalHeight);
    const corner = [(photo.naturalWidth - side) / 2, (photo.naturalHeight - side) / 2];
    context.drawImage(photo, ...corner, side, side, 0, 0, 96, 96);
    const heat = byId("heat");
    const scale = heat.width / photo.naturalWidth;
    if (heat.width) context.drawImage(heat, corner[0] * scale, corner[1] * scale, side * scale, side * scale, 0, 0, 96, 96);
    return canvas.toDataURL("image/jpeg", 0.7);
  }

  point(event) {
    if (!this.map) return;
    const box = byId("stack").getBoundingClientRect();
    const { view, rows, columns } = this.map;
    const x = ((event.clientX - box.left) / box.width) * view.image_width;
    const y = ((event.clientY - box.top) / box.height) * view.image_height;
    const row = Math.floor(((y - view.top) / view.height) * rows);
    const column = Math.floor(((x - view.left) / view.width) * columns);
    if (row < 0 || column < 0 || row >= rows || column >= columns) this.leave("The model does not see this part.");
    else this.go([row, column]);
  }

  key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (!this.map) return;
    if (event.key === "Escape") this.leave();
    else if (event.key === "Home") this.go(hottest(this.map));
    else if (moves[event.key]) {
      const [row, column] = this.at ?? hottest(this.map);
      const [down, across] = moves[event.key];
      this.go([
        Math.min(Math.max(row + down, 0), this.map.rows - 1),
        Math.min(Math.max(column + across, 0), this.map.columns - 1),
      ]);
    } else return;
    event.preventDefault();
  }

  go([row, column]) {
    this.at = [row, column];
    const { map } = this;
    const { view } = map;
    const cell = byId("cell");
    const share = (length, whole) => `${(length / whole) * 100}%`;
    cell.style.setProperty("left", share(view.left + (column * view.width) / map.columns, view.image_width));
    cell.style.setProperty("top", share(view.top + (row * view.height) / map.rows, view.image_height));
    cell.style.setProperty("width", share(view.width / map.columns, view.image_width));
    cell.style.setProperty("height", share(view.height / map.rows, view.image_height));
    cell.hidden = false;
    const above = this.above?.map;
    const layer = above?.rows === map.rows && above.columns === map.columns ? this.above : this.layer;
    byId("readout").textContent = layer.said(row, column);
    this.pointed([(row + 0.5) / map.rows, (column + 0.5) / map.columns]);
  }

  leave(text = "") {
    this.at = null;
    byId("cell").hidden = true;
    byId("readout").textContent = text;
    this.pointed(null);
  }
}

/** What the model did not see, as up to four strips. */
export function veils(view) {
  const left = (view.left / view.image_width) * 100;
  const right = 100 - ((view.left + view.width) / view.image_width) * 100;
  const top = (view.top / view.image_height) * 100;
  const bottom = 100 - ((view.top + view.height) / view.image_height) * 100;
  const strips = [
    { left: 0, top: 0, width: left, height: 100 },
    { left: 100 - right, top: 0, width: right, height: 100 },
    { left, top: 0, width: 100 - left - right, height: top },
    { left, top: 100 - bottom, width: 100 - left - right, height: bottom },
  ];
  return strips
    .filter((strip) => strip.width > 0.01 && strip.height > 0.01)
    .map((strip) =>
      make("div", {
        class: "veil",
        style: Object.fromEntries(Object.entries(strip).map(([side, value]) => [side, `${value}%`])),
      }));
}
