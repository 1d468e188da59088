"""Sentences about single videos that stand beside them, and in place of them for who cannot see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from harness.media import Preview
from harness.site_text import number
from harness.sitemodel import VideoView
from harness.submission import PublishedMetric

Key = tuple[str, str, int]  # variant's label, item's slug, seed


def findings(videos: Sequence[VideoView], of: str) -> Mapping[Key, str]:
    """For every video, one score against the median of those of ``videos`` that compete, which ``of`` names.

    The metric is the headline column of flicker, or the first headline column where none measures that. Nothing is
    said of a video without a value.
    """
    metric = _metric(videos)
    if metric is None:
        return {}
    values = {_key(view): value for view in videos if (value := _value(view, metric)) is not None}
    competing = [values[_key(view)] for view in videos if view.variant.role != "control" and _key(view) in values]
    middle = median(competing or list(values.values())) if values else 0.0
    return {
        key: f"{metric.name} {number(value)}, {_place(value, middle)} the median {of}" for key, value in values.items()
    }


def finding(found: Mapping[Key, str], view: VideoView) -> str:
    """What is said of one video, empty where nothing is."""
    return found.get(_key(view), "")


def shape(view: VideoView) -> str:
    """What a video is: its frames and pixels."""
    protocol = view.suite.protocol
    return f"{protocol.num_frames} frames of {protocol.width}×{protocol.height} pixels"


def change(preview: Preview, frames: int) -> str:
    """Where in its ``frames`` a video changes most, which its slice shows."""
    return "nothing changes" if preview.peak is None else f"most changes at frame {preview.peak + 1} of {frames}"


def _metric(videos: Iterable[VideoView]) -> PublishedMetric | None:
    columns = [s.metric for view in videos for s in view.scores if s.metric.headline and s.metric.better != "none"]
    return next((m for m in columns if m.aspect == "flicker"), columns[0] if columns else None)


def _value(view: VideoView, metric: PublishedMetric) -> float | None:
    return next((s.score.value for s in view.scores if s.metric == metric and s.score is not None), None)


def _place(value: float, middle: float) -> str:
    return "at" if value == middle else "above" if value > middle else "below"


def _key(view: VideoView) -> Key:
    return view.variant.label, view.item.slug, view.row.seed
