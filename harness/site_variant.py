"""What a variant's page is given: its numbers, and on every headline metric its worst, best and random items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness import figures
from harness.keys import digest
from harness.site_around import Around
from harness.site_marks import markers
from harness.site_media import SiteMedia
from harness.site_runs import run_facts, run_path
from harness.site_words import findings
from harness.sitemodel import Entry, Profile, VariantPage, VideoView
from harness.submission import PublishedMetric

PICKS = 5

Vertices = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Reel:
    """Some videos of a variant, chosen by one rule, with their values."""

    title: str
    videos: tuple[tuple[VideoView, float], ...]


@dataclass(frozen=True)
class Picks:
    """The reels of one metric; ``played`` for the first metric, whose videos can be watched on the page."""

    metric: PublishedMetric
    reels: tuple[Reel, ...]
    played: bool
    without: int


def variant_context(page: VariantPage, media: SiteMedia, around: Callable[[Entry], Around]) -> dict[str, Any]:
    """What the template of a variant's page is given."""
    return {
        "page": page,
        "entries": [{**_entry(entry, media), "around": around(entry)} for entry in page.entries],
        "title": page.variant.label,
    }


def picks(entry: Entry) -> Iterator[Picks]:
    """Worst, best and random videos by every headline metric of single videos that has a direction."""
    played = True
    for metric in entry.board.headline:
        if metric.scope != "video" or metric.better == "none":
            continue
        valued = list(_valued(entry.videos, metric))
        valued.sort(key=lambda pair: (pair[1] if metric.better == "higher" else -pair[1], pair[0].anchor))
        if valued:
            yield Picks(metric, tuple(_reels(valued)), played, len(entry.videos) - len(valued))
            played = False


def _reels(valued: Sequence[tuple[VideoView, float]]) -> Iterator[Reel]:
    """``valued``: worst first. The random ones are drawn by a digest of their names, from all of them."""
    worst = valued[:PICKS]
    best = [pair for pair in valued[::-1][:PICKS] if pair not in worst]
    yield Reel(f"Worst {len(worst)}", tuple(worst))
    if best:
        yield Reel(f"Best {len(best)}", tuple(best))
    if len(valued) > 2 * PICKS:
        drawn = sorted(valued, key=lambda pair: digest("random/1", pair[0].variant.label, pair[0].anchor))
        yield Reel(f"{PICKS} at random, always the same", tuple(drawn[:PICKS]))


def _valued(videos: Iterable[VideoView], metric: PublishedMetric) -> Iterator[tuple[VideoView, float]]:
    for view in videos:
        score = next(s.score for s in view.scores if s.metric == metric)
        if score is not None and score.value is not None:
            yield view, score.value


def _entry(entry: Entry, media: SiteMedia) -> dict[str, Any]:
    return {
        "entry": entry,
        "mark": markers(entry.board),
        "picks": list(picks(entry)),
        "said": findings(entry.videos, f"of its {len(entry.videos)} videos"),
        "missing": sum(1 for view in entry.videos if media.preview(view) is None),
        "per_video": [m for m in entry.board.metrics if m.scope == "video"],
        "profiles": _by_parts(entry.profiles),
        "run": (("level", entry.board.levels[entry.row.variant.label]), *run_facts(entry.submission.run)),
        "run_page": run_path(entry.submission.run.id),
    }


def _by_parts(profiles: Iterable[Profile]) -> list[tuple[int, list[tuple[Profile, Vertices]]]]:
    """Profiles with their lines, together with those that cut the clip into as many parts; finest first."""
    tables: dict[int, list[tuple[Profile, Vertices]]] = {}
    for profile in profiles:
        tables.setdefault(len(profile.values), []).append((profile, figures.line(profile.values)))
    return sorted(tables.items(), reverse=True)
