"""The page on which a reader chooses any two rows of a board, controls among them. Pure.

The page's script pairs the numbers as `harness compare` does: a video metric by item and seed, with a t interval over
the items, and a set metric by the values of its jackknife. It tests nothing: tested pairs have pages of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.set_detail import SetDetail
from harness.site_board import Board, has_column
from harness.site_compare import Comparisons, pair_path
from harness.site_text import plain, stem
from harness.stats_intervals import RATE, t_quantile
from harness.stats_sets import MAX_GROUPS
from harness.submission import PublishedMetric, Submission

DIGITS = 6  # significant ones of a score, more than are shown
VARIABLE = "EXVIDEO_PAIRS"
HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


@dataclass(frozen=True)
class AnyPair:
    """The page's numbers as a script of its own, ``text``, which lies at ``script`` in the site."""

    board: Board
    script: str
    text: str


def any_path(board: Board) -> str:
    """Where the page lies."""
    return f"compare/{stem(board.suite.label)}/any.html"


def any_pair(found: Comparisons, submissions: Sequence[Submission]) -> AnyPair:
    """The page of a board with its numbers; the file's name changes with what is in it."""
    board = found.board
    numbers = json.dumps(_numbers(found, submissions), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    text = f"window.{VARIABLE} = {numbers.translate(HTML)};\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return AnyPair(board, f"data/{stem(board.suite.label)}.pairs.{digest}.js", text)


def _numbers(found: Comparisons, submissions: Sequence[Submission]) -> dict[str, Any]:
    from scipy.special import ndtri

    board = found.board
    mine = {s.variant.label: s for s in submissions if s.suite.label == board.suite.label}
    rows = [mine[row.variant.label] for row in board.rows]
    sizes = {len(s.suite.items) for s in rows} | {s.n for row in rows for s in row.set_scores}
    return {
        "suite": board.suite.label,
        "reference": found.reference.label,
        "items": [item.slug for item in board.suite.items],
        "variants": [_variant(row) for row in rows],
        "metrics": [_metric(metric, rows) for metric in board.metrics],
        # Quantiles at 0.975, of t by degrees of freedom from 1 on: the script has no distributions of its own.
        "t": [round(t_quantile(0.975, freedom), DIGITS) for freedom in range(1, max(sizes, default=1) + 3)],
        "z": float(ndtri(0.975)),
        "groups": MAX_GROUPS,
        "pages": {f"{p.a.label} {p.b.label}": pair_path(board, p.a, p.b).rpartition("/")[2] for p in found.pairs},
    }


def _variant(row: Submission) -> dict[str, Any]:
    variant = row.variant
    return {
        "label": variant.label,
        "role": variant.role,
        "summary": plain(variant.summary),
        "page": f"variants/{stem(variant.label)}.html",
    }


def _metric(metric: PublishedMetric, rows: Sequence[Submission]) -> dict[str, Any]:
    values = _videos if metric.scope == "video" else _set
    return {
        "label": metric.label,
        "better": metric.better,
        "set": metric.scope == "set",
        "rate": metric.unit == RATE,
        "page": f"metrics/{stem(metric.label)}.html",
        "values": [values(row, metric) if has_column(row, metric) else None for row in rows],
    }


def _videos(row: Submission, metric: PublishedMetric) -> list[list[float | None]] | None:
    """By item and seed of the suite, None where there is no value."""
    scores = {(r.item, r.seed): r.scores[metric.label].value for r in row.rows if metric.label in r.scores}
    if not any(value is not None for value in scores.values()):
        return None
    return [[_rounded(scores.get((item.slug, seed))) for seed in row.suite.seeds] for item in row.suite.items]


def _set(row: Submission, metric: PublishedMetric) -> Mapping[str, Any] | None:
    score = next((s for s in row.set_scores if s.metric == metric.label), None)
    if score is None:
        return None
    told = SetDetail.read(score.detail)
    return {
        "value": _rounded(score.value),
        "low": _rounded(score.ci_low),
        "high": _rounded(score.ci_high),
        "stderr": _rounded(score.stderr),
        "n": score.n,
        "reference": told.reference,
        "without": [_rounded(value) for value in told.jackknife],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(np.format_float_scientific(value, DIGITS - 1))
