// One transport for all videos of an item, its keys, and the playheads in curves, slices and strips.
(function () {
  "use strict";

  var RATES = [0.1, 0.25, 0.5, 1, 2];
  var KEYS = "Keys: space plays, ← → step, [ ] change speed, b swaps A and B";
  var current = null;  // what the keys act on: the group that was used last
  var keysOn = true;

  function words(player) {
    return "frame " + (player.frame + 1) + " of " + player.frames + ", " + (player.frame / player.fps).toFixed(1) + " s";
  }

  function scrubber(player) {
    var range = bench.made("input");
    range.type = "range";
    range.min = 0;
    range.max = player.frames - 1;
    range.step = 1;
    range.setAttribute("aria-label", "Frame");
    range.addEventListener("input", function () {
      var wanted = Number(range.value);  // before pausing, which sets the range to where the videos are
      player.pause();
      player.seek(wanted);
    });
    player.watch(function () {
      range.value = player.frame;
      range.setAttribute("aria-valuetext", words(player));
    });
    return range;
  }

  // Where a video that is shown would flash at double speed, that speed is not offered.
  function ratesOf(group) {
    return group.querySelector("video[data-hurried]:not(.flash video)") ? RATES.slice(0, -1) : RATES;
  }

  // Frame and speed are in the address, once a reader has changed them.
  function remember(player, rates) {
    var state = bench.state.read(), rate = Number(state.speed), known, timer;
    if (rates.indexOf(rate) >= 0) player.speed(rate);
    if (state.f > 1) player.seek((state.f | 0) - 1);
    player.watch(function () {
      var told = { f: player.frame + 1, speed: player.rate === 1 ? "" : player.rate };
      var text = told.f + "," + told.speed;
      if (player.playing || text === known) return;
      clearTimeout(timer);
      if (known) timer = setTimeout(function () { bench.state.write(told); }, 250);  // browsers refuse a flood of these
      known = text;
    });
  }

  function transport(player, rates) {
    var bar = bench.made("div", "transport");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "All videos");
    var play = bench.button("Play", "", function () { if (player.playing) player.pause(); else player.play(); });
    play.className = "play";
    var readout = bench.made("output");
    var speed = bench.select("Speed", rates.map(function (rate) { return [rate + "×", String(rate)]; }), "1",
      function (value) { player.speed(Number(value)); });
    remember(player, rates);
    player.watch(function () {
      play.textContent = player.playing ? "Pause" : "Play";
      readout.textContent = words(player);
      speed.querySelector("select").value = String(player.rate);
    });
    bar.append(
      play,
      bench.button("◂", "One frame back", function () { player.step(-1); }),
      scrubber(player),
      bench.button("▸", "One frame on", function () { player.step(1); }),
      readout, speed,
      bench.checkbox("Loop", true, function (on) { player.loop = on; }),
      bench.checkbox("Keys", keysOn, function (on) { keysOn = on; })
    );
    bar.lastChild.title = KEYS;
    return bar;
  }

  // What shows the moment: x in curves, y in slices (one row a frame), the nearest of eight frames in strips.
  function playheads(group, player) {
    var lines = Array.from(group.querySelectorAll("svg[data-course]"));
    var marks = Array.from(group.querySelectorAll(".slice, .film")).map(function (frame) {
      var mark = bench.made("span", "moment");
      frame.append(mark);
      return { mark: mark, film: frame.className === "film" };
    });
    player.watch(function () {
      var share = (player.frame + 0.5) / player.frames;
      lines.forEach(function (svg) {
        var left = Number(svg.dataset.left), x = left + share * (Number(svg.dataset.right) - left);
        var head = svg.querySelector(".playhead");
        head.setAttribute("x1", x);
        head.setAttribute("x2", x);
      });
      var picked = Math.round(player.frame / Math.max(1, player.frames - 1) * 7);
      marks.forEach(function (each) {
        if (each.film) each.mark.style.left = picked * 12.5 + "%";
        else each.mark.style.top = share * 100 + "%";
      });
    });
  }

  function faster(player, by) {
    var rates = current.rates, at = rates.indexOf(player.rate) + by;
    if (at >= 0 && at < rates.length) player.speed(rates[at]);
  }

  function key(event) {
    var used = /^(INPUT|SELECT|TEXTAREA|SUMMARY)$/.test(event.target.tagName);
    if (!current || !keysOn || used || event.ctrlKey || event.metaKey || event.altKey) return;
    var player = current.player;
    var acts = {
      ArrowLeft: function () { player.step(-1); },
      ArrowRight: function () { player.step(1); },
      "[": function () { faster(player, -1); },
      "]": function () { faster(player, 1); },
      b: function () { if (current.blink) current.blink.swap(); },
    };
    if (!/^(BUTTON|A)$/.test(event.target.tagName)) {
      acts[" "] = function () { if (player.playing) player.pause(); else player.play(); };
    }
    if (!acts[event.key] || event.target.closest(".scroll") && /^Arrow/.test(event.key)) return;
    event.preventDefault();
    acts[event.key]();
  }

  document.querySelectorAll("[data-together]").forEach(function (group) {
    var cards = group.querySelector("[data-players]");
    if (!cards.querySelector("video")) return;
    var player = bench.together(group, Number(group.dataset.fps), Number(group.dataset.frames));
    var rates = ratesOf(group);
    var entry = { player: player, rates: rates, blink: bench.blink(cards, player) };
    cards.before(transport(player, rates));
    if (entry.blink) cards.before(entry.blink.element);
    playheads(group, player);
    group.addEventListener("pointerdown", function () { current = entry; });
    group.addEventListener("focusin", function () { current = entry; });
    current = current || entry;
  });
  if (current) document.addEventListener("keydown", key);
})();
