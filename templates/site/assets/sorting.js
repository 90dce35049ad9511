// Tables that can be sorted and, where they are long, searched; a page that is read without scripts has them as they are.
"use strict";
(() => {
  const SEARCHED = 12; // a table of so many rows gets a search box
  const PAGED = 50; // so many rows of the long list of cells are shown at a time

  const text = DataTable.render.text();
  const words = {
    search: "Search",
    searchPlaceholder: "",
    info: "_START_ to _END_ of _TOTAL_",
    infoEmpty: "none",
    infoFiltered: "(_MAX_ in all)",
    zeroRecords: "No row has all of these words.",
    lengthMenu: "_MENU_ at a time",
    paginate: { first: "First", previous: "Previous", next: "Next", last: "Last" },
  };

  // Only the table itself scrolls sideways, not its search box: the region moves to the box that the library makes.
  const move = (table) => {
    const outer = table.closest(".scroll");
    const inner = table.closest(".dt-layout-table");
    for (const name of ["tabindex", "role", "aria-label"]) {
      inner.setAttribute(name, outer.getAttribute(name));
      outer.removeAttribute(name);
    }
    outer.classList.remove("scroll");
    inner.classList.add("scroll");
  };

  const enhance = (table, options) => {
    const name = table.closest(".scroll").getAttribute("aria-label");
    const searched = options.paging || table.tBodies[0].rows.length >= SEARCHED;
    new DataTable(table, {
      autoWidth: false,
      order: [],
      paging: false,
      info: searched,
      searching: searched,
      language: words,
      layout: {
        topStart: searched ? "search" : null,
        topEnd: options.paging ? "pageLength" : null,
        bottomStart: searched ? "info" : null,
        bottomEnd: options.paging ? "paging" : null,
      },
      ...options,
    });
    move(table);
    table.closest(".dt-container").querySelector("input[type=search]")?.setAttribute("aria-label", `Search ${name}`);
  };

  const cellLink = (label, type, row) =>
    type === "display" ? `<a href="${encodeURIComponent(row.page)}.html">${text.display(label)}</a>` : label;
  const score = (value, type) => (type === "display" && typeof value === "number" ? value.toFixed(2) : value);
  const renders = { model: cellLink, best_test: score, last: score };

  document.addEventListener("DOMContentLoaded", () => {
    for (const table of document.querySelectorAll("table.sort")) {
      enhance(table, {});
    }
    const cells = document.getElementById("cells");
    if (cells) {
      enhance(cells, {
        data: window.sdCells.map((row) => Object.fromEntries(window.sdColumns.map((name, i) => [name, row[i]]))),
        columns: window.sdColumns.slice(1).map((name) => ({ data: name, className: name, render: renders[name] ?? text })),
        deferRender: true,
        paging: true,
        pageLength: PAGED,
        lengthMenu: [PAGED, 200, 1000],
      });
    }
  });
})();
