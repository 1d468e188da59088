"""`harness new variant` and `harness new metric`: a file that works, and its test."""

from __future__ import annotations

import dataclasses
import keyword
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.spool import write_atomic
from harness.submission import NAME, SLUG

if TYPE_CHECKING:
    from harness.registry import VariantSpec

VARIANT = '''\
"""{title}: the image, drifting sideways. Replace `generate` by your model."""

from __future__ import annotations

import numpy as np

from harness.api import Frames, Generator, Needs, Request, variant


@variant("{name}", revision=1, family="mine", role="method", summary="the image, drifting sideways")
class {cls}:
    speed: float = 1.0  # pixels a frame; every field is a setting, and enters the key of every video

    def needs(self) -> Needs:
        return Needs()  # weights, gpu=True, vram_bytes

    def load(self, device: str) -> Generator:
        return self  # load weights here, once: generate() is called for every video

    def generate(self, request: Request) -> Frames:
        """uint8 [frames, height, width, 3] of request.protocol's size; noise only from request.noise(stream, shape)."""
        shifts = np.arange(request.protocol.num_frames) * self.speed
        return np.stack([np.roll(request.image, round(shift), axis=1) for shift in shifts])
'''
DERIVED = '''\
"""{title}: {parent} with other settings."""

from harness.api import variant
from {module} import {parent_cls}


@variant("{name}", revision=1, family="{family}", role="{role}", summary="{parent} with other settings")
class {cls}({parent_cls}):
    # The settings of {parent}: take the '#' off those that differ, and delete the rest.
{fields}
    pass
'''
METRIC = '''\
"""{title}: mean brightness.

Fooled by: anything that is bright.
"""

from __future__ import annotations

import numpy as np

from harness.api import Clip, Score, metric, window_means


@metric("{name}", version=1, better="none", unit="of 1", summary="mean brightness", responds={{"flip": "same"}})
def {function}(clip: Clip) -> Score:
    """Mean over pixels and frames of the RGB values, from 0 (black) to 1 (white).

    Also here: clip.fps, clip.image (None without one), clip.flow (declare needs=("flow",)). Where there is no number,
    return Score.undefined(reason) or Score.excluded(reason).
    """
    per_frame = clip.frames.mean(axis=(1, 2, 3)) / 255
    profile = window_means(per_frame, np.arange(len(clip)), len(clip))
    return Score(float(per_frame.mean()), coverage=1.0, profile=profile)
'''
SET = '''\
"""{title}: Frechet distance of mean colours.

Fooled by: noise of the right colours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.api import Clip, Features, extractor, frechet_distance, metric


@extractor("{name}_features", version=1, summary="mean colour of the first, middle and last third: 9 features")
def load(device: str) -> Callable[[Clip], NDArray[np.float32]]:
    """Load a network here; what it returns takes a clip and gives feature rows [windows, d]."""
    return lambda clip: np.concatenate([_colour(clip, part) for part in range(3)])[None].astype(np.float32)


@metric(
    "{name}",
    version=1,
    better="lower",
    unit="squared distance",
    summary="Frechet distance of mean colours",
    kind="set",
    extractor="{name}_features",
    biased=True,
)
def {function}(generated: Features, reference: Features) -> float:
    """Squared distance of the means plus a term for the covariances, of two sets of videos."""
    return frechet_distance(generated.rows, reference.rows)


def _colour(clip: Clip, part: int) -> NDArray[np.float64]:
    frame = clip.frames[(len(clip) - 1) * part // 2]
    return frame.mean(axis=(0, 1))
'''
LAWS_TEST = '''\
"""{name}: the laws that every {kind} is under, and what it is known to give."""

from pathlib import Path

import pytest

from harness.api import check_plugin{imports}

VERDICTS = check_plugin(Path(__file__).with_name("{stem}.py"){suite})


@pytest.mark.parametrize("verdict", VERDICTS, ids=str)
def test_the_laws_are_kept(verdict):
    if verdict.skipped:
        pytest.skip(f"{{verdict.skipped}}\\n{{verdict.remedy}}")
    assert not verdict.findings
'''
METRIC_TEST = """

def test_a_known_answer():
    clip = Clip(np.full((9, 64, 64, 3), 51, np.uint8), fps=8)
    assert {function}(clip).value == pytest.approx(0.2)
"""
SET_TEST = """

def test_a_set_has_no_distance_to_itself():
    rows = np.random.default_rng(0).normal(size=(40, 9))
    items = np.array([str(index) for index in range(40)])
    assert {function}(Features(rows, items), Features(rows, items)) == pytest.approx(0, abs=1e-9)
"""


