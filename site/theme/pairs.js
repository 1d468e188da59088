// Any two rows of a board, chosen by the reader. Numbers are paired and rounded as `harness compare` does it.
(function () {
  "use strict";

  var all = window.EXVIDEO_PAIRS, place = document.querySelector("[data-pairs]");
  if (!all || !place) return;
  var root = place.dataset.pairs, labels = all.variants.map(function (v) { return v.label; });

  function mean(values) { return values.reduce(function (a, b) { return a + b; }, 0) / values.length; }

  function deviation(values) {
    var centre = mean(values);
    return Math.sqrt(values.reduce(function (sum, v) { return sum + (v - centre) * (v - centre); }, 0) / (values.length - 1));
  }

  // A mean with its t interval.
  function estimate(values) {
    var half = all.t[values.length - 2] * deviation(values) / Math.sqrt(values.length), value = mean(values);
    return { value: value, low: value - half, high: value + half };
  }

  // A rate of yes and no: Wilson's interval, or where seeds disagree a t interval that stays within [0, 1].
  function rate(values) {
    if (values.some(function (v) { return v < 0 || v > 1; })) return estimate(values);
    var n = values.length, value = mean(values), found = estimate(values);
    if (values.some(function (v) { return v !== 0 && v !== 1; })) {
      return { value: value, low: Math.max(found.low, 0), high: Math.min(found.high, 1) };
    }
    var z2 = all.z * all.z, centre = (value + z2 / (2 * n)) / (1 + z2 / n);
    var half = Math.sqrt(z2 * (value * (1 - value) / n + z2 / (4 * n * n))) / (1 + z2 / n);
    return { value: value, low: value ? centre - half : 0, high: value < 1 ? centre + half : 1 };
  }

  // The difference of two rates: its spread is taken with one more item of each sign (Bonett and Price 2012).
  function rates(differences) {
    var found = estimate(differences), wide = estimate(differences.concat([1, -1])), half = (wide.high - wide.low) / 2;
    if (differences.some(function (d) { return Math.abs(d) > 1; })) return found;
    return { value: found.value, low: found.value - half, high: found.value + half };
  }

  // Seeds that both have, averaged within the item; items that both have.
  function common(a, b) {
    var found = [];
    all.items.forEach(function (item, i) {
      var both = a[i].map(function (value, s) { return [value, b[i][s]]; })
        .filter(function (pair) { return pair[0] !== null && pair[1] !== null; });
      if (!both.length) return;
      found.push({ item: item, a: mean(both.map(function (p) { return p[0]; })), b: mean(both.map(function (p) { return p[1]; })) });
    });
    return found;
  }

  function videos(a, b, interval) {
    var items = common(a, b);
    if (items.length < 2) return "fewer than two items have a value on both sides";
    var differences = items.map(function (i) { return i.b - i.a; }), first = items.map(function (i) { return i.a; });
    var furthest = items.slice().sort(function (x, y) { return Math.abs(y.b - y.a) - Math.abs(x.b - x.a); })[0];
    var spread = deviation(first), difference = (interval === rate ? rates : estimate)(differences);
    return {
      a: interval(first), b: interval(items.map(function (i) { return i.b; })), difference: difference, n: items.length,
      sds: spread ? difference.value / spread : null, item: furthest.b === furthest.a ? "" : furthest.item
    };
  }

  // The jackknife with groups of unequal size (Busing et al. 1999, eq. 8): a standard error.
  function jackknife(value, without, n) {
    var groups = without.length, squares = 0, centre = groups * value;
    var shares = without.map(function (_, g) { return n / (Math.floor(n / groups) + (g < n % groups ? 1 : 0)); });
    without.forEach(function (v, g) { centre -= (1 - 1 / shares[g]) * v; });
    without.forEach(function (v, g) {
      var pseudo = shares[g] * value - (shares[g] - 1) * v;
      squares += (pseudo - centre) * (pseudo - centre) / (shares[g] - 1);
    });
    return Math.sqrt(squares / groups);
  }

  // Of the values without each group, and else of two jackknives that are taken as independent.
  function error(a, b) {
    var groups = Math.min(all.groups, a.n);
    if (groups > 2 && a.without.length === groups && b.without.length === groups) {
      return jackknife(b.value - a.value, b.without.map(function (v, g) { return v - a.without[g]; }), a.n);
    }
    return a.stderr === null || b.stderr === null ? null : Math.hypot(a.stderr, b.stderr);
  }

  function sets(a, b) {
    if (a.n !== b.n) return "n is " + a.n + " and " + b.n + ": a set distance compares at equal n only";
    if (a.reference && b.reference && a.reference !== b.reference) return "measured against different reference sets";
    var value = b.value - a.value, found = error(a, b), half = found * all.t[Math.min(all.groups, a.n) - 2];
    var difference = { value: value, low: found === null ? null : value - half, high: found === null ? null : value + half };
    return { a: a, b: b, difference: difference, n: a.n, sds: null, item: "" };
  }

  function decimals(values, digits) {
    var largest = Math.max.apply(null, values.map(function (v) { return v === null ? 0 : Math.abs(v); }));
    return largest ? Math.min(9, Math.max(0, digits - 1 - Math.floor(Math.log10(largest)))) : digits - 1;
  }

  function number(value, places) {
    var text = value.toFixed(places);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
  }

  function signed(value, places) {
    var text = number(value, places);
    return Number(value.toFixed(places)) > 0 ? "+" + text : text;
  }

  function side(found, places) {
    if (found.low === null || found.high === null) return number(found.value, places);
    var below = found.value - found.low, above = found.high - found.value;
    if (Math.abs(above - below) > 1e-4 * (above + below)) {  // the ends have six digits
      return number(found.value, places) + " [" + number(found.low, places) + ", " + number(found.high, places) + "]";
    }
    return number(found.value, places) + " \u00b1 " + number(above, places);
  }

  function element(name, text, inside) {
    var made = document.createElement(name);
    if (text) made.textContent = text;
    if (inside) made.append(inside);
    return made;
  }

  function link(text, target) {
    var made = element("a", text);
    if (root) made.href = root + target;  // a page that is a file of its own leads nowhere
    return made;
  }

  function line(metric, a, b) {
    var row = element("tr"), head = element("th", "", link(metric.label.split("@")[0], metric.page));
    head.scope = "row";
    head.append({ lower: " \u2193", higher: " \u2191", none: " \u25cb" }[metric.better]);
    row.append(head);
    var values = [metric.values[a], metric.values[b]];
    var found = values[0] && values[1] ? (metric.set ? sets : videos)(values[0], values[1], metric.rate ? rate : estimate)
      : "no value for " + [labels[a], labels[b]].filter(function (_, s) { return !values[s]; }).join(" and ");
    if (typeof found === "string") {
      var why = element("td", "", element("span", found));
      why.colSpan = 6;
      why.firstChild.className = "absent";
      row.append(why);
      return row;
    }
    var d = found.difference, places = decimals([found.a.value, found.b.value], 3);
    var fine = Math.max(places, decimals([d.value, d.low, d.high], 2));
    var middle = element("td", "", element("strong", signed(d.value, fine)));
    var interval = element("span", d.low === null ? "\u2013" : "[" + signed(d.low, fine) + ", " + signed(d.high, fine) + "]");
    interval.className = "half";
    middle.append(element("br"), interval);
    row.append(element("td", side(found.a, places)), element("td", side(found.b, places)), middle);
    row.append(element("td", found.sds === null ? "\u2013" : signed(found.sds, 1)), element("td", String(found.n)));
    var suite = all.suite.replace("@", "-");
    row.append(found.item ? element("td", "", link(found.item, "items/" + suite + "/" + found.item + ".html")) : element("td", "\u2013"));
    return row;
  }

  // A row by its label or as addresses have it, mini-exvideo-1; -1 where there is none of that name.
  function chosen(name, otherwise) {
    if (!asked[name]) return otherwise;
    var at = labels.indexOf(asked[name]);
    return at < 0 ? labels.map(function (label) { return label.replace("@", "-"); }).indexOf(asked[name]) : at;
  }

  var asked = bench.state.read(), a = chosen("a", labels.indexOf(all.reference)), b = chosen("b", a ? 0 : 1);
  var body = place.querySelector("tbody"), said = place.querySelector("[data-said]");

  function show() {
    var unknown = [[a, asked.a], [b, asked.b]].filter(function (side) { return side[0] < 0; });
    body.replaceChildren.apply(body, a === b || unknown.length ? [] : all.metrics.map(function (metric) { return line(metric, a, b); }));
    said.replaceChildren();
    if (unknown.length) {
      said.append("There is no row " + unknown.map(function (side) { return side[1]; }).join(" or ") + " here: choose another.");
      return;
    }
    if (a === b) { said.append("A variant does not differ from itself: choose another."); return; }
    said.append("A is ", link(labels[a], all.variants[a].page), ", " + all.variants[a].summary + ". B is ",
      link(labels[b], all.variants[b].page), ", " + all.variants[b].summary + ". ");
    var page = all.pages[labels[a] + " " + labels[b]], turned = all.pages[labels[b] + " " + labels[a]];
    var suite = "compare/" + all.suite.replace("@", "-") + "/";
    if (page || turned) said.append(link("This pair with tests" + (page ? "" : ", the other way round"), suite + (page || turned)), ". ");
    said.append("With tests: ", element("code", "harness compare " + labels[a] + " " + labels[b] + " --suite " + all.suite));
  }

  function pick(name, text, now, set) {
    var options = labels.map(function (label, i) { return [label + (all.variants[i].role === "control" ? " (control)" : ""), label]; });
    if (now < 0) options.unshift(["none", ""]);
    return bench.select(text, options, now < 0 ? "" : labels[now], function (label) {
      set(labels.indexOf(label));
      var changes = {};
      changes[name] = label;
      bench.state.write(changes);
      show();
    });
  }

  place.querySelector("[data-choose]").append(
    pick("a", "A", a, function (i) { a = i; }), " ", pick("b", "B", b, function (i) { b = i; }));
  show();
  place.classList.add("ready");
})();
