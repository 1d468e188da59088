"""How long the site takes: a board of 20 variants x 100 items x 12 metrics, numbers invented, without media.

    python benchmarks/site_render.py [--quick]

Prints a Markdown table of processor seconds: reading and validating the result files, everything that is computed from
them (intervals, ranks, comparisons, maps), the rendering of all pages; and at last, of seconds of the clock, all that
`harness publish` does, on as many cores as there are. A busy machine takes more of both. Ends with 1 where the whole
takes more than 10.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from harness.export import suite_record, write_result
from harness.keys import digest
from harness.model import Item, Protocol, Suite
from harness.render import environment, publish
from harness.site_media import SiteMedia
from harness.site_pages import Page, Pages
from harness.sitemodel import load_site
from harness.submission import SCHEMA

T = TypeVar("T")
LIMIT = 10.0  # seconds of the clock for the whole publication, at full size
PROFILED = 6  # of the metrics: those with a value for each eighth of the clip


def main() -> int:
    """Run once; 1 where the publication took longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="3 x 4 x 2: checks the script, measures nothing")
    variants, items, metrics = (3, 4, 2) if parser.parse_args().quick else (20, 100, 12)
    print("| step | seconds | result |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = write_files(folder / "published", variants, items, metrics)
        (model, _), seconds = timed(lambda: load_site(files))
        line("read, validate, intervals, ranks", seconds, f"{variants} files of {items} videos and {metrics} metrics")
        found, seconds = timed(lambda: [(page, page.context) for page in Pages(model, SiteMedia(False, {}, {}))])
        line("compute every page", seconds, f"{len(found)} pages")
        text, seconds = timed(lambda: render([made for made in found if made[0].path == "index.html"]))
        line("render the board", seconds, f"{text} bytes")
        text, seconds = timed(lambda: render(found))
        line("render every page", seconds, f"{text} bytes")
        started = time.perf_counter()
        report = publish(files, None, folder / "public", "none")
        seconds = time.perf_counter() - started  # of the clock: several processes write the pages
        line("harness publish, all of it", seconds, f"{report.pages} pages, {report.links} links, {report.bytes} bytes")
    if seconds > LIMIT:
        print(f"too slow: {seconds:.1f} s, at most {LIMIT:g} are promised", file=sys.stderr)
    return int(seconds > LIMIT)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def line(step: str, seconds: float, result: str) -> None:
    print(f"| {step} | {seconds:.2f} | {result} |", flush=True)


def render(found: list[tuple[Page, Mapping[str, Any]]]) -> int:
    theme = Path(__file__).resolve().parents[1] / "site" / "theme"
    jinja = environment(theme)
    assets = {name: name for name in ("site.css", "site.js", "pairs.js", "icon.svg")}
    total = 0
    for page, context in found:
        shared: dict[str, Any] = {"root": page.root, "here": page.path, "assets": assets}
        total += len(jinja.get_template(page.template).render(**context, **shared))
    return total


def write_files(folder: Path, variants: int, items: int, metrics: int) -> list[Path]:
    """Invented results: every variant a little worse than the one before, every item with a difficulty of its own."""
    rng = np.random.default_rng(0)
    made = tuple(Item(f"{i:03d}-item", f"prompt {i}", f"{i:064d}", 127, ("bench",)) for i in range(items))
    suite = Suite("bench", 1, "invented", Protocol(128, 512, 512, 25), made, (0,))
    hard = rng.normal(0, 1, (items, metrics))
    values = hard + rng.normal(0, 0.3, (variants, items, metrics)) + np.arange(variants)[:, None, None] / 20
    return [write_result(folder, result(suite, v, values[v])) for v in range(variants)]


def result(suite: Suite, number: int, values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    name = f"variant-{number:02d}"
    columns = [
        {
            **{"name": f"metric_{m:02d}", "version": 1, "better": ("lower", "higher")[m % 2], "unit": "", "beside": ""},
            **{
                "summary": f"metric {m}",
                "scope": "video",
                "key": digest("m", m),
                "aspect": "",
                "headline": m < PROFILED,
            },
        }
        for m in range(values.shape[1])
    ]
    return {
        "schema": SCHEMA,
        "suite": suite_record(suite),
        "variant": {
            **{"name": name, "revision": 1, "family": "bench", "role": "ablation" if number else "method"},
            **{"summary": "invented", "params": {}, "weights": {}, "key": digest("v", name)},
            **{"trainable_parameters": None, "training": None},
        },
        "metrics": columns,
        "run": {
            **{"id": "bench", "started_at": "2026-01-01T00:00:00+00:00", "finished_at": "2026-01-01T01:00:00+00:00"},
            **{"argv": ["bench"], "harness_version": "0", "git_commit": None, "git_dirty": None},
        },
        "environment": {},
        "failures": {},
        "set_scores": [],
        "rows": [row(name, item.slug, values[i]) for i, item in enumerate(suite.items)],
    }


def row(variant: str, item: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    sha256 = hashlib.sha256(f"{variant} {item}".encode()).hexdigest()
    scores = {
        f"metric_{m:02d}@1": {
            **{"value": float(value), "status": "ok", "reason": "", "coverage": 1.0, "detail": {}},
            "profile": [float(value) + e / 10 for e in range(8)] if m < PROFILED else [],
        }
        for m, value in enumerate(values)
    }
    return {
        "item": item,
        "seed": 0,
        "video": sha256,
        "frames": sha256,
        "seconds": 1.0 + values[0] ** 2,
        "scores": scores,
    }


if __name__ == "__main__":
    sys.exit(main())
