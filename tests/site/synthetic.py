"""Published files and masters for the site's tests: invented numbers, real clips of the procedural world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.export import dump
from harness.keys import digest, sha256_bytes, sha256_file
from harness.model import Frames, Item, Protocol, Suite
from harness.submission import SCHEMA, relative_path
from harness.suites.mini import world
from harness.video import write_master

FPS = 10
EIGHTHS = range(8)
LEVEL = [0.5] * 8  # a profile that no curve is drawn of
METRICS: tuple[dict[str, Any], ...] = (
    {
        "name": "warp_error",
        "better": "lower",
        "unit": "MSE of [0, 1] colours",
        "summary": "flicker",
        "beside": "dynamic_rate",
    },
    {
        "name": "flow_smoothness",
        "better": "higher",
        "unit": "1 - acceleration / speed",
        "summary": "smoothness",
        "beside": "dynamic_rate",
    },
    {
        "name": "dynamic_rate",
        "better": "none",
        "unit": "share of videos",
        "summary": "share of videos in which something moves",
        "profile": "pace of the fastest pixels",
        "profile_unit": "% of the short side",
    },
    {"name": "ff_ssim", "better": "higher", "unit": "SSIM", "summary": "first-frame fidelity"},
    {
        **{
            "name": "fd_world",
            "better": "lower",
            "unit": "squared feature distance",
            "summary": "video quality",
            "scope": "set",
        },
        "beside": "kvd_world",
    },
    {"name": "kvd_world", "better": "lower", "unit": "MMD^2", "summary": "unbiased distance", "scope": "set"},
)


ASPECTS = {
    **{"fd_world": "quality", "kvd_world": "quality", "warp_error": "flicker"},
    **{"flow_smoothness": "motion", "dynamic_rate": "motion", "ff_ssim": "fidelity"},
}


@dataclass(frozen=True)
class Look:
    """What a synthetic variant's videos and numbers are like."""

    name: str
    role: str
    family: str = "mini"
    level: float = 1.0
    seconds: float = 1.2
    still: bool = False
    change: Callable[[Frames, np.random.Generator], Frames] = lambda frames, rng: frames
    fields: Mapping[str, Any] = field(default_factory=dict)


def noisy(sigma: float) -> Callable[[Frames, np.random.Generator], Frames]:
    """Add noise of a standard deviation in grey levels."""

    def change(frames: Frames, rng: np.random.Generator) -> Frames:
        moved = frames.astype(np.int16) + rng.normal(0, sigma, frames.shape).astype(np.int16)
        return np.clip(moved, 0, 255).astype(np.uint8)

    return change


def held(frames: Frames, rng: np.random.Generator) -> Frames:
    """The first frame for ever."""
    return np.repeat(frames[:1], len(frames), axis=0)


