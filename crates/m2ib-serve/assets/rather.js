// "Rather than": what the explained caption is held against.

import { brief, byId, fill, make } from "./dom.js";

/** What of it goes into a question. */
export function against(state) {
  const { rather, captions, chosen } = state;
  if (rather === "empty" || rather === "bank") return { baseline: rather };
  const rival = rather === chosen ? "" : (captions[rather] ?? "").trim();
  return rival ? { instead_of: [rival] } : {};
}

/** Another caption is explained; if that was the rival, the two change places. */
export function explainPlace(state, place) {
  if (state.rather === place) state.rather = state.chosen;
  state.chosen = place;
}

/** A caption is gone, before the list is shortened. */
export function forgetPlace(state, place) {
  if (state.rather === place) state.rather = null;
  else if (typeof state.rather === "number" && state.rather > place) state.rather -= 1;
}

/** The choice; `changed` is told of another, `add` makes room for a new caption, if there is any. */
export function drawRather(state, changed, add) {
  const captions = state.captions
    .map((caption, place) => [String(place), caption.trim()])
    .filter(([place, caption]) => caption && Number(place) !== state.chosen)
    .map(([place, caption]) => [place, `“${brief(caption, 80)}”`]);
  const others = [["empty", "a caption without words"], ["bank", "the nearest of other captions"]];
  const options = [["", "nothing"], ...captions, ...others, ...(add ? [["new", "another caption …"]] : [])];
  const value = String(state.rather ?? "");
  const chosen = options.some(([key]) => key === value) ? value : "";
  const select = make("select", {
    id: "rather-than",
    dir: "auto",
    on: {
      change: (event) => {
        const { value } = event.target;
        if (value === "new") return add();
        state.rather = value === "" ? null : /^\d+$/.test(value) ? Number(value) : value;
        return changed();
      },
    },
  }, ...options.map(([key, text]) => make("option", { value: key, selected: key === chosen, dir: "auto" }, text)));
  fill(byId("rather"), make("span", {}, "Rather than"), select);
}
