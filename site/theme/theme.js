// The reader's choice of theme. Without one, and without scripts, the system's holds.
(function () {
  "use strict";

  var NAMES = ["system", "light", "dark"];
  var root = document.documentElement;

  function stored() {
    try { return localStorage.getItem("theme"); } catch (error) { return null; }  // storage may be forbidden
  }

  function show(name) {
    if (name === "system") delete root.dataset.theme;
    else root.dataset.theme = name;
  }

  var current = NAMES.indexOf(stored()) > 0 ? stored() : "system";
  show(current);

  var button = bench.button("◐", "", function () {
    current = NAMES[(NAMES.indexOf(current) + 1) % NAMES.length];
    show(current);
    name();
    try { localStorage.setItem("theme", current); } catch (error) { return; }  // then it holds for this page
  });
  button.className = "theme";

  function name() { button.setAttribute("aria-label", "Theme: " + current); button.title = "Theme: " + current; }
  name();
  document.querySelector("header.top nav").append(button);
})();
