"""Records of published rows that another machine made again, and the level of trust that a result has earned.

A record is ``results/replications/<suite>-<version>/<variant>-<revision>.<environment>.json``, schema
``exvideo-replication/1``. Levels, from what is in git alone:

    self-reported   the file is valid
    replicated      another machine, or one with other versions of the packages, made `MIN_ROWS` or more rows of it
                    again, and each came out the same
    maintained      its sha256 is in ``results/MAINTAINED``, which only maintainers change
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import jsonread
from harness.errors import Refused
from harness.jsonread import JsonError, Node
from harness.keys import digest
from harness.submission import KEY, LABEL, MAX_BYTES, SHA256, SLUG, PublishedRow, Submission

SCHEMA = "exvideo-replication/1"
MIN_ROWS = 5
SHARE = 0.1  # of the spread over items: differences this small change no comparison
LEVELS = ("self-reported", "replicated", "maintained")
MEMBERS = ("schema", "suite", "variant", "variant_key", "environment_key", "environment", "made_at", "drawn", "rows")


@dataclass(frozen=True)
class Compared:
    """A score of a published row and of the row that was made again; ``limit`` is how far they may be apart."""

    published: float | None
    found: float | None
    limit: float

    @property
    def within(self) -> bool:
        """Whether both have a value within the limit, or neither has one."""
        if self.published is None or self.found is None:
            return self.published is self.found
        return abs(self.published - self.found) <= self.limit


@dataclass(frozen=True)
class Again:
    """A row that was made again: sha256 of the published frames, whether the new ones are equal, scores by label."""

    item: str
    seed: int
    frames: str
    bitwise: bool
    scores: Mapping[str, Compared]

    @property
    def same(self) -> bool:
        """Equal frames, or at least one score and all within their limits."""
        return self.bitwise or (bool(self.scores) and all(score.within for score in self.scores.values()))


@dataclass(frozen=True)
class Replication:
    """One environment's check of one result. ``drawn`` is the seed with which the rows were chosen."""

    suite: str
    variant: str
    variant_key: str
    environment_key: str
    environment: Mapping[str, Any]
    made_at: str
    drawn: int
    rows: tuple[Again, ...]

    def of(self, result: Submission) -> bool:
        """Whether it is about this result as it stands: its rows are the published ones."""
        held = {(row.item, row.seed): row.frames for row in result.rows}
        same = (self.suite, self.variant_key) == (result.suite.label, result.variant.key)
        return same and all(held.get((row.item, row.seed)) == row.frames for row in self.rows)


def choose(rows: Sequence[PublishedRow], count: int, seed: int) -> list[PublishedRow]:
    """``count`` rows at random, in the order of the file; all of a shorter file."""
    picked = random.Random(seed).sample(range(len(rows)), min(count, len(rows)))  # noqa: S311
    return [rows[index] for index in sorted(picked)]


def limits(result: Submission) -> dict[str, float]:
    """How far a score of each video metric may be off: a tenth of its standard deviation over the file's rows."""
    found = {}
    for label in dict.fromkeys(label for row in result.rows for label in row.scores):
        values = [row.scores[label].value for row in result.rows if label in row.scores]
        numbers = [value for value in values if value is not None]
        spread = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
        rounding = 1e-9 * max(map(abs, numbers), default=0.0)
        found[label] = max(SHARE * spread, rounding)
    return found


def level(result: Submission, records: Iterable[Replication], maintained: bool) -> str:
    """The highest level that a result has."""
    if maintained:
        return "maintained"
    for record in records:
        elsewhere = machine_of(record.environment) != machine_of(result.environment)
        if record.of(result) and elsewhere and len(record.rows) >= MIN_ROWS and all(row.same for row in record.rows):
            return "replicated"
    return "self-reported"


def machine_of(environment: Mapping[str, Any]) -> str:
    """What tells two environments apart: system, processor, GPU, and the versions of Python and packages."""
    gpu = environment.get("gpu")
    named = {name: environment.get(name) for name in ("system", "machine", "cpu", "python", "packages")}
    return digest("machine/1", named, gpu.get("name") if isinstance(gpu, Mapping) else None)


def level_of(path: Path, result: Submission) -> str:
    """The level of a file below ``results/published``, from what lies beside that folder; records that cannot be read
    count for nothing."""
    folders = path.absolute().parents
    if len(folders) < 3 or folders[1].name != "published":
        return LEVELS[0]
    root = folders[2]
    marked = _marked(root / "MAINTAINED")
    listed = bool(marked) and hashlib.sha256(path.read_bytes()).hexdigest() in marked
    return level(result, _readable(root, path), listed)


def _marked(path: Path) -> set[str]:
    """The digests of a list as ``sha256sum`` writes it; empty without one."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def _readable(root: Path, path: Path) -> list[Replication]:
    found = []
    for file in sorted((root / "replications" / path.parent.name).glob(f"{path.stem}.*.json")):
        try:
            found.append(read(file))
        except Refused:
            continue
    return found


def relative_path(record: Replication) -> Path:
    """Where a record lies below ``results/replications``."""
    name = record.variant.replace("@", "-")
    return Path(record.suite.replace("@", "-")) / f"{name}.{record.environment_key[:8]}.json"


def dump(record: Replication) -> bytes:
    """The record as JSON, a row a line."""
    head = {name: getattr(record, name) for name in MEMBERS if name not in ("schema", "rows")}
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
    rows = ",\n".join(json.dumps(_row_record(row), allow_nan=False) for row in record.rows)
    return ("{" + ",\n".join([f'"schema": "{SCHEMA}"', *lines, f'"rows": [\n{rows}\n]']) + "}\n").encode()


def read(path: Path) -> Replication:
    """Read one record.

    Raises:
        Refused: E-RESULT, with the file and a JSON pointer.
    """
    try:
        return parse(jsonread.read_limited(path, MAX_BYTES))
    except JsonError as error:
        fix = "harness run --replicate N writes such files"
        raise Refused(
            "E-RESULT", f"{path.name} is no replication.", where=str(path), why=str(error), fix=fix
        ) from error


def parse(data: bytes) -> Replication:
    """Parse and check the structure of a record.

    Raises:
        JsonError: the first thing that is wrong, with its place.
    """
    top = jsonread.load(data).only(MEMBERS)
    top.at("schema").choice([SCHEMA])
    top.at("environment").mapping()
    return Replication(
        top.at("suite").text(LABEL),
        top.at("variant").text(LABEL),
        top.at("variant_key").text(KEY),
        top.at("environment_key").text(KEY),
        top.at("environment").tree(),
        top.at("made_at").text(limit=64),
        top.at("drawn").integer(),
        tuple(_row(node) for node in top.at("rows").items()),
    )


def _row(node: Node) -> Again:
    node.only(("item", "seed", "frames", "bitwise", "scores"))
    scores = {name: _score(score) for name, score in node.at("scores").members()}
    return Again(
        node.at("item").text(SLUG),
        node.at("seed").integer(),
        node.at("frames").text(SHA256),
        node.at("bitwise").boolean(),
        scores,
    )


def _score(node: Node) -> Compared:
    node.only(("published", "found", "limit"))
    limit = node.at("limit").number()
    if not 0 <= limit < math.inf:
        raise node.at("limit").wrong("must not be negative")
    return Compared(node.at("published").maybe_number(), node.at("found").maybe_number(), limit)


def _row_record(row: Again) -> dict[str, Any]:
    scores = {label: vars(score) for label, score in row.scores.items()}
    return {"item": row.item, "seed": row.seed, "frames": row.frames, "bitwise": row.bitwise, "scores": scores}
