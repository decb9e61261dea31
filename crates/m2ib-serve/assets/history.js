// What was looked at since the tab was opened.

import { apart, brief, byId, fill, make, number } from "./dom.js";

const KEY = "m2ib-history";
const MOST = 40;

/** What an entry is, besides its caption. */
function details({ instead, seeds, method, similarity }) {
  const rather = instead && `rather than ${apart(brief(instead, 60))}`;
  const asked = [rather, seeds && `${seeds} seeds`, method, `similarity ${number(similarity)}`];
  return asked.filter(Boolean).join(" · ");
}

export class History {
  constructor(follow) {
    this.follow = follow;
    try {
      this.entries = JSON.parse(sessionStorage.getItem(KEY)) ?? [];
    } catch {
      this.entries = [];
    }
    byId("forget").addEventListener("click", () => {
      this.entries = [];
      this.keep();
      byId("history-title").focus();
    });
    this.draw();
  }

  add(entry) {
    this.entries = [entry, ...this.entries.filter((known) => known.hash !== entry.hash)].slice(0, MOST);
    this.keep();
  }

  keep() {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(this.entries));
    } catch {
      // A browser that keeps nothing shows the list all the same.
    }
    this.draw();
  }

  draw() {
    byId("forget").hidden = byId("no-history").hidden = false;
    byId("forget").hidden = !this.entries.length;
    byId("no-history").hidden = this.entries.length > 0;
    // The same entry, wherever it is now.
    const focused = document.activeElement?.closest?.("#history button")?.dataset.hash;
    fill(
      byId("history"),
      ...this.entries.map((entry) =>
        make("li", {},
          make("button", {
            type: "button",
            title: entry.caption,
            "data-hash": entry.hash,
            on: { click: () => this.follow(entry.hash) },
          },
            make("img", { src: entry.thumb || "/assets/icon.svg", alt: "" }),
            make("span", {}, make("bdi", {}, brief(entry.caption, 90)), make("small", {}, details(entry)))))),
    );
    const there = [...byId("history").querySelectorAll("button")];
    if (focused !== undefined) there.find((button) => button.dataset.hash === focused)?.focus({ preventScroll: true });
  }
}
