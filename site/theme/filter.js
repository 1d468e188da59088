// Filters of a board by role, family and text, and the choice of columns. All of it is kept in the address.
(function () {
  "use strict";

  var table = document.getElementById("board");
  if (!table || !("filters" in table.dataset)) return;
  var rows = Array.from(table.querySelectorAll("tbody tr:not(.group)"));
  var state = bench.state.read();
  var query = state.q || "";
  var heads = Array.from(table.tHead.rows[0].cells).slice(1);
  var names = rows.map(nameOf), keys = heads.map(function (head) { return head.dataset.key; }).filter(Boolean);
  var hidden = { role: split(state.norole), family: split(state.nofamily), hide: names.concat(keys).filter(isLeft) };

  function split(text) { return text ? text.split(",") : []; }

  // A family of controls is already their role.
  function distinct(name) {
    var told = rows.filter(function (row) { return name === "role" || row.dataset.role !== "control"; });
    return told.map(function (row) { return row.dataset[name]; }).filter(function (value, index, all) {
      return all.indexOf(value) === index;
    }).sort();  // not as the rows happen to stand
  }

  // Rows by name and columns by key; one in a link may end in *.
  function isLeft(name) {
    return split(state.hide).some(function (each) {
      return each.slice(-1) === "*" ? name.indexOf(each.slice(0, -1)) === 0 : name === each;
    });
  }

  function shows(name, value) { return hidden[name].indexOf(value) < 0; }

  function nameOf(row) { return row.querySelector(".name").textContent; }

  function matches(row) {
    var text = row.cells[0].textContent.toLowerCase();
    return shows("hide", nameOf(row)) && shows("role", row.dataset.role) && shows("family", row.dataset.family) &&
      query.toLowerCase().split(/\s+/).every(function (word) { return text.indexOf(word) >= 0; });
  }

  function apply() {
    var shown = 0;
    rows.forEach(function (row) {
      row.hidden = !matches(row);
      if (!row.hidden) shown += 1;
    });
    table.querySelectorAll("tbody").forEach(function (body) {
      var group = body.querySelector(".group");
      if (group) group.hidden = !body.querySelector("tr:not(.group):not([hidden])");
    });
    heads.forEach(function (head) {
      var gone = !shows("hide", head.dataset.key);
      [head.parentNode].concat(rows).forEach(function (row) { row.cells[head.cellIndex].hidden = gone; });
    });
    count.textContent = shown === rows.length ? rows.length + " rows" : shown + " of " + rows.length + " rows";
  }

  function changed() {
    apply();
    bench.state.write({ norole: hidden.role.join(","), nofamily: hidden.family.join(","), q: query, hide: hidden.hide.join(",") });
  }

  function boxes(set, title, name, values) {
    set.append(title);
    values.forEach(function (value) {
      set.append(bench.checkbox(value, shows(name, value), function (on) {
        hidden[name] = hidden[name].filter(function (each) { return each !== value; }).concat(on ? [] : [value]);
        changed();
      }));
    });
    return set;
  }

  function chips(name, title) {
    var values = distinct(name);
    return values.length < 2 ? "" : boxes(bench.made("fieldset"), bench.made("legend", "", title), name, values);
  }

  function fold(title, values) { return boxes(bench.made("details"), bench.made("summary", "", title), "hide", values); }

  var bar = bench.made("div", "filters");
  bar.setAttribute("role", "search");
  bar.setAttribute("aria-label", "Rows of the board");
  var box = bench.made("input");
  box.type = "search";
  box.placeholder = "name or description";
  box.value = query;
  box.addEventListener("input", function () { query = box.value; changed(); });
  var label = bench.made("label");
  label.append("Find ", box);
  var count = bench.made("output");
  bar.append(label, chips("role", "Role"), chips("family", "Family"), fold("Rows", names), fold("Columns", keys), count);
  document.getElementById("board-controls").prepend(bar);

  var columns = document.getElementById("all-columns");
  if (columns) {
    columns.checked = state.columns === "all";
    columns.addEventListener("change", function () { bench.state.write({ columns: columns.checked ? "all" : "" }); });
  }
  apply();
})();
