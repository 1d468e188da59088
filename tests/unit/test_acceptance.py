"""A contributed plugin is put to the laws, and what it breaks is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import acceptance, law_text, variant_laws
from harness.acceptance import Verdict
from harness.api import check_plugin
from harness.cli import run_app
from harness.errors import UsageError
from harness.laws import SET_LAWS, VIDEO_LAWS
from harness.responses import RESPONSES
from tests.unit.fresh import registry_apart

HEAD = """
import numpy as np
from harness.api import Needs, Score, extractor, frechet_distance, metric, variant

CALLS = []

class Base:
    def needs(self): return Needs()
    def load(self, device): return self
"""
ROW = """
@variant("{name}", revision=1, family="test", summary="x")
class {cls}(Base):
    def generate(self, request):
        size = request.protocol
        shape = (size.num_frames, size.height, size.width, 3)
{body}
"""
BODIES = {
    "fine": "        return np.clip(128 + 40 * request.noise('pixels', shape), 0, 255).astype(np.uint8)",
    "still": "        return np.repeat(request.image[None], size.num_frames, axis=0)",
    "random": "        return np.random.randint(0, 256, shape).astype(np.uint8)",
    "stateful": "        CALLS.append(1)\n        return np.full(shape, len(CALLS), np.uint8)",
    "writes": "        request.image[0] = 0\n        return np.repeat(request.image[None], size.num_frames, axis=0)",
    "short": "        return np.zeros((3, 64, 64, 3), np.uint8)",
    "raises": "        return request.image.no_such_thing",
    "ignores": "        request.noise('x', shape)\n        return np.repeat(request.image[None], size.num_frames, 0)",
}
BROKEN = {
    "fine": set(),
    "still": set(),
    "random": {"repeatable"},
    "stateful": {"repeatable"},
    "writes": {"untouched"},
    "short": {"works"},
    "raises": {"works"},
    "ignores": {"seeded"},
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with registry_apart(empty=True):
        monkeypatch.chdir(tmp_path)
        yield


def check(folder: Path, text: str, file: str = "mine.py") -> dict[str, Verdict]:
    path = folder / file
    path.write_text(HEAD + text)
    return {verdict.label: verdict for verdict in check_plugin(path)}


def test_each_law_of_variants_catches_what_breaks_it(tmp_path: Path) -> None:
    text = "".join(ROW.format(name=name, cls=name.title(), body=body) for name, body in BODIES.items())
    verdicts = check(tmp_path, text)
    assert {name: {f.law for f in verdicts[f"{name}@1"].findings} for name in BODIES} == BROKEN
    assert verdicts["fine@1"].kept == variant_laws.NAMES
    (raised,) = verdicts["raises@1"].findings
    assert raised.hint == "mend the line"
    assert verdicts["raises@1"].kept == ("settings",)
    assert set(verdicts["raises@1"].untried) == set(variant_laws.LAWS)
    assert verdicts["random@1"].untried.keys() == {"reloads", "seeded"}
    assert verdicts["random@1"].kept == ("settings", "works", "untouched")
    assert "AttributeError" in raised.message
    assert "return request.image.no_such_thing" in raised.message
    assert "returned uint8 [3, 64, 64, 3], the protocol wants uint8 [40, 64, 64, 3]" in (
        verdicts["short@1"].findings[0].message
    )


def test_a_second_load_makes_the_same_frames(tmp_path: Path) -> None:
    row = (
        '@variant("reloads", revision=1, family="test", summary="x")\n'
        "class Reloads(Base):\n"
        "    def load(self, device):\n"
        "        CALLS.append(1)\n"
        "        return Made(len(CALLS))\n"
        "class Made:\n"
        "    def __init__(self, level): self.level = level\n"
        "    def generate(self, request):\n"
        "        size = request.protocol\n"
        "        return np.full((size.num_frames, size.height, size.width, 3), self.level, np.uint8)\n"
    )
    assert {f.law for f in check(tmp_path, row)["reloads@1"].findings} == {"reloads"}


def test_a_variant_that_cannot_run_here_is_not_tried(tmp_path: Path) -> None:
    row = ROW.format(name="big", cls="Big", body=BODIES["raises"])
    row += "    def needs(self): return Needs(min_size=512)\n"
    verdict = check(tmp_path, row)["big@1"]
    assert "512" in verdict.skipped
    assert verdict.kept == ()
    assert verdict.remedy == "harness validate mine.py --suite exvideo-128"
    never = check(tmp_path, row.replace("big", "vast").replace("Big", "Vast").replace("512", "9999"), "vast.py")
    assert never["vast@1"].remedy.startswith("harness new suite NAME --images DIR, then width")


NO_SCORE = """
@metric("bare", version=1, better="none", unit="", summary="a number without its Score")
def bare(clip): return float(clip.frames.mean())
"""
ABSENT = """
@variant("absent", revision=1, family="test", summary="x")
class Absent(Base):
    def load(self, device):
        import a_module_that_nobody_has
