// What is being looked at, as the part of the address behind "#": a link by settings.

/** Numbers of seeds to choose from. */
export const SEEDS = [4, 8, 16, 32];

/** What there is to be looked at when a page is opened without a link. */
export const fresh = () => ({
  picture: null,
  captions: [""],
  chosen: 0,
  rather: null,
  seeds: 0,
  what: "map",
  method: null,
  settings: {},
  colors: "viridis",
  opacity: 70,
  clear: true,
});

const KEYS = ["picture", "caption", "chosen", "rather", "seeds", "method", "look"];

/** Whether it says anything; a place on the page, such as "#captions", doesn't. */
export function isLink(hash) {
  const link = new URLSearchParams(hash.replace(/^#/, ""));
  return !link.size || KEYS.some((key) => link.has(key));
}

export function toHash(state) {
  const link = new URLSearchParams();
  if (state.picture) link.set("picture", state.picture);
  for (const caption of state.captions) if (caption.trim()) link.append("caption", caption);
  // Empty ones have no place in a link.
  const filled = (place) => state.captions.slice(0, place).filter((caption) => caption.trim()).length;
  if (filled(state.chosen)) link.set("chosen", filled(state.chosen));
  const { rather } = state;
  if (typeof rather === "string") link.set("rather", rather);
  else if (rather !== null && state.captions[rather]?.trim()) link.set("rather", filled(rather));
  if (state.seeds) link.set("seeds", state.seeds);
  link.set("method", methodKey(state));
  link.set("look", `${state.colors},${state.opacity},${state.clear ? 1 : 0}`);
  return `#${link}`;
}

export function fromHash(hash, methods) {
  const state = fresh();
  const link = new URLSearchParams(hash.replace(/^#/, ""));
  const id = link.get("picture");
  if (/^[0-9a-f]{32}$/.test(id ?? "")) state.picture = id;
  const captions = link.getAll("caption").slice(0, 32);
  if (captions.length) state.captions = captions;
  const chosen = Number(link.get("chosen") ?? 0);
  if (Number.isInteger(chosen) && chosen >= 0 && chosen < state.captions.length) state.chosen = chosen;
  const rather = link.get("rather");
  const rival = Number(rather);
  if (rather === "empty" || rather === "bank") state.rather = rather;
  else if (rather && Number.isInteger(rival) && rival >= 0 && rival < state.captions.length) state.rather = rival;
  const seeds = Number(link.get("seeds") ?? 0);
  if (SEEDS.includes(seeds)) state.seeds = seeds;
  const [name, ...settings] = (link.get("method") ?? "").split(":");
  const known = methods.methods.find((method) => method.name === name);
  state.method = known?.name ?? methods.usual;
  for (const setting of known ? settings : []) {
    const [key, ...value] = setting.split("=");
    if (known.settings.some((there) => there.name === key)) state.settings[key] = value.join("=");
  }
  const [colors, opacity, clear] = (link.get("look") ?? "").split(",");
  if (methods.color_maps.some((map) => map.name === colors)) state.colors = colors;
  if (opacity !== undefined && Number(opacity) >= 0 && Number(opacity) <= 100) state.opacity = Number(opacity);
  if (clear !== undefined) state.clear = clear === "1";
  return state;
}

/** A method with its settings, as the server and the program take it. */
export function methodKey(state) {
  const settings = Object.entries(state.settings).filter(([, value]) => value !== "");
  return [state.method, ...settings.map(([name, value]) => `${name}=${value}`)].join(":");
}
