// Two variants in one place, shown in turn: the eye finds what changes. At one change in half a second it stays below
// the rate at which flashing harms; who prefers reduced motion swaps by hand.
(function () {
  "use strict";

  var PERIOD = 500;  // milliseconds

  bench.blink = function (cards, player) {
    var choices = Array.from(cards.querySelectorAll(".card")).filter(function (card) {
      return card.querySelector("video") && !card.querySelector("details.flash");
    });
    if (choices.length < 2) return null;
    var names = choices.map(function (card) { return card.querySelector("h3 a").textContent; });
    var keys = choices.map(function (card) { return card.id.replace(/-s\d+$/, ""); });
    var side = 0, timer = null, state = bench.state.read();
    var pair = [state.a, state.b].map(function (key, index) { return keys.indexOf(key) < 0 ? index : keys.indexOf(key); });

    var stage = bench.made("figure", "stage");
    stage.hidden = true;
    var canvas = bench.made("canvas");
    var caption = bench.made("figcaption");
    stage.append(canvas, caption);

    function video() { return choices[pair[side]].querySelector("video"); }

    function draw() {
      if (stage.hidden) return;
      var shown = video();
      canvas.width = shown.width;
      canvas.height = shown.height;
      if (shown.readyState >= 2) canvas.getContext("2d").drawImage(shown, 0, 0, canvas.width, canvas.height);
      caption.textContent = "AB"[side] + ": " + names[pair[side]];
      canvas.setAttribute("aria-label", caption.textContent);
    }

    function swap() { side = 1 - side; open(); draw(); }

    function open() {
      if (!stage.hidden) return;
      stage.hidden = false;
      if (!player.playing) player.seek(player.frame);
    }

    function blinking(on) {
      clearInterval(timer);
      timer = null;
      if (on) { open(); timer = setInterval(swap, PERIOD); }
      else stage.hidden = true;
      draw();
    }

    function chooser(which) {
      return bench.select("AB"[which], names.map(function (name, index) { return [name, String(index)]; }),
        String(pair[which]), function (value) {
          pair[which] = Number(value);
          side = which;
          bench.state.write({ a: keys[pair[0]], b: keys[pair[1]] });
          draw();
        });
    }

    canvas.setAttribute("role", "img");
    choices.forEach(function (card) {
      ["seeked", "loadeddata", "timeupdate"].forEach(function (name) {
        card.querySelector("video").addEventListener(name, draw);
      });
    });
    player.watch(draw);

    var bar = bench.made("div", "transport pair");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Two in one place");
    bar.append(chooser(0), chooser(1));
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) bar.append(bench.checkbox("Blink", false, blinking));
    bar.append(bench.button("Swap", "Swap A and B", swap));
    var element = bench.made("div");
    element.append(bar, stage);
    if (state.a || state.b) open();
    return { element: element, swap: swap };
  };
})();
