// Maps in colour: bilinear between patches' centres, as the program draws them.

/** Colours of a map as 256 triples, from 1536 hexadecimal digits. */
export function table(colors) {
  const values = new Uint8Array(768);
  for (let place = 0; place < 768; place++) values[place] = parseInt(colors.slice(place * 2, place * 2 + 2), 16);
  return values;
}

const within = (value, most) => Math.min(Math.max(value, 0), most);

/** The value of a map at a position in cells, 0 being the first one's centre. */
function sample(map, row, column) {
  const r = within(row, map.rows - 1);
  const c = within(column, map.columns - 1);
  const [top, left] = [Math.floor(r), Math.floor(c)];
  const [bottom, right] = [Math.min(top + 1, map.rows - 1), Math.min(left + 1, map.columns - 1)];
  const [down, across] = [r - top, c - left];
  const { values } = map;
  const above = values[top][left] * (1 - across) + values[top][right] * across;
  const below = values[bottom][left] * (1 - across) + values[bottom][right] * across;
  return above * (1 - down) + below * down;
}

/** A value as its part of the scale, 0 to 1. */
export function part(map, value) {
  if (!map.scale) return 0;
  const [low, high] = map.scale;
  return high > low ? within((value - low) / (high - low), 1) : 0;
}

/** One pixel: three numbers of `colors` from a place on, and how much of it. */
function dot(data, at, colors, from, alpha) {
  data[at] = colors[from];
  data[at + 1] = colors[from + 1];
  data[at + 2] = colors[from + 2];
  data[at + 3] = 255 * alpha;
}

/** Calls `paint` for every pixel of a canvas over the whole picture with the map's value there; what the model did
 * not see stays clear. */
function paintEach(canvas, map, paint) {
  const { view } = map;
  const longest = 480;
  const scale = longest / Math.max(view.image_width, view.image_height);
  const width = Math.max(1, Math.round(view.image_width * scale));
  const height = Math.max(1, Math.round(view.image_height * scale));
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let y = 0; y < height; y++) {
    const down = ((y + 0.5) / scale - view.top) / view.height;
    if (down < 0 || down > 1) continue;
    for (let x = 0; x < width; x++) {
      const across = ((x + 0.5) / scale - view.left) / view.width;
      if (across < 0 || across > 1) continue;
      paint(image.data, (y * width + x) * 4, sample(map, down * map.rows - 0.5, across * map.columns - 0.5));
    }
  }
  context.putImageData(image, 0, 0);
}

/** Draws a map in the colours of its scale. */
export function draw(canvas, map, colors, opacity, clear) {
  paintEach(canvas, map, (data, at, found) => {
    // A map without differences would only veil the picture.
    if (!map.scale) return;
    const value = part(map, found);
    dot(data, at, colors, Math.round(value * 255) * 3, opacity * (clear ? Math.min(1, value * 1.6) : 1));
  });
}

/** How much of a colour a share of the strongest takes: little ones are seen, too, and what is everywhere is not. */
export function cover(share) {
  const size = Math.min(Math.abs(share), 1);
  return size < 0.04 ? 0 : size ** 0.8;
}

/** The colours of what is above 0, and below, as the style has them. */
function opposed() {
  const style = getComputedStyle(document.documentElement);
  return ["--for", "--against"].map((name) => style.getPropertyValue(name).trim().split(/\s+/).map(Number));
}

/** Draws a map in two colours round zero. */
export function drawSigned(canvas, map, largest, opacity) {
  const [above, below] = opposed();
  paintEach(canvas, map, (data, at, found) => {
    const share = found / (largest || 1);
    dot(data, at, share < 0 ? below : above, 0, opacity * cover(share));
  });
}

/** The two colours with what they stand for, from below 0 to above. */
export function drawSignedBar(canvas) {
  const [above, below] = opposed();
  const context = canvas.getContext("2d");
  const image = context.createImageData(256, 1);
  for (let x = 0; x < 256; x++) {
    const share = x / 127.5 - 1;
    dot(image.data, x * 4, share < 0 ? below : above, 0, cover(share));
  }
  context.putImageData(image, 0, 0);
}

/** The scale's colours from cold to hot. */
export function drawBar(canvas, colors) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(256, 1);
  for (let x = 0; x < 256; x++) {
    dot(image.data, x * 4, colors, x * 3, 1);
  }
  context.putImageData(image, 0, 0);
}

/** Row and column of the hottest cell. */
export function hottest(map) {
  let best = [0, 0];
  map.values.forEach((row, r) =>
    row.forEach((value, c) => {
      if (value > map.values[best[0]][best[1]]) best = [r, c];
    }),
  );
  return best;
}
