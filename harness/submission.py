"""Published results: one JSON file per variant and suite version, a row a line, that git can review.

``results/published/<suite>-<version>/<variant>-<revision>.json``, schema ``exvideo-result/1``. This module has the
records, and turns a file into them; `harness.export` makes one from the index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, cast

from harness import jsonread
from harness.columns import ASPECTS
from harness.errors import Refused
from harness.jsonread import JsonError, Node
from harness.model import Direction, Item, Protocol, Score, Status, Suite
from harness.result_versions import schema, up_to_date

SCHEMA = schema()
MAX_BYTES = 20_000_000
SLUG = r"[a-z0-9][a-z0-9-]{0,62}"
NAME = r"[a-z0-9][a-z0-9_-]{0,62}"
LABEL = rf"{NAME}@[0-9]{{1,6}}"
SHA256 = r"[0-9a-f]{64}"
KEY = r"[0-9a-f]{32}"
ROLES = ("method", "ablation", "baseline", "control")
DIRECTIONS = ("higher", "lower", "none")
STATUSES = ("ok", "undefined", "excluded")
MEMBERS = ("schema", "suite", "variant", "metrics", "run", "environment", "failures", "set_scores", "rows")


@dataclass(frozen=True)
class PublishedVariant:
    """The variant of a file. ``training`` says how its checkpoint was made, None where nothing was trained.

    ``factors`` has its place in an experiment; optional in a file, as are variants that belong to none.
    """

    name: str
    revision: int
    family: str
    role: str
    summary: str
    params: Mapping[str, Any]
    weights: Mapping[str, str]
    key: str
    trainable_parameters: int | None
    training: Mapping[str, Any] | None
    factors: Mapping[str, str | int | bool] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name and revision, ``mini-exvideo@1``."""
        return f"{self.name}@{self.revision}"


@dataclass(frozen=True)
class PublishedMetric:
    """A column of a file. ``aspect`` and ``headline`` say where it stands, and are optional in a file.

    So are ``profile`` and ``profile_unit``: what the scores' profiles are, where that is another quantity.
    """

    name: str
    version: int
    better: Direction
    unit: str
    summary: str
    scope: str
    beside: str
    key: str
    aspect: str = ""
    headline: bool = False
    profile: str = ""
    profile_unit: str = ""

    @property
    def label(self) -> str:
        """Name and version, ``warp_error@1``."""
        return f"{self.name}@{self.version}"

    @property
    def over_time(self) -> str:
        """What a curve over the clip shows: the profile's own name and unit, or the column's unit."""
        return f"{self.profile}, {self.profile_unit}" if self.profile else self.unit


@dataclass(frozen=True)
class PublishedRun:
    """The last run that contributed to a file; times are ISO 8601 with zone."""

    id: str
    started_at: str
    finished_at: str | None
    argv: tuple[str, ...]
    harness_version: str
    git_commit: str | None
    git_dirty: bool | None


@dataclass(frozen=True)
class PublishedSetScore:
    """A set metric over the first ``n`` items of the suite."""

    metric: str
    value: float
    n: int
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class PublishedRow:
    """One video: sha256 of its master and of its frames, seconds to generate it (None where that is
    not known, of a video made elsewhere), scores by metric label.

    ``peak_vram_bytes``: the most GPU memory that was allocated at once while it was made; optional in a file.
    """

    item: str
    seed: int
    video: str
    frames: str
    seconds: float | None
    scores: Mapping[str, Score]
    peak_vram_bytes: int | None = None


@dataclass(frozen=True)
class Submission:
    """A published file. ``suite_key`` is what the file claims; `harness.validate` compares it with the content."""

    suite: Suite
    suite_key: str
    variant: PublishedVariant
    metrics: tuple[PublishedMetric, ...]
    run: PublishedRun
    environment: Mapping[str, Any]
    failures: Mapping[str, int]
    set_scores: tuple[PublishedSetScore, ...]
    rows: tuple[PublishedRow, ...]

    @cached_property
    def columns(self) -> frozenset[tuple[str, str]]:
        """What was measured, as (label, key)."""
        return frozenset((metric.label, metric.key) for metric in self.metrics)

    @property
    def seconds_per_video(self) -> float | None:
        """The median: a first video that warms up, and a few made on a busy machine, leave it alone."""
        times = [row.seconds for row in self.rows if row.seconds is not None]
        return median(times) if times else None


def relative_path(suite: str, suite_version: int, variant: str, revision: int) -> Path:
    """Where a file lies below ``results/published``."""
    return Path(f"{suite}-{suite_version}") / f"{variant}-{revision}.json"


def read(path: Path) -> Submission:
    """Read one published file.

    Raises:
        Refused: E-RESULT, with the file and a JSON pointer.
    """
    try:
        return parse(jsonread.read_limited(path, MAX_BYTES))
    except JsonError as error:
        raise refusal(path, error) from error


def refusal(path: Path, error: JsonError) -> Refused:
    """The four-part error for something wrong inside a file."""
    return Refused(
        "E-RESULT",
        f"{path.name} is not a result file.",
        where=f"{path}#{error.pointer}",
        why=f"{error.pointer or 'the file'} {error.message}",
        fix="harness export writes such files; harness validate FILE checks one",
    )


def parse(data: bytes) -> Submission:
    """Parse and check the structure of a published file.

    Raises:
        JsonError: the first thing that is wrong, with its place.
    """
    top = up_to_date(jsonread.load(data)).only(MEMBERS)
    suite, key = parse_suite(top.at("suite"))
    return Submission(
        suite,
        key,
        _variant(top.at("variant")),
        tuple(parse_metric(node) for node in top.at("metrics").items()),
        parse_run(top.at("run")),
        _object(top.at("environment")),
        {code: node.integer() for code, node in top.at("failures").members()},
        tuple(_set_score(node) for node in top.at("set_scores").items()),
        tuple(_row(node) for node in top.at("rows").items()),
    )


