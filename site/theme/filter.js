// Filters of a board by role, family and text, and the choice of columns. All of it is kept in the address.
(function () {
  "use strict";

  var table = document.getElementById("board");
  if (!table || !("filters" in table.dataset)) return;
  var rows = Array.from(table.querySelectorAll("tbody tr:not(.group)"));
  var state = bench.state.read();
  var hidden = { role: split(state.norole), family: split(state.nofamily) };
  var query = state.q || "";

  function split(text) { return text ? text.split(",") : []; }

  // A family of controls is already their role.
  function distinct(name) {
    var told = rows.filter(function (row) { return name === "role" || row.dataset.role !== "control"; });
    return told.map(function (row) { return row.dataset[name]; }).filter(function (value, index, all) {
      return all.indexOf(value) === index;
    });
  }

  function matches(row) {
    var text = row.cells[0].textContent.toLowerCase();
    return hidden.role.indexOf(row.dataset.role) < 0 && hidden.family.indexOf(row.dataset.family) < 0 &&
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
    count.textContent = shown === rows.length ? rows.length + " rows" : shown + " of " + rows.length + " rows";
  }

  function changed() {
    apply();
    bench.state.write({ norole: hidden.role.join(","), nofamily: hidden.family.join(","), q: query });
  }

  function chips(name, title) {
    var values = distinct(name);
    if (values.length < 2) return [];
    var set = document.createElement("fieldset");
    var legend = document.createElement("legend");
    legend.textContent = title;
    set.append(legend);
    values.forEach(function (value) {
      set.append(bench.checkbox(value, hidden[name].indexOf(value) < 0, function (on) {
        hidden[name] = hidden[name].filter(function (each) { return each !== value; }).concat(on ? [] : [value]);
        changed();
      }));
    });
    return [set];
  }

  var bar = document.createElement("div");
  bar.className = "filters";
  bar.setAttribute("role", "search");
  bar.setAttribute("aria-label", "Rows of the board");
  var box = document.createElement("input");
  box.type = "search";
  box.placeholder = "name or description";
  box.value = query;
  box.addEventListener("input", function () { query = box.value; changed(); });
  var label = document.createElement("label");
  label.append("Find ", box);
  var count = document.createElement("output");
  bar.append(label);
  chips("role", "Role").concat(chips("family", "Family")).forEach(function (set) { bar.append(set); });
  bar.append(count);
  document.getElementById("board-controls").prepend(bar);

  var columns = document.getElementById("all-columns");
  if (columns) {
    columns.checked = state.columns === "all";
    columns.addEventListener("change", function () { bench.state.write({ columns: columns.checked ? "all" : "" }); });
  }
  apply();
})();
