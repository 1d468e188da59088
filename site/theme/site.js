// What scripting adds to a page that is complete without it: sorting by column, and playing videos together.
// Classic script, no requests, no storage: it runs the same from a disk and from a host.
(function () {
  "use strict";

  function valueOf(row, column, kind) {
    var text = row.cells[column].dataset.value;
    if (text === undefined || text === "") return null;
    return kind === "number" ? Number(text) : text;
  }

  function compare(a, b) {
    return typeof a === "string" ? a.localeCompare(b, "en") : a - b;
  }

  // Rows without a value stay last in both directions: absence is never the best.
  function sorted(rows, column, kind, sign) {
    return rows
      .map(function (row, index) { return { row: row, index: index, value: valueOf(row, column, kind) }; })
      .sort(function (a, b) {
        if (a.value === null || b.value === null) {
          return (a.value === null) - (b.value === null) || a.index - b.index;
        }
        return sign * compare(a.value, b.value) || a.index - b.index;
      })
      .map(function (entry) { return entry.row; });
  }

  function makeSortable(table) {
    var bodies = Array.from(table.tBodies);
    var original = bodies.map(function (body) { return Array.from(body.rows); });
    var headers = Array.from(table.tHead.rows[0].cells);
    var competing = bodies.filter(function (body) { return !("apart" in body.dataset); });

    function restore() {
      bodies.forEach(function (body, index) { body.append.apply(body, original[index]); });
      table.classList.remove("sorted");
    }

    // All roles compete in one list; controls are sorted among themselves and stay below.
    function sort(column, kind, sign) {
      restore();
      table.classList.add("sorted");
      var apart = bodies.filter(function (body) { return "apart" in body.dataset; });
      var rows = competing.flatMap(function (body) { return Array.from(body.rows); }).filter(isData);
      if (competing.length) competing[0].append.apply(competing[0], sorted(rows, column, kind, sign));
      apart.forEach(function (body) {
        body.append.apply(body, sorted(Array.from(body.rows).filter(isData), column, kind, sign));
      });
    }

    headers.forEach(function (header) {
      if (!header.dataset.sort) return;
      var button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.setAttribute("aria-label", "Sort by " + header.textContent.trim().replace(/\s+/g, " "));
      button.addEventListener("click", function () { turn(header, headers, sort, restore); });
      header.append(" ", button);
    });
  }

  function isData(row) { return !row.classList.contains("group"); }

  // First click: best first. Second: the other way. Third: the page's own order.
  function turn(header, headers, sort, restore) {
    var first = header.dataset.better === "higher" ? "descending" : "ascending";
    var other = first === "ascending" ? "descending" : "ascending";
    var state = header.getAttribute("aria-sort");
    headers.forEach(function (each) { each.removeAttribute("aria-sort"); });
    if (state === other) { restore(); return; }
    var next = state === first ? other : first;
    header.setAttribute("aria-sort", next);
    sort(header.cellIndex, header.dataset.sort, next === "ascending" ? 1 : -1);
  }

  // A pause before playing has begun rejects the promise of play(): that is what was asked for.
  function interrupted(error) { if (error.name !== "AbortError") throw error; }

  function addTransport(group) {
    var videos = Array.from(group.querySelectorAll("video")).filter(function (v) { return !v.closest("details"); });
    if (videos.length < 2) return;
    var bar = document.createElement("p");
    bar.className = "transport";
    [
      ["Play all", function (v) { v.currentTime = 0; v.play().catch(interrupted); }],
      ["Pause all", function (v) { v.pause(); }],
      ["Half speed", function (v) { v.playbackRate = 0.5; }],
      ["Full speed", function (v) { v.playbackRate = 1; }],
    ].forEach(function (entry) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = entry[0];
      button.addEventListener("click", function () { videos.forEach(entry[1]); });
      bar.append(button);
    });
    group.before(bar);
  }

  document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
  document.querySelectorAll("[data-together]").forEach(addTransport);
})();
