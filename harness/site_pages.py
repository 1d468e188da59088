"""Which pages there are, and which template and facts each is made of. Templates only format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeVar

from harness import site_any_pair, site_compare, site_map
from harness.site_ablation import AblationView, ablation_path, ablation_views
from harness.site_ablation import context as ablation_context
from harness.site_around import Around, around
from harness.site_board import RANK_MINIMUM, Board
from harness.site_board_page import board_context, sorted_contexts
from harness.site_findings import effects_table, pairs_table
from harness.site_item import item_context, items_context
from harness.site_media import SiteMedia
from harness.site_metric import metric_context
from harness.site_order import order_path
from harness.site_runs import feed_context, run_context, run_pages
from harness.site_text import stem
from harness.site_variant import variant_context
from harness.sitemodel import Entry, Refusal, SiteModel
from harness.submission import Submission
from harness.tables import Table
from harness.validate_rules import demands

T = TypeVar("T")


@dataclass(frozen=True)
class Page:
    """A page to be written at ``path`` (relative to the site) from ``template``."""

    path: str
    template: str
    make: Callable[[], Mapping[str, Any]]

    @property
    def context(self) -> Mapping[str, Any]:
        """What the template is given, computed when it is asked for."""
        return self.make()

    @property
    def root(self) -> str:
        """The way from the page up to the site's top folder."""
        return "../" * self.path.count("/")


class Pages:
    """The pages of one site, and what several of them link to. ``refused`` are files that are not on it."""

    def __init__(self, model: SiteModel, media: SiteMedia, refused: Sequence[Refusal] = ()) -> None:
        self._model, self._media, self._refused = model, media, refused

    def __iter__(self) -> Iterator[Page]:
        """Every page, in the order they are written."""
        shared = self._shared
        for page in self._all():
            yield replace(page, make=partial(_joined, shared, page.make))

    def _all(self) -> Iterator[Page]:
        model, media = self._model, self._media
        yield Page("index.html", "board.html", lambda: {**board_context(model, model.boards[0], media), "title": ""})
        for board in model.boards:
            yield from self._of_board(board)
        for variant in model.variants:
            path = f"variants/{stem(variant.variant.label)}.html"
            yield Page(path, "variant.html", partial(variant_context, variant, media, self._around))
        for item in model.items:
            path = f"items/{stem(item.board.suite.label)}/{item.item.slug}.html"
            yield Page(path, "item.html", partial(item_context, item, media))
        for metric in model.metrics:
            path = f"metrics/{stem(metric.metric.label)}.html"
            yield Page(path, "metric.html", partial(metric_context, model, metric))
        runs = run_pages(model.submissions)
        for run in runs:
            yield Page(run.path, "run.html", partial(run_context, run))
        yield Page("changes.html", "changes.html", lambda: {"title": "What is new", "runs": runs})
        yield Page("feed.xml", "feed.xml", lambda: feed_context(runs))
        yield Page("404.html", "404.html", dict)
        first = model.boards[0]
        yield Page("method.html", "method.html", lambda: {"title": "Method", "board": first})
        told = {"title": "Contribute", "board": first, "rules": demands(), "refused": self._refused}
        yield Page("contribute.html", "contribute.html", lambda: told)

    def _of_board(self, board: Board) -> Iterator[Page]:
        model, name = self._model, stem(board.suite.label)
        yield Page(order_path(board, ""), "board.html", partial(board_context, model, board, self._media))
        for order, context in sorted_contexts(board):
            yield Page(order_path(board, order.key), "board.html", partial(dict, context))
        yield Page(f"items/{name}/index.html", "items.html", partial(items_context, model, board))
        for found in self._maps.get(board.suite.label, ()):
            yield Page(found.path, "map.html", partial(dict, found.context))
        if (views := self._ablations.get(board.suite.label)) is not None:
            yield Page(ablation_path(board), "ablation.html", partial(ablation_context, board, views))
        if (pairs := self._comparisons.get(board.suite.label)) is not None:
            yield Page(site_compare.index_path(board), "compares.html", partial(site_compare.index_context, pairs))
            for pair in pairs.pairs:
                path = site_compare.pair_path(board, pair.a, pair.b)
                yield Page(path, "compare.html", partial(site_compare.pair_context, pairs, pair))
            chosen = {"title": "Any two variants", "board": board, "script": self._any_pairs[board.suite.label].script}
            yield Page(site_any_pair.any_path(board), "any.html", partial(dict, chosen))

    def _around(self, entry: Entry) -> Around:
        label = entry.board.suite.label
        found = self._comparisons.get(label), self._ablations.get(label, ()), self._maps.get(label, ())
        return around(entry.board, entry.row.variant, *found)

    @property
    def scripts(self) -> dict[str, str]:
        """The scripts of numbers that pages load, by their paths."""
        return {found.script: found.text for found in self._any_pairs.values()}

    @property
    def findings(self) -> dict[str, list[Table]]:
        """What the pages of effects and of pairs show, as tables by suite; none where there is no such page."""
        found: dict[str, list[Table]] = {board.suite.label: [] for board in self._model.boards}
        for label, views in self._ablations.items():
            found[label].append(effects_table([view.found for view in views]))
        for label, pairs in self._comparisons.items():
            found[label].append(pairs_table(pairs))
        return found

    @cached_property
    def _shared(self) -> dict[str, Any]:
        """What every template is given: the model, and which pages there are to link to."""
        boards = {board.suite.label: board for board in self._model.boards}
        return {
            "model": self._model,
            "media": self._media,
            "rank_minimum": RANK_MINIMUM,
            "ablations": {label: ablation_path(boards[label]) for label in self._ablations},
            "compared": {label: site_compare.index_path(boards[label]) for label in self._comparisons},
            "mapped": {found.path for group in self._maps.values() for found in group},
            "map_path": site_map.map_path,
            "pair_path": site_compare.pair_path,
            "any_path": site_any_pair.any_path,
            "order_path": order_path,
        }

    @cached_property
    def _ablations(self) -> Mapping[str, list[AblationView]]:
        return _by_suite(self._model, lambda board, mine: ablation_views(board, mine, self._pairs_of(board)))

    def _pairs_of(self, board: Board) -> tuple[site_compare.Pair, ...]:
        found = self._comparisons.get(board.suite.label)
        return found.pairs if found else ()

    @cached_property
    def _comparisons(self) -> Mapping[str, site_compare.Comparisons]:
        return _by_suite(self._model, site_compare.comparisons)

    @cached_property
    def _any_pairs(self) -> Mapping[str, site_any_pair.AnyPair]:
        found = self._comparisons.items()
        return {label: site_any_pair.any_pair(pairs, self._model.submissions) for label, pairs in found}

    @cached_property
    def _maps(self) -> Mapping[str, list[site_map.Map]]:
        return _by_suite(self._model, lambda board, mine: list(site_map.maps(board, mine)))


def _joined(shared: Mapping[str, Any], make: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    return {**shared, **make()}


def _by_suite(model: SiteModel, make: Callable[[Board, Sequence[Submission]], T | None]) -> dict[str, T]:
    """What ``make`` finds for every board, where it finds anything."""
    found = {board.suite.label: make(board, model.submissions) for board in model.boards}
    return {label: value for label, value in found.items() if value}
