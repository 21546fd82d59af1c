
// A click on a title sorts the table by its column, another one the other way round. Without a script the titles are text.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (![...table.tBodies[0].rows].some((row) => row.cells[column].textContent.trim())) return;  // pictures have no order
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const shown = (row) => row.cells[column].textContent.trim();
      const compare = head.classList.contains("number")
        ? (a, b) => parseFloat(shown(a)) - parseFloat(shown(b))
        : (a, b) => shown(a).localeCompare(shown(b));
      const rows = [...table.tBodies[0].rows];
      const none = (row) => /^[–-]?$/.test(shown(row));  // comes last either way
      const there = rows.filter((row) => !none(row)).sort((a, b) => (down ? compare(b, a) : compare(a, b)));
      table.tBodies[0].append(...there, ...rows.filter(none));
    });
  });
}
