/* Rows are sorted by a column's data-key: text in the first, numbers in the others. */
document.querySelectorAll("th button").forEach((button, column) => button.onclick = () => {
  const th = button.parentElement, body = th.closest("table").tBodies[0];
  const sorted = th.getAttribute("aria-sort");
  const up = sorted ? sorted === "descending" : column === 0;
  document.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
  th.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => row.cells[column].dataset.key;
  const order = (a, b) => column ? (a > b) - (a < b) : a.localeCompare(b);
  const value = row => column ? Number(key(row)) : key(row);
  [...body.rows].sort((a, b) => (up ? 1 : -1) * order(value(a), value(b)))
    .forEach(row => body.append(row));
});
