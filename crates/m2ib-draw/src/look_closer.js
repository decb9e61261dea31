"use strict";
{
  // A table is sorted by the column whose heading is pressed, and the other way round by the next press.
  const value = (row, column) => {
    const text = (row.cells[column]?.textContent ?? "").trim();
    const number = parseFloat(text.replace("−", "-").replace(",", ".").replaceAll("\u2009", ""));
    return { text, number };
  };
  const sorted = (rows, column, sign) =>
    rows
      .map((row) => ({ row, ...value(row, column) }))
      .sort((a, b) => {
        const none = Number.isNaN(a.number) - Number.isNaN(b.number);
        // What has no number stays behind, whichever way.
        if (none) return none;
        if (Number.isNaN(a.number)) return sign * a.text.localeCompare(b.text);
        return sign * (a.number - b.number);
      })
      .map(({ row }) => row);
  for (const table of document.querySelectorAll("table")) {
    const [body, heads] = [table.tBodies[0], [...(table.tHead?.rows[0]?.cells ?? [])]];
    if (!body || body.rows.length < 2) continue;
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        body.append(...sorted([...body.rows], column, down ? -1 : 1));
      });
    });
  }

  // A picture grows to the window when it is pressed, and shrinks by the next press or by Escape.
  const dialog = document.createElement("dialog");
  dialog.className = "large";
  dialog.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  for (const picture of document.querySelectorAll(".pictures img, .cards .stack")) {
    const name = picture.alt ?? picture.querySelector("img").alt;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "enlarge";
    button.setAttribute("aria-label", `Enlarge: ${name}`);
    picture.replaceWith(button);
    button.append(picture);
    button.addEventListener("click", () => {
      const large = picture.cloneNode(true);
      for (const part of [large, ...large.children]) part.removeAttribute("loading");
      dialog.replaceChildren(large);
      dialog.showModal();
    });
  }
}
