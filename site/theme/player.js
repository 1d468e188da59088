// Several videos of one length as one: they start, stop, step and loop together, and stay within half a frame.
(function () {
  "use strict";

  // A pause before playing has begun rejects the promise of play(): that is what was asked for.
  function interrupted(error) { if (error.name !== "AbortError") throw error; }

  // A time inside a frame, not on its edge, where rounding decides which of two frames is shown.
  function inside(frame, fps) { return (frame + 0.5) / fps; }

  bench.together = function (group, fps, frames) {
    var watchers = [];
    var self = { frame: 0, frames: frames, fps: fps, playing: false, rate: 1, loop: true };

    // Folded videos flash: they join only while they are shown.
    self.videos = function () {
      return Array.from(group.querySelectorAll("video")).filter(function (video) {
        var fold = video.closest("details");
        return !fold || fold.open;
      });
    };

    self.watch = function (watcher) { watchers.push(watcher); watcher(self); };

    function tell(frame) {
      self.frame = Math.max(0, Math.min(frames - 1, frame));
      watchers.forEach(function (watcher) { watcher(self); });
    }

    function load(videos) {
      videos.forEach(function (video) { if (video.preload !== "auto") video.preload = "auto"; });
      return videos;
    }

    function follow(leader, videos) {
      videos.forEach(function (video) {
        if (video !== leader && Math.abs(video.currentTime - leader.currentTime) > 0.5 / fps) {
          video.currentTime = leader.currentTime;
        }
      });
      tell(Math.floor(leader.currentTime * fps + 1e-6));
    }

    function again(leader) {
      if (!self.playing || self.videos()[0] !== leader) return;
      follow(leader, self.videos());
      if (leader.requestVideoFrameCallback) leader.requestVideoFrameCallback(function () { again(leader); });
      else requestAnimationFrame(function () { again(leader); });
    }

    function ended(leader) {
      if (!self.playing) return;
      if (self.loop) { self.seek(0); start(); }
      else { self.pause(); tell(frames - 1); }
      void leader;
    }

    function start() {
      var videos = load(self.videos());
      if (!videos.length) return;
      self.playing = true;
      videos.forEach(function (video) {
        video.playbackRate = self.rate;
        video.play().catch(interrupted);
      });
      videos[0].onended = function () { ended(videos[0]); };
      again(videos[0]);
      tell(self.frame);
    }

    self.play = function () {
      self.seek(self.frame >= frames - 1 ? 0 : self.frame);
      start();
    };

    self.pause = function () {
      self.playing = false;
      self.videos().forEach(function (video) { video.pause(); });
      tell(self.frame);
    };

    self.seek = function (frame) {
      tell(frame);
      load(self.videos()).forEach(function (video) { video.currentTime = inside(self.frame, fps); });
    };

    self.step = function (by) { self.pause(); self.seek(self.frame + by); };

    self.speed = function (rate) {
      self.rate = rate;
      self.videos().forEach(function (video) { video.playbackRate = rate; });
      tell(self.frame);
    };

    // The transport replaces each video's own controls and loop, which would part it from the others.
    group.querySelectorAll("video").forEach(function (video) {
      video.controls = false;
      video.loop = false;
      video.addEventListener("click", function () { if (self.playing) self.pause(); else self.play(); });
    });
    group.querySelectorAll("details.flash").forEach(function (fold) {
      fold.addEventListener("toggle", function () { self.pause(); self.seek(self.frame); });
    });
    return self;
  };
})();