def parse_suite(node: Node) -> tuple[Suite, str]:
    """A suite, and the key that the file claims for it."""
    node.only(("name", "version", "key", "summary", "protocol", "seeds", "reference_size", "items"))
    shape = node.at("protocol").only(("num_frames", "height", "width", "fps", "codec", "noise"))
    protocol = Protocol(
        shape.at("num_frames").integer(1, 100_000),
        shape.at("height").integer(1, 16_384),
        shape.at("width").integer(1, 16_384),
        shape.at("fps").integer(1, 1_000),
        shape.at("codec").text(NAME),
        shape.at("noise").text(limit=64),
    )
    suite = Suite(
        node.at("name").text(SLUG),
        node.at("version").integer(1),
        node.at("summary").text(),
        protocol,
        tuple(_item(item) for item in node.at("items").items()),
        tuple(seed.integer() for seed in node.at("seeds").items()),
        node.at("reference_size").integer(),
    )
    return suite, node.at("key").text(KEY)


def _item(node: Node) -> Item:
    node.only(("slug", "prompt", "image_sha256", "motion_bucket", "tags", "key"))
    item = Item(
        node.at("slug").text(SLUG),
        node.at("prompt").text(),
        node.at("image_sha256").text(SHA256),
        node.at("motion_bucket").integer(0, 255),
        tuple(tag.text(limit=64) for tag in node.at("tags").items()),
    )
    if node.at("key").text(KEY) != item.key:
        raise node.at("key").wrong(f"is not the key of this item, {item.key}")
    return item


def _variant(node: Node) -> PublishedVariant:
    trainable, training = node.at("trainable_parameters"), node.at("training")
    node.only(PublishedVariant.__dataclass_fields__)
    return PublishedVariant(
        node.at("name").text(SLUG),
        node.at("revision").integer(1),
        node.at("family").text(SLUG),
        node.at("role").choice(ROLES),
        node.at("summary").text(),
        _object(node.at("params")),
        {name: sha.text(SHA256) for name, sha in node.at("weights").members()},
        node.at("key").text(KEY),
        None if trainable.value is None else trainable.integer(),
        None if training.value is None else _object(training),
        {name: _level(level) for name, level in node.at("factors").members()} if "factors" in node.value else {},
    )


def _level(node: Node) -> str | int | bool:
    if isinstance(node.value, bool):
        return node.boolean()
    return node.integer(-(2**53), 2**53) if isinstance(node.value, int) else node.text(limit=64)


def parse_metric(node: Node) -> PublishedMetric:
    """A column."""
    node.only(PublishedMetric.__dataclass_fields__)
    return PublishedMetric(
        node.at("name").text(NAME),
        node.at("version").integer(1),
        cast(Direction, node.at("better").choice(DIRECTIONS)),
        node.at("unit").text(limit=64),
        node.at("summary").text(),
        node.at("scope").choice(("video", "set")),
        node.at("beside").text(limit=63),
        node.at("key").text(KEY),
        node.at("aspect").choice(ASPECTS) if "aspect" in node.value else "",
        node.at("headline").boolean() if "headline" in node.value else False,
        node.at("profile").text() if "profile" in node.value else "",
        node.at("profile_unit").text(limit=64) if "profile_unit" in node.value else "",
    )


def parse_run(node: Node) -> PublishedRun:
    """The run that contributed last."""
    node.only(PublishedRun.__dataclass_fields__)
    finished, commit, dirty = node.at("finished_at"), node.at("git_commit"), node.at("git_dirty")
    return PublishedRun(
        node.at("id").text(limit=64),
        node.at("started_at").text(limit=64),
        None if finished.value is None else finished.text(limit=64),
        tuple(word.text() for word in node.at("argv").items()),
        node.at("harness_version").text(limit=64),
        None if commit.value is None else commit.text(r"[0-9a-f]{40,64}"),
        None if dirty.value is None else dirty.boolean(),
    )


def _set_score(node: Node) -> PublishedSetScore:
    node.only(PublishedSetScore.__dataclass_fields__)
    return PublishedSetScore(
        node.at("metric").text(LABEL),
        node.at("value").number(),
        node.at("n").integer(2),
        node.at("stderr").maybe_number(),
        node.at("ci_low").maybe_number(),
        node.at("ci_high").maybe_number(),
        _object(node.at("detail")),
    )


def _row(node: Node) -> PublishedRow:
    node.only(PublishedRow.__dataclass_fields__)
    return PublishedRow(
        node.at("item").text(SLUG),
        node.at("seed").integer(),
        node.at("video").text(SHA256),
        node.at("frames").text(SHA256),
        node.at("seconds").maybe_number(),
        {label: _score(score) for label, score in node.at("scores").members()},
        node.at("peak_vram_bytes").integer() if "peak_vram_bytes" in node.value else None,
    )


def _score(node: Node) -> Score:
    node.only(Score.__dataclass_fields__)
    value, status = node.at("value").maybe_number(), cast(Status, node.at("status").choice(STATUSES))
    if (value is None) == (status == "ok"):
        raise node.wrong("must have a value exactly when its status is ok")
    reason = node.at("reason").text()
    if status != "ok" and not reason:
        raise node.at("reason").wrong(f"is missing for a score that is {status}")
    detail = {name: number.number() for name, number in node.at("detail").members()}
    coverage, profile = node.at("coverage").maybe_number(), node.at("profile").maybe_numbers()
    return Score(value, status, reason, coverage, detail, profile)


def _object(node: Node) -> Mapping[str, Any]:
    node.mapping()
    return cast(Mapping[str, Any], node.tree())