"""


def test_the_report_folds_what_is_equal_hints_at_the_cause_and_says_what_was_not_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "poor.py").write_text(HEAD + NO_SCORE + ABSENT)
    assert run_app(["validate", "poor.py"]) == 5
    out = capsys.readouterr().out
    assert out.count("returned float, not a Score") == 1
    assert re.search(r"moving, one frame, two frames and \d\d more: returned float", out)
    assert "look at   return Score(value), or Score.undefined(reason)" in out
    assert "look at   install what has the module a_module_that_nobody_has" in out
    assert "kept    repeatable" not in out
    assert "-       repeatable  not tried: no score of moving" in out


def test_a_plugin_that_was_not_tried_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = ROW.format(name="big", cls="Big", body=BODIES["raises"])
    (tmp_path / "big.py").write_text(HEAD + row + "    def needs(self): return Needs(min_size=512)\n")
    assert run_app(["validate", "big.py"]) == 4
    assert "harness validate big.py --suite exvideo-128" in capsys.readouterr().out


def test_metrics_and_extractors_are_examined(tmp_path: Path) -> None:
    verdicts = check(
        tmp_path,
        """
@metric("bright", version=1, better="none", unit="of 1", summary="x", responds={"flip": "same"})
def bright(clip): return Score(float(clip.frames.mean()) / 255)

@metric("words", version=1, better="none", unit="", summary="letters for a bright clip")
def words(clip, item): return Score(float(len(item.prompt) * clip.frames.mean()))

@metric("odd", version=1, better="none", unit="", summary="x", responds={"flip": "same"})
def odd(clip):
    return Score(1.0 + float(np.argmax(clip.frames.mean((0, 1, 3)))))

@metric("ratio", version=1, better="none", unit="", summary="x")
def ratio(clip):
    return Score(1 / float(clip.frames.mean()))

@metric("seen", version=1, better="none", unit="", summary="x", beside="bright")
def seen(clip): return Score(float(clip.frames.mean()))

@metric("alone", version=1, better="none", unit="", summary="x", beside="brihgt")
def alone(clip): return Score(float(clip.frames.mean()))

@extractor("colour", version=1, summary="x")
def colour(device): return lambda clip: clip.frames.mean((1, 2)).astype(np.float32)

@extractor("moves", version=1, summary="x")
def moves(device): return lambda clip: np.full((2, 3), clip.degenerate, np.float32)

@extractor("flat", version=1, summary="x")
def flat(device): return lambda clip: clip.frames.mean((0, 1, 2)).astype(np.float32)

@metric("fd_colour", version=1, better="lower", unit="", summary="x", kind="set", extractor="colour")
def fd_colour(generated, reference): return frechet_distance(generated.rows, reference.rows)

@metric("backwards", version=1, better="higher", unit="", summary="x", kind="set", extractor="colour")
def backwards(generated, reference): return frechet_distance(generated.rows, reference.rows)
""",
    )
    asked = tuple(law for law in VIDEO_LAWS if law not in RESPONSES or law == "flip")
    assert verdicts["bright@1"] == Verdict("metric", "bright@1", asked)
    assert verdicts["words@1"].findings == ()
    assert {f.law for f in verdicts["odd@1"].findings} == {"flip"}
    (finding,) = verdicts["ratio@1"].findings
    assert (finding.law, finding.specimen) == ("finite", "black")
    assert (verdicts["seen@1"].kept[-1], verdicts["seen@1"].findings) == ("companion", ())
    (lonely,) = verdicts["alone@1"].findings
    assert (lonely.law, lonely.message) == ("companion", "No metric named 'brihgt'.")
    assert verdicts["colour@1"].findings == ()
    assert {f.law for f in verdicts["moves@1"].findings} == {"flow"}
    assert {f.law for f in verdicts["flat@1"].findings} == {"rows"}
    assert verdicts["fd_colour@1"].findings == ()
    assert {f.law for f in verdicts["backwards@1"].findings} == {"grows"}
    assert str(verdicts["fd_colour@1"]) == "set metric fd_colour@1"


def test_a_file_that_registers_nothing_is_no_plugin(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="registers nothing"):
        check(tmp_path, "")


def test_every_law_is_explained() -> None:
    assert set(law_text.VARIANT) == set(variant_laws.NAMES)
    assert set(law_text.VIDEO_METRIC) == {*VIDEO_LAWS, acceptance.COMPANION}
    assert set(law_text.SET_METRIC) == {*SET_LAWS, acceptance.COMPANION}
    assert set(law_text.EXTRACTOR) == set(acceptance.EXTRACTOR_LAWS)
