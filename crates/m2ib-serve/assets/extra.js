// What is computed beyond the map once it is there: by itself where that takes a moment, otherwise when it is asked for.

import { fill, make, speak } from "./dom.js";

/** Seconds that nobody needs to be asked about. */
const AT_ONCE = 15;

const time = (seconds) => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`);

export class Extra {
  /** `texts`: what is offered, what its button says, and what is said while it is computed and when it is there. */
  constructor(box, texts) {
    this.box = box;
    this.texts = texts;
    this.running = null;
    this.text = make("span");
    this.button = make("button", { type: "button", on: { click: () => (this.running ? this.stop() : this.begin()) } });
    fill(box, this.text, this.button);
    box.hidden = true;
  }

  say(text, button) {
    this.text.textContent = text;
    this.button.hidden = !button;
    this.button.textContent = button ?? "";
  }

  /** Offers work of about so many seconds; `work(signal, onState)` returns what is said when it is done. */
  async offer(seconds, work) {
    this.stop();
    this.work = work;
    this.seconds = seconds;
    this.box.hidden = false;
    if (seconds <= AT_ONCE) await this.begin();
    else this.invite();
  }

  invite() {
    const about = Number.isFinite(this.seconds) ? ` (about ${time(this.seconds)})` : "";
    this.say(`${this.texts.offer}${about}.`, this.texts.button);
  }

  async begin() {
    const running = new AbortController();
    this.running = running;
    this.say(`${this.texts.running} …`, "Stop");
    const onState = (told) => {
      const { progress } = told;
      if (running !== this.running) return;
      const far = progress ? `, ${Math.round((100 * progress.done) / progress.total)} %` : "";
      this.say(`${this.texts.running}${far} …`, "Stop");
    };
    try {
      const done = await this.work(running.signal, onState);
      if (running !== this.running) return;
      this.say(done);
      // Not how far it is, which would interrupt whoever listens.
      speak(this.texts.there);
    } catch (error) {
      if (running !== this.running) return;
      if (error.name === "AbortError") this.invite();
      else this.say(`${this.texts.offer}: ${error.message}.`, "Try again");
    } finally {
      if (running === this.running) this.running = null;
    }
  }

  /** Stops it; it may be asked for again. */
  stop() {
    this.running?.abort(new DOMException("stopped", "AbortError"));
  }

  /** It belonged to another question. */
  clear() {
    const { running } = this;
    this.running = null;
    running?.abort(new DOMException("another question", "AbortError"));
    this.work = null;
    this.box.hidden = true;
  }
}
