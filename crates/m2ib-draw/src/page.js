{
  // Which word goes with which patch: cells over the picture, words beside it.
  const together = document.querySelector(".together");
  if (together) {
    const { rows, columns, area, largest, unit } = together.dataset;
    const words = [...together.querySelectorAll(".word-map")];
    const values = words.map((word) => word.dataset.values.split(" ").map((x) => x / 1000));
    const names = words.map((word) => word.querySelector(".name").textContent);
    const said = together.querySelector(".said");
    const count = rows * columns;
    const cells = document.createElement("div");
    cells.className = "cells";
    cells.setAttribute("role", "grid");
    cells.setAttribute("aria-label", "Patches of the picture");
    const [left, top, width, height] = area.split(" ").map((x) => `${x}%`);
    Object.assign(cells.style, { left, top, width, height });
    cells.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
    const patches = [];
    for (let row = 0; row < rows; row += 1) {
      const line = document.createElement("div");
      line.setAttribute("role", "row");
      for (let column = 0; column < columns; column += 1) {
        const cell = document.createElement("div");
        cell.className = "cell";
        cell.setAttribute("role", "gridcell");
        cell.setAttribute("aria-label", `row ${row + 1}, column ${column + 1}`);
        cell.tabIndex = -1;
        line.append(cell);
        patches.push(cell);
      }
      cells.append(line);
    }
    patches[0].tabIndex = 0;
    together.querySelector(".stack").append(cells);

    const paint = (share) => {
      const size = Math.min(Math.abs(share), 1);
      const cover = size < 0.04 ? 0 : size ** 0.8;
      return `rgb(var(${share < 0 ? "--against" : "--for"}) / ${cover.toFixed(3)})`;
    };
    const written = (share) => `${(share * largest).toPrecision(3)}${unit ? ` ${unit}` : ""}`;
    const strongest = (list) =>
      list.reduce((best, value, at) => (value > list[best] ? at : best), 0);
    let kept = -1;
    // What all words have with each patch, unless one is looked at.
    const sums = patches.map((_, at) => values.reduce((sum, word) => sum + word[at], 0));
    const largestSum = Math.max(...sums.map(Math.abs), 1e-9);
    const showWord = (word) => {
      const list = word < 0 ? sums.map((sum) => sum / largestSum) : values[word];
      patches.forEach((cell, at) => (cell.style.background = paint(list[at])));
      words.forEach((other, at) => {
        other.classList.toggle("shown", at === word);
        other.style.removeProperty("--share");
      });
      if (word < 0) {
        said.textContent = "all words together";
        return;
      }
      const best = strongest(list);
      const [row, column] = [Math.floor(best / columns) + 1, (best % columns) + 1];
      said.textContent = `\u201c${names[word]}\u201d goes most with row ${row}, column ${column}: ${written(list[best])}`;
    };
    const showPatch = (at) => {
      const list = values.map((word) => word[at]);
      patches.forEach((cell, other) => (cell.style.background = other === at ? "" : "transparent"));
      words.forEach((word, index) => {
        word.classList.remove("shown");
        word.style.setProperty("--share", paint(list[index]));
      });
      const best = strongest(list);
      const place = patches[at].getAttribute("aria-label");
      said.textContent = `${place} goes most with \u201c${names[best]}\u201d: ${written(list[best])}`;
    };
    const rest = () => showWord(kept);
    words.forEach((word, index) => {
      word.addEventListener("pointerenter", () => showWord(index));
      word.addEventListener("focus", () => showWord(index));
      word.addEventListener("pointerleave", rest);
      word.addEventListener("blur", rest);
      word.addEventListener("click", () => {
        kept = kept === index ? -1 : index;
        words.forEach((other, at) => other.setAttribute("aria-pressed", at === kept));
        showWord(kept < 0 ? index : kept);
      });
    });
    patches.forEach((cell, at) => {
      cell.addEventListener("pointerenter", () => showPatch(at));
      cell.addEventListener("focus", () => showPatch(at));
      cell.addEventListener("pointerleave", rest);
      cell.addEventListener("blur", rest);
    });
    cells.addEventListener("keydown", (event) => {
      const at = patches.indexOf(document.activeElement);
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: +columns };
      if (at < 0 || !(event.key in steps)) return;
      event.preventDefault();
      const across = event.key === "ArrowLeft" || event.key === "ArrowRight";
      const next = at + steps[event.key];
      const same = Math.floor(next / columns) === Math.floor(at / columns);
      if (next < 0 || next >= count || (across && !same)) return;
      patches[at].tabIndex = -1;
      patches[next].tabIndex = 0;
      patches[next].focus();
    });
    const hint = document.querySelector(".pointed");
    if (hint) hint.hidden = false;
    rest();
  }
}
