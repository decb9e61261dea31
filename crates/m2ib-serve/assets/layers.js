// What can be laid over the picture: values with their colours' scale, and what is said of each place.

import { amount, percent } from "./dom.js";
import { part } from "./heat.js";

const at = (row, column) => `Row ${row + 1}, column ${column + 1}`;

/** What is looked at of an answer: what speaks for one caption and what for another, how much seeds differ, or the map
 * itself. */
export function layerOf(result, what = "map") {
  const { contrast, spread } = result;
  if (contrast) return opposed(result);
  return spread && what === "deviation" ? deviation(result) : plain(result);
}

/** What is said where all maps of a path of β are shown in the scale of the preset's. */
const PATH = "scale of the preset's β";

function opposed({ image: map, contrast, whole }) {
  const most = `${amount(contrast.largest, map)}${whole ? " or more" : ""}`;
  return {
    signed: true,
    map: { ...map, values: contrast.values },
    largest: contrast.largest,
    ends: [`${most} for the rival`, whole ? `0, ${PATH}` : "0", `${most} for the caption`],
    said: (row, column) => {
      const value = contrast.values[row][column];
      const whom = value < 0 ? "the rival" : "the caption";
      return `${at(row, column)}: ${amount(Math.abs(value), map)} for ${whom}`;
    },
  };
}

function deviation({ image: map, spread, whole }) {
  const most = whole?.deviation || Math.max(...spread.deviation.flat());
  return {
    map: { ...map, values: spread.deviation, scale: most > 0 ? [0, most] : null },
    ends: [amount(0, map), "deviation between seeds", `${amount(most, map)}${whole ? " or more" : ""}`],
    said: (row, column) =>
      `${at(row, column)}: ${amount(map.values[row][column], map)}, deviation ${amount(spread.deviation[row][column], map)}`,
  };
}

function plain({ image: map, whole }) {
  const [low, high] = map.scale ?? [];
  const ends = whole
    ? [`${amount(low, map)} or less`, `per patch, ${PATH}`, `${amount(high, map)} or more`]
    : [amount(low, map), "per patch", amount(high, map)];
  return {
    map,
    ends: map.scale ? ends : null,
    said: (row, column) => {
      const value = map.values[row][column];
      const heat = map.scale ? `, ${percent(part(map, value))} of the scale` : "";
      return `${at(row, column)}: ${amount(value, map)}${heat}`;
    },
  };
}

/** One seed's map. All seeds have one scale, so that what changes is the map. */
export function layerOfSeed({ image: map, spread, whole }, place) {
  const values = spread.maps[place];
  const all = whole?.seeds ?? spread.maps.flat(2);
  const both = ([low, high], value) => [Math.min(low, value), Math.max(high, value)];
  const [low, high] = all.reduce(both, [Infinity, -Infinity]);
  return {
    map: { ...map, values, scale: high > low ? [low, high] : null },
    ends: whole?.seeds
      ? [`${amount(low, map)} or less`, `seed ${spread.seeds[place]}, ${PATH}`, `${amount(high, map)} or more`]
      : [amount(low, map), `seed ${spread.seeds[place]}`, amount(high, map)],
    said: (row, column) =>
      `${at(row, column)}: ${amount(values[row][column], map)} by seed ${spread.seeds[place]}, ${amount(map.values[row][column], map)} in the mean`,
  };
}
