// What a page's controls are set to, kept in the address: a link restores the view that it was copied from.
// Nothing is stored but the theme.
(function () {
  "use strict";

  var bench = window.bench = {};

  function read() {
    var found = {};
    if (location.hash.indexOf("=") < 0) return found;
    new URLSearchParams(location.hash.slice(1)).forEach(function (value, name) { found[name] = value; });
    return found;
  }

  // An empty value leaves the address. A fragment that names an anchor is not ours and stays until a control is used.
  function write(changes) {
    var all = Object.assign(read(), changes);
    var kept = new URLSearchParams();
    Object.keys(all).sort().forEach(function (name) { if (all[name]) kept.set(name, all[name]); });
    var text = kept.toString().replace(/%2C/g, ",");
    history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
  }

  bench.state = { read: read, write: write };

  // Another view of the same page was asked for, by hand: writing the address ourselves is no such event.
  addEventListener("hashchange", function () { if (location.hash.indexOf("=") >= 0) location.reload(); });

  bench.made = function (name, kind, text) {
    var element = document.createElement(name);
    if (kind) element.className = kind;
    if (text) element.textContent = text;
    return element;
  };

  bench.button = function (text, label, press) {
    var button = bench.made("button", "", text);
    button.type = "button";
    if (label) button.setAttribute("aria-label", label);
    button.addEventListener("click", press);
    return button;
  };

  bench.labelled = function (text, control) {
    var label = bench.made("label");
    label.append(control, " " + text);
    return label;
  };

  bench.checkbox = function (text, checked, change) {
    var box = bench.made("input");
    box.type = "checkbox";
    box.checked = checked;
    box.addEventListener("change", function () { change(box.checked); });
    return bench.labelled(text, box);
  };

  bench.select = function (text, options, chosen, change) {
    var select = bench.made("select");
    options.forEach(function (option) { select.append(new Option(option[0], option[1], false, option[1] === chosen)); });
    select.setAttribute("aria-label", text);  // or the options would be part of its name
    select.addEventListener("change", function () { change(select.value); });
    var label = bench.made("label");
    label.append(text + " ", select);
    return label;
  };
})();
