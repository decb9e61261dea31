// What is being looked at, as the part of the address behind "#": a link by settings.

/** What there is to be looked at when a page is opened without a link. */
export const fresh = () => ({
  picture: null,
  captions: [""],
  chosen: 0,
  method: null,
  settings: {},
  colors: "viridis",
  opacity: 70,
  clear: true,
});

export function toHash(state) {
  const link = new URLSearchParams();
  if (state.picture) link.set("picture", state.picture);
  for (const caption of state.captions) if (caption.trim()) link.append("caption", caption);
  const filled = state.captions.slice(0, state.chosen).filter((caption) => caption.trim()).length;
  if (filled) link.set("chosen", filled);
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