def flicker(frames: Frames, rng: np.random.Generator) -> Frames:
    """Every other frame at a third of its brightness."""
    odd = (np.arange(len(frames)) % 2)[:, None, None, None]
    return np.where(odd, frames // 3, frames).astype(np.uint8)


LOOKS = (
    Look("mini-exvideo", "method", level=1.0, change=noisy(2)),
    Look("mini-no-conv", "ablation", level=1.3, change=noisy(8)),
    Look("mini-pos-static", "ablation", level=1.25, change=noisy(6)),
    Look("mini-svd-direct", "baseline", level=1.9, seconds=1.0, change=noisy(14)),
    Look("control-still", "control", "control", 0.0, 0.01, still=True, change=held),
    Look("control-flicker", "control", "control", 6.0, 0.01, change=flicker),
)


def small_suite(items: int = 3, name: str = "demo", frames: int = 12, seeds: Sequence[int] = (0,)) -> Suite:
    """A suite of clips of the procedural world; its images are not installed anywhere."""
    protocol = Protocol(num_frames=frames, height=64, width=64, fps=FPS)
    made = []
    for index in range(items):
        scene = world.sample_scene(index)
        image = sha256_bytes(f"image {index}".encode())
        made.append(Item(f"{index:03d}-scene", world.describe(scene), image, 127, ("demo",)))
    return Suite(name, 1, "Clips of the procedural world, for tests", protocol, tuple(made), tuple(seeds), 32)


def result(suite: Suite, look: Look, videos: Mapping[tuple[str, int], str] | None = None) -> dict[str, Any]:
    """The content of one published file. ``videos``: sha256 by item and seed, invented where it is missing."""
    rng = np.random.Generator(np.random.Philox(key=int(digest("look", look.name)[:8], 16)))
    rows = [_row(item.slug, seed, look, videos or {}, rng) for item in suite.items for seed in suite.seeds]
    manifest = suite.manifest()
    return {
        "schema": SCHEMA,
        "suite": {
            **{"name": suite.name, "version": suite.version, "key": suite.key, "summary": suite.summary},
            **{part: manifest[part] for part in ("protocol", "seeds", "reference_size", "items")},
        },
        "variant": _variant(look),
        "metrics": [_metric(m) for m in METRICS],
        "run": {
            **{"id": "01a2", "started_at": "2026-11-24T06:00:00+00:00", "finished_at": "2026-11-24T06:20:00+00:00"},
            **{"argv": ["harness", "run", "--variants", "all"], "harness_version": "0.1.0"},
            **{"git_commit": "0" * 40, "git_dirty": False},
        },
        "environment": {"python": "3.11.9", "cpu": "a processor", "gpu": None, "packages": {"torch": "2.9.0"}},
        "failures": {},
        "set_scores": [
            _set_score(name, look, len(suite.items)) for name in ("fd_world", "kvd_world") if len(suite.items) > 1
        ],
        "rows": sorted(rows, key=lambda row: (row["item"], row["seed"])),
    }


def write_result(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write a published file where its content says it belongs."""
    suite, variant = content["suite"], content["variant"]
    path = folder / relative_path(suite["name"], suite["version"], variant["name"], variant["revision"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dump(content))
    return path


def write_masters(folder: Path, suite: Suite, look: Look, limit: int | None = None) -> dict[tuple[str, int], str]:
    """Make and store the variant's videos of the first ``limit`` items; returns their sha256 by item and seed."""
    found = {}
    for index, item in enumerate(suite.items[:limit]):
        frames = world.render(world.sample_scene(index), suite.protocol.num_frames)
        for seed in suite.seeds:
            rng = np.random.Generator(np.random.Philox(key=index * 100 + seed))
            temporary = folder / "writing.mkv"
            folder.mkdir(parents=True, exist_ok=True)
            write_master(temporary, look.change(frames, rng), suite.protocol.fps)
            sha256 = sha256_file(temporary)
            target = folder / sha256[:2] / f"{sha256}.mkv"
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.rename(target)
            found[item.slug, seed] = sha256
    return found


def _variant(look: Look) -> dict[str, Any]:
    tuned = look.role in ("method", "ablation")
    variant = {
        **{"name": look.name, "revision": 1, "family": look.family, "role": look.role},
        **{"summary": f"the {look.role} called {look.name}", "params": {"steps": 15, "positions": "reflect"}},
        **{"weights": {"unet": sha256_bytes(look.name.encode())} if tuned else {}, "key": digest("v", look.name)},
        **{"trainable_parameters": 3_270_000 if tuned else None, "training": {"steps": 1500} if tuned else None},
    }
    return {**variant, **look.fields}


def _metric(metric: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{"name": metric["name"], "version": 1, "better": metric["better"], "unit": metric["unit"]},
        **{"summary": metric["summary"], "scope": metric.get("scope", "video"), "beside": metric.get("beside", "")},
        **{"aspect": ASPECTS[metric["name"]], "headline": metric["name"] != "kvd_world"},
        **{name: metric[name] for name in ("profile", "profile_unit") if name in metric},
        "key": digest("m", metric["name"]),
    }


def _set_score(name: str, look: Look, n: int) -> dict[str, Any]:
    value = 4.0 + 3 * look.level
    return {
        **{"metric": f"{name}@1", "value": value, "n": n, "stderr": 0.2 * value},
        **{"ci_low": value * 0.6, "ci_high": value * 1.4, "detail": {"floor": 1.5}},
    }


def _row(
    item: str, seed: int, look: Look, videos: Mapping[tuple[str, int], str], rng: np.random.Generator
) -> dict[str, Any]:
    video = videos.get((item, seed)) or sha256_bytes(f"{look.name} {item} {seed}".encode())
    flicker = float(0.004 * look.level * np.exp(rng.normal(0, 0.4)))
    smooth = float(np.clip(0.95 - 0.1 * look.level + rng.normal(0, 0.03), 0, 1))
    static: dict[str, Any] = {
        "value": None,
        "status": "undefined",
        "reason": "static",
        "coverage": 0.98,
        "detail": {},
        "profile": [],
    }
    return {
        **{"item": item, "seed": seed, "video": video, "frames": sha256_bytes(video.encode())},
        "seconds": float(look.seconds * (1 + 0.05 * rng.random())),
        "scores": {
            "warp_error@1": _ok(flicker, [flicker * (1 + 0.1 * look.level * e) for e in EIGHTHS]),
            "flow_smoothness@1": static if look.still else _ok(smooth, []),
            "dynamic_rate@1": _ok(
                0.0 if look.still else float(rng.random() < 0.85), [look.level + e for e in range(8)]
            ),
            "ff_ssim@1": _ok(float(np.clip(0.97 - 0.03 * look.level + rng.normal(0, 0.01), 0, 1)), LEVEL),
        },
    }


def _ok(value: float, profile: list[float]) -> dict[str, Any]:
    return {"value": value, "status": "ok", "reason": "", "coverage": 0.97, "detail": {}, "profile": profile}
