// The outline of what all seeds agree on, and, dotted, of what any of them finds.

/** The sides of cells that part those inside from the others, as a path over 1000 by 1000. */
function edges({ view, rows, columns }, support, inside) {
  const x = (column) => ((view.left + (view.width * column) / columns) / view.image_width) * 1000;
  const y = (row) => ((view.top + (view.height * row) / rows) / view.image_height) * 1000;
  const is = (row, column) => inside(support[row][column]);
  const lines = [];
  const line = (...at) => lines.push(`M${at[0].toFixed(1)} ${at[1].toFixed(1)}L${at[2].toFixed(1)} ${at[3].toFixed(1)}`);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (column + 1 < columns && is(row, column) !== is(row, column + 1)) line(x(column + 1), y(row), x(column + 1), y(row + 1));
      if (row + 1 < rows && is(row, column) !== is(row + 1, column)) line(x(column), y(row + 1), x(column + 1), y(row + 1));
    }
  }
  return lines.join("");
}

/** Draws it, or nothing. */
export function outline(svg, map, spread) {
  svg.toggleAttribute("hidden", !spread);
  svg.replaceChildren();
  if (!spread) return;
  const all = edges(map, spread.support, (share) => share > 1 - 1e-4);
  const any = edges(map, spread.support, (share) => share > 1e-4);
  for (const [name, path] of [["any", any], ["under", all], ["all", all]]) {
    const element = document.createElementNS(svg.namespaceURI, "path");
    element.setAttribute("class", name);
    element.setAttribute("d", path);
    svg.append(element);
  }
}
