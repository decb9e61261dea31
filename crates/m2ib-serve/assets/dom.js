// Elements, without markup in strings: nothing that comes from elsewhere can become an element.

export const byId = (id) => document.getElementById(id);

/** An element with properties ("class" and "data-", "aria-" attributes too), listeners and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "style") {
      for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    } else if (name in element && name !== "list" && name !== "for") {
      element[name] = value;
    } else {
      element.setAttribute(name === "class" ? "class" : name, value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Replaces what an element holds. */
export const fill = (element, ...children) =>
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined));

/** A number with three significant digits. */
export function number(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100000)) return value.toExponential(2);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(digits);
}

/** A number with its unit, if it has one. */
export const amount = (value, side) => (side.unit === "arbitrary" ? number(value) : `${number(value)} ${side.unit_name}`);

export const percent = (share) => `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** Calls a function once nothing has asked for it for so long; `now` does not wait. */
export function calm(wait, call) {
  let timer;
  let waiting = () => {};
  const later = (...given) => {
    clearTimeout(timer);
    waiting = () => {
      waiting = () => {};
      clearTimeout(timer);
      call(...given);
    };
    timer = setTimeout(() => waiting(), wait);
  };
  later.now = () => waiting();
  return later;
}

/** Says something to who does not see the page. */
export function speak(text) {
  byId("spoken").textContent = text;
}

/** What went wrong, by what it is about: each goes when that goes well, whatever else is still wrong. */
const wrong = new Map();

/** Shows what went wrong with something, or that nothing is wrong with it any more. */
export function alarm(text, about = "question") {
  wrong.delete(about);
  if (text) wrong.set(about, text);
  const told = [...new Set(wrong.values())].join("\n");
  // The same text again would be read out again.
  if (byId("alert-text").textContent !== told) byId("alert-text").textContent = told;
  byId("alert").hidden = !told;
}

/** Puts all of it away. */
export function dismiss() {
  const { activeElement } = document;
  for (const about of [...wrong.keys()]) alarm(null, about);
  if (activeElement === byId("dismiss")) byId("answer-title").focus();
}

/** What a text says at most in so many characters; cut between characters, as people see them. */
export function brief(text, most) {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("").trimEnd()}…` : text;
}

/** A text from elsewhere among ours, whose direction is its own. */
export const apart = (text) => `\u2068${text}\u2069`;
