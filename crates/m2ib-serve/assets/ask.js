// The server's interface.

/** What the server says of a request that it does not do. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const pause = (milliseconds, signal) =>
  new Promise((done, stopped) => {
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      stopped(signal.reason);
    }, { once: true });
  });

/** A request, tried again some times while the server is busy. */
async function request(path, options = {}, busy = () => {}) {
  for (let attempt = 0; ; attempt++) {
    let response;
    try {
      response = await fetch(path, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "The server cannot be reached; is the program still running?");
    }
    if (response.ok) return response.json();
    const told = await response.json().catch(() => ({}));
    if (response.status !== 429 || attempt >= 30) {
      throw new Problem(response.status, told.detail ?? `The server answered ${response.status}.`);
    }
    busy();
    await pause(1000, options.signal);
  }
}

/** Waits until the server can be reached and takes requests. */
export async function reached(signal) {
  for (;;) {
    await pause(2000, signal);
    try {
      await request("/health", { signal });
      return;
    } catch (error) {
      if (error.name === "AbortError") throw error;
    }
  }
}

const posted = (body, signal) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
  signal,
});

export const get = (path, signal) => request(path, { signal });

export const givePicture = (file, signal) =>
  request("/api/pictures", {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: file,
    signal,
  });

export const similarities = (picture, captions, signal) =>
  request("/api/similarities", posted({ picture, captions }, signal));

/** States of an explanation by server-sent events, until the last. */
function watch(id, onState, signal) {
  return new Promise((done, failed) => {
    const source = new EventSource(`/api/explanations/${id}/events`);
    const end = (then, value) => {
      source.close();
      then(value);
    };
    source.addEventListener("state", (event) => {
      const told = JSON.parse(event.data);
      if (told.state === "waiting" || told.state === "working") onState(told);
      else end(done, told);
    });
    let looking = false;
    // With nobody to connect to, the browser tries for ever and says nothing.
    source.addEventListener("error", async () => {
      if (looking) return;
      looking = true;
      try {
        const told = await request(`/api/explanations/${id}`, { signal });
        const open = told.state === "waiting" || told.state === "working";
        if (!open) end(done, told);
        else if (source.readyState === EventSource.CLOSED) throw new Problem(0, "The connection broke off.");
      } catch (error) {
        end(failed, error);
      } finally {
        looking = false;
      }
    });
    signal.addEventListener("abort", () => end(failed, signal.reason), { once: true });
  });
}

/** Explains; when `signal` aborts, the server stops computing. */
export async function explain(question, signal, onState) {
  const begun = await request("/api/explanations", posted(question, signal), () => onState({ state: "busy" }));
  if (begun.result) return begun;
  // Also when the page is left.
  const cancel = () => fetch(`/api/explanations/${begun.id}`, { method: "DELETE", keepalive: true }).catch(() => {});
  if (signal.aborted) {
    cancel();
    throw signal.reason;
  }
  signal.addEventListener("abort", cancel, { once: true });
  window.addEventListener("pagehide", cancel, { once: true });
  try {
    onState(begun);
    const last = await watch(begun.id, onState, signal);
    if (last.state === "done") return await get(`/api/explanations/${begun.id}`, signal);
    throw new Problem(last.problem?.status ?? 0, last.problem?.detail ?? "The explanation was cancelled.");
  } finally {
    signal.removeEventListener("abort", cancel);
    window.removeEventListener("pagehide", cancel);
  }
}
