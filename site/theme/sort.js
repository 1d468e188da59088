// Sorting tables by column. Without scripts, the headers of a board lead to pages that are sorted already.
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

  function isData(row) { return !row.classList.contains("group"); }

  function apart(body) { return "apart" in body.dataset; }

  function orderOf(table) {
    var bodies = Array.from(table.tBodies);
    var original = bodies.map(function (body) { return Array.from(body.rows); });
    var competing = bodies.filter(function (body) { return !apart(body); });

    function restore() {
      bodies.forEach(function (body, index) { body.append.apply(body, original[index]); });
      table.classList.remove("sorted");
    }

    // All roles compete in one list; controls are sorted among themselves and stay below.
    function sort(column, kind, sign) {
      restore();
      table.classList.add("sorted");
      var rows = competing.flatMap(function (body) { return Array.from(body.rows); }).filter(isData);
      if (competing.length) competing[0].append.apply(competing[0], sorted(rows, column, kind, sign));
      bodies.filter(apart).forEach(function (body) {
        body.append.apply(body, sorted(Array.from(body.rows).filter(isData), column, kind, sign));
      });
    }

    return { sort: sort, restore: restore };
  }

  function firstWay(header) { return header.dataset.better === "higher" ? "descending" : "ascending"; }

  function opposite(way) { return way === "ascending" ? "descending" : "ascending"; }

  function nameOf(header) {
    return (header.querySelector(".head") || header).textContent.trim().replace(/\s+/g, " ");
  }

  function makeSortable(table) {
    var order = orderOf(table);
    var headers = Array.from(table.tHead.rows[0].cells);
    var first = headers.find(function (header) { return header.hasAttribute("aria-sort"); });
    var own = first && { header: first, way: first.getAttribute("aria-sort") };
    var said = table.querySelector("[data-sorted]") || document.createElement("span");
    var saidFirst = said.textContent;
    said.dataset.sorted = "";
    if (table.caption) table.caption.prepend(said);

    function words(header, way) {
      var up = way === "ascending", ends = header.dataset.sort === "text" ? ["A to Z", "Z to A"] : ["lowest first", "highest first"];
      return "Sorted by " + nameOf(header) + ", " + ends[up ? 0 : 1] + ". ";
    }

    function apply(header, way) {
      headers.forEach(function (each) { each.removeAttribute("aria-sort"); });
      if (!way) {
        order.restore();
        if (own) own.header.setAttribute("aria-sort", own.way);
        said.textContent = saidFirst;
        return;
      }
      header.setAttribute("aria-sort", way);
      said.textContent = words(header, way);
      order.sort(header.cellIndex, header.dataset.sort, way === "ascending" ? 1 : -1);
    }

    // First click: best first. Second: the other way. Third: the page's own order.
    function turn(header) {
      var first = firstWay(header), state = header.getAttribute("aria-sort");
      var next = state === first ? opposite(first) : state ? "" : first;
      apply(header, next);
      if (header.dataset.key) {
        bench.state.write({ sort: next ? header.dataset.key : "", way: next === opposite(first) ? next : "" });
      }
    }

    headers.forEach(function (header) {
      if (!header.dataset.sort) return;
      var link = header.querySelector("a.sort");
      if (link) link.textContent = "";
      var button = bench.button("", "Sort by " + nameOf(header), function () { turn(header); });
      button.className = "sort";
      if (link) link.replaceWith(button);
      else header.append(" ", button);
    });

    // Where a small screen has no headers, links stand for them.
    headers.forEach(function (header) {
      var link = header.dataset.key && document.querySelector('[data-order="' + header.dataset.key + '"]');
      if (link) link.addEventListener("click", function (event) { event.preventDefault(); turn(header); });
    });

    var state = bench.state.read();
    var wanted = headers.find(function (header) { return header.dataset.key && header.dataset.key === state.sort; });
    if (wanted) apply(wanted, state.way === opposite(firstWay(wanted)) ? state.way : firstWay(wanted));
  }

  document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
})();
