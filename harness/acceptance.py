"""A plugin file put to every law that its variants, metrics and extractors are under: `harness validate FILE.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.doors import load_file
from harness.errors import CannotStart, ItemError, UsageError, unknown_name
from harness.laws import SET_LAWS, VIDEO_LAWS, Finding, examine_all
from harness.machine import look
from harness.model import Frames
from harness.plan import protocol_skip
from harness.registry import ExtractorSpec, MetricSpec, Registry, VariantSpec, load_plugins
from harness.responses import RESPONSES
from harness.scoring import checked_rows
from harness.specimens import Specimen, specimens
from harness.suite import LoadedSuite, load_suite
from harness.variant_laws import NAMES, examine_variant
from harness.weights import missing, remedy
from harness.wishes import fitting_suite, real_lengths, why_foreign, why_skip

SUITE = "mini"
FRAMES = 12
EXTRACTOR_LAWS = ("rows", "repeatable", "untouched", "flow")
DECLARED = tuple(RESPONSES)
COMPANION = "companion"  # of metrics that name one


@dataclass(frozen=True)
class Verdict:
    """What the laws say of one plugin: ``kind`` and ``label``, laws that were kept, findings, or why it was not tried.

    ``untried`` has the laws that it could not be put to with why, ``remedy`` what to do where all were skipped. ``str``
    gives its name, for the ids of tests.
    """

    kind: str
    label: str
    kept: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    skipped: str = ""
    remedy: str = ""
    untried: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind} {self.label}"


def examine_plugin(path: str | Path, suite: str = SUITE) -> list[Verdict]:
    """Load a plugin file and put everything it registers to its laws.

    Args:
        path: the file; nothing that another file registers is examined.
        suite: variants make its first two items; metrics always see a real clip of the mini suite and changes of it.

    Raises:
        UsageError: E-PLUGIN, the file cannot be loaded or registers nothing; E-UNKNOWN, there is no such suite.
        Refused: E-SUITE, the suite cannot be used.
    """
    registry, path = load_plugins(), Path(path).absolute()
    if not any(True for _ in _registered(registry, path)):
        load_file(path)
    if not any(True for _ in _registered(registry, path)):
        raise UsageError(
            "E-PLUGIN",
            f"{path.name} registers nothing.",
            where=str(path),
            fix="`harness new variant NAME` or `harness new metric NAME` writes a file that does",
        )
    return list(_verdicts(registry, path, load_suite(suite)))


def _registered(registry: Registry, path: Path) -> Iterator[VariantSpec | MetricSpec | ExtractorSpec]:
    for table in (registry.variants, registry.metrics, registry.extractors):
        yield from (spec for spec in table.values() if Path(spec.source).absolute() == path)


def _verdicts(registry: Registry, path: Path, suite: LoadedSuite) -> Iterator[Verdict]:
    found = list(_registered(registry, path))
    clips: Mapping[str, Specimen] = {}
    if not all(isinstance(spec, VariantSpec) for spec in found):
        clips = specimens(_moving())
    for spec in found:
        if isinstance(spec, VariantSpec):
            yield _variant(spec, suite)
        elif isinstance(spec, MetricSpec):
            yield _metric(spec, clips, registry)
        else:
            yield _extractor(spec, clips)


def _variant(spec: VariantSpec, suite: LoadedSuite) -> Verdict:
    label, machine = f"{spec.name}@{spec.revision}", look()
    skip = why_skip(spec, machine, suite, real_lengths(suite))
    if skip.reason:
        return Verdict("variant", label, skipped=skip.reason, remedy=_remedy(spec, suite) or skip.remedy)
    device = machine.devices[0] if spec.needs.gpu else "cpu"
    return _judged("variant", label, NAMES, *examine_variant(spec, suite, device))


def _remedy(spec: VariantSpec, suite: LoadedSuite) -> str:
    """How to try a variant that is meant for another suite than this; empty where that is not why it cannot run."""
    if not why_foreign(spec, suite) and not protocol_skip(spec.needs, suite.suite.protocol).reason:
        return ""
    other = fitting_suite(spec)
    return f"harness validate {Path(spec.source).name} --suite {other}" if other else ""


def _metric(spec: MetricSpec, clips: Mapping[str, Specimen], registry: Registry) -> Verdict:
    kind, laws = ("metric", VIDEO_LAWS) if spec.scope == "video" else ("set metric", SET_LAWS)
    asked = [law for law in laws if law not in DECLARED or law in spec.responds]
    try:
        findings, untried = examine_all(spec, clips)
    except CannotStart as refusal:
        return Verdict(kind, spec.label, skipped=refusal.what, remedy=refusal.fix)
    if spec.beside:
        asked.append(COMPANION)
        if spec.beside not in registry.metrics:
            findings.append(
                Finding(spec.label, COMPANION, "", unknown_name("metric", spec.beside, registry.metrics).what)
            )
    return _judged(kind, spec.label, asked, findings, untried)


def _extractor(spec: ExtractorSpec, clips: Mapping[str, Specimen]) -> Verdict:
    if absent := missing(spec.weights):
        return Verdict("extractor", spec.label, skipped=f"no weights: {absent[0].name}", remedy=remedy(absent[0]))
    try:
        findings = [Finding(spec.label, *found) for found in _extracted(spec, clips)]
    except CannotStart as refusal:
        return Verdict("extractor", spec.label, skipped=refusal.what, remedy=refusal.fix)
    lost = any(finding.law == "rows" and finding.specimen == "moving" for finding in findings)
    untried = dict.fromkeys(EXTRACTOR_LAWS[1:], "no rows of moving") if lost else {}
    return _judged("extractor", spec.label, EXTRACTOR_LAWS, findings, untried)


def _extracted(spec: ExtractorSpec, clips: Mapping[str, Specimen]) -> Iterator[tuple[str, str, str]]:
    network, widths = spec.load("cpu"), set()
    for name, specimen in clips.items():
        gaps: list[int] = []
        clip = specimen.clip(gaps)
        if len(clip) < spec.min_frames:
            continue
        try:
            rows, again = (checked_rows(network(part), spec.label) for part in (clip, specimen.clip()))
        except ItemError as refusal:
            if refusal.code == "E-FEATURES" or name == "moving":
                yield "rows", name, refusal.what
            continue
        except CannotStart:
            raise
        except Exception as error:
            yield "rows", name, f"{type(error).__name__}: {error}"
            continue
        widths.add(rows.shape[1])
        if not np.array_equal(rows, again):
            yield "repeatable", name, f"values differ by up to {np.abs(rows - again).max():.3g}"
        if not np.array_equal(clip.frames, specimen.frames):
            yield "untouched", name, "it changed the clip's frames"
        if gaps and "flow" not in spec.needs:
            yield "flow", name, "it used the clip's flow, and does not declare it"
    if len(widths) > 1:
        yield "rows", "all clips", f"rows have {', '.join(map(str, sorted(widths)))} columns"


def _judged(kind: str, label: str, laws: Iterable[str], found: list[Finding], untried: Mapping[str, str]) -> Verdict:
    """A law is kept where it was asked, could be tried, and nothing was found."""
    broken = {finding.law for finding in found}
    kept = tuple(law for law in laws if law not in broken and law not in untried)
    return Verdict(kind, label, kept, tuple(found), untried={law: untried[law] for law in laws if law in untried})


def _moving() -> Frames:
    """The first real clip of the mini suite, uint8 [12, 64, 64, 3]."""
    suite = load_suite(SUITE)
    clips = (suite.real(item) for item in suite.suite.items)
    return next(clip for clip in clips if clip is not None)[:FRAMES]