def new_variant(name: str, folder: Path, parent: VariantSpec | None = None, suite: str = "") -> list[Path]:
    """Write a variant and its test; of a ``parent``, a subclass with its settings as comments.

    ``suite`` is what the test tries it on, empty for the usual one.

    Raises:
        UsageError: E-OPTION, the name cannot be used or the parent cannot be imported; E-EXISTS, a file is there.
    """
    stem = _stem("variant", name, SLUG)
    title = name.replace("-", " ").capitalize()
    plain = VARIANT.format(title=title, name=name, cls=_class(name))
    text = _derived(name, title, parent) if parent else plain
    on = f', suite="{suite}"' if suite else ""
    test = LAWS_TEST.format(name=name, kind="variant", stem=stem, imports="", suite=on)
    return _write(folder, {f"{stem}.py": text, f"test_{stem}.py": test})


def new_metric(name: str, folder: Path, of_sets: bool = False) -> list[Path]:
    """Write a metric of a video, or of sets with its extractor, and its test.

    Raises:
        UsageError: E-OPTION, the name cannot be used; E-EXISTS, a file is there.
    """
    stem = _stem("metric", name, NAME)
    title = name.replace("_", " ").replace("-", " ").capitalize()
    function = f"{stem}_" if keyword.iskeyword(stem) else stem
    text = (SET if of_sets else METRIC).format(title=title, name=name, function=function)
    held = "Features" if of_sets else "Clip"
    test = LAWS_TEST.format(name=name, kind="metric", stem=stem, imports="", suite="")
    test = test.replace("import pytest\n", f"import numpy as np\nimport pytest\nfrom {stem} import {function}\n")
    test = test.replace("import check_plugin", f"import {held}, check_plugin")
    test += (SET_TEST if of_sets else METRIC_TEST).format(function=function)
    return _write(folder, {f"{stem}.py": text, f"test_{stem}.py": test})


def _derived(name: str, title: str, parent: VariantSpec) -> str:
    cls = type(parent.config)
    module: ModuleType | None = sys.modules.get(cls.__module__)
    if getattr(module, cls.__name__, None) is not cls or cls.__module__.startswith("exvideo_bench_plugin_"):
        raise UsageError(
            "E-OPTION",
            f"{parent.name} cannot be derived from.",
            where=parent.source,
            why="its class has no name that another file could import",
            fix="copy its file and change the name in @variant(...)",
        )
    fields = [f"    # {f.name}: {_type(f.type)} = {getattr(parent.config, f.name)!r}" for f in dataclasses.fields(cls)]
    return DERIVED.format(
        title=title,
        name=name,
        cls=_class(name),
        parent=parent.name,
        parent_cls=cls.__name__,
        module=cls.__module__,
        family=parent.family,
        role="ablation" if parent.role == "method" else parent.role,
        fields="\n".join(fields),
    )


def _type(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _class(name: str) -> str:
    joined = "".join(part.capitalize() for part in re.split("[-_]", name))
    return joined if joined[0].isalpha() else f"V{joined}"


def _stem(kind: str, name: str, pattern: str) -> str:
    stem = name.replace("-", "_")
    if not re.fullmatch(pattern, name) or not stem.isidentifier():
        rule = "a letter, then lower-case letters, digits and " + ("dashes" if kind == "variant" else "underscores")
        raise UsageError(
            "E-OPTION", f"'{name}' is no name for a {kind}.", why=rule, fix=f"harness new {kind} my-{kind}"
        )
    if stem in sys.stdlib_module_names:
        what = f"A file {stem}.py would hide a module of Python's own."
        raise UsageError("E-OPTION", what, fix=f"harness new {kind} my-{name}")
    return stem


def _write(folder: Path, files: dict[str, str]) -> list[Path]:
    for file in files:
        if (folder / file).exists():
            raise UsageError("E-EXISTS", f"{file} exists already.", where=str(folder / file), fix="give another name")
    for file, text in files.items():
        write_atomic(folder / file, text.encode())
    return [folder / file for file in files]
