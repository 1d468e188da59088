"""Published results with chosen numbers, for the tests of comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.keys import digest
from harness.model import Item, Protocol, Score, Suite
from harness.submission import (
    PublishedMetric,
    PublishedRow,
    PublishedRun,
    PublishedSetScore,
    PublishedVariant,
    Submission,
)

Values = NDArray[np.float64]  # [items, seeds], NaN where there is no value
RUN = PublishedRun("r", "2026-11-24T06:00:00+00:00", None, ("harness",), "0.1.0", None, None)


def suite(items: int, seeds: Sequence[int] = (0,), version: int = 1, fps: int = 10) -> Suite:
    made = tuple(Item(f"{i:03d}", f"scene {i}", f"{i:064d}", 127) for i in range(items))
    return Suite("tiny", version, "for tests", Protocol(8, 8, 8, fps), made, tuple(seeds))


def metric(name: str, better: Any = "lower", scope: str = "video", version: int = 1) -> PublishedMetric:
    return PublishedMetric(name, version, better, "", name, scope, "", digest("m", name, version))


@dataclass(frozen=True)
class Made:
    """What a result is made from: values by metric name, [items, seeds], and set scores by metric name."""

    suite: Suite
    metrics: tuple[PublishedMetric, ...] = (metric("warp"),)
    sets: Mapping[str, tuple[float, float | None]] | None = None

    def result(
        self,
        name: str,
        values: Mapping[str, Values],
        profiles: Mapping[str, NDArray[np.float64]] | None = None,
        **variant: Any,
    ) -> Submission:
        """One variant's result. ``profiles`` [items, seeds, 8] by metric."""
        rows = []
        for i, item in enumerate(self.suite.items):
            for s, seed in enumerate(self.suite.seeds):
                scores = {
                    f"{m}@1": _score(table[i, s], None if profiles is None else profiles[m][i, s])
                    for m, table in values.items()
                }
                rows.append(PublishedRow(item.slug, seed, "0" * 64, "0" * 64, 1.0, scores))
        who: dict[str, Any] = {"role": "ablation", "family": "mini", "factors": {}, **variant}
        return Submission(
            self.suite,
            self.suite.key,
            PublishedVariant(
                name, 1, who["family"], who["role"], name, {}, {}, digest("v", name), None, None, who["factors"]
            ),
            self.metrics,
            RUN,
            {},
            {},
            tuple(
                PublishedSetScore(f"{m}@1", value, len(self.suite.items), stderr, None, None, {})
                for m, (value, stderr) in (self.sets or {}).items()
            ),
            tuple(rows),
        )

    def with_sets(self, **sets: tuple[float, float | None]) -> Made:
        return replace(self, sets=sets)


def _score(value: float, profile: NDArray[np.float64] | None) -> Score:
    if np.isnan(value):
        return Score.undefined("static")
    return Score(float(value), profile=() if profile is None else tuple(map(float, profile)))
