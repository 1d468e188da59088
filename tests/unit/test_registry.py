"""Decorators: what they accept, what they refuse, and how a plugin that cannot be loaded is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import registry
from harness.doors import load_file
from harness.errors import UsageError
from harness.model import Needs, Score, Weight
from harness.plugin_errors import Broken

VALID = """
from harness.api import Needs, variant

@variant("plug", revision=3, family="test", summary="from a file")
class Plug:
    level: float = 0.5
    def needs(self): return Needs()
    def load(self, device): return self
"""


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> registry.Registry:
    held = registry.Registry()
    monkeypatch.setattr(registry, "REGISTRY", held)
    return held


def plugin(folder: Path, text: str, name: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def test_a_plugin_file_registers_a_frozen_configuration(fresh: registry.Registry, tmp_path: Path) -> None:
    load_file(plugin(tmp_path, VALID, "plug_valid"))
    spec = fresh.variant("plug")
    assert spec.params == {"level": 0.5}
    assert spec.revision == 3
    with pytest.raises(AttributeError):
        spec.config.level = 1.0


STEPS = """
from dataclasses import dataclass
from harness.api import Needs, variant

@dataclass(frozen=True)
class Step:
    level: float
    def needs(self): return Needs()
    def load(self, device): return self

for number in (1, 2):
    @variant(f"step-{number}", revision=1, family="test", summary="of a series")
    class Numbered(Step):
        def __init__(self, level: float = number / 2) -> None:
            super().__init__(level)

@variant("step-with-more", revision=1, family="test", summary="a field of its own")
class More(Step):
    level: float = 3.0
    size: int = 8
"""


def test_a_class_may_take_its_fields_from_a_frozen_dataclass(fresh: registry.Registry, tmp_path: Path) -> None:
    load_file(plugin(tmp_path, STEPS, "plug_steps"))
    params = {name: spec.params for name, spec in fresh.variants.items()}
    assert params == {"step-1": {"level": 0.5}, "step-2": {"level": 1.0}, "step-with-more": {"level": 3.0, "size": 8}}
    for spec in fresh.variants.values():
        with pytest.raises(AttributeError):
            spec.config.level = 1.0


def test_parameters_revision_and_weights_are_identity_and_the_summary_is_not() -> None:
    def spec(revision: int = 1, level: float = 0.5, sha256: str = "a", summary: str = "s") -> registry.VariantSpec:
        import dataclasses

        @dataclasses.dataclass(frozen=True)
        class Config:
            level: float

            def needs(self) -> Needs:
                return Needs(weights=(Weight("w", "w.safetensors", sha256),))

        return registry.VariantSpec("v", revision, "test", "ablation", summary, Config(level), "file.py")

    assert spec().key == spec(summary="other").key
    assert len({spec().key, spec(revision=2).key, spec(level=0.6).key, spec(sha256="b").key}) == 4


def test_a_variant_without_load_is_refused_with_its_own_code(fresh: registry.Registry, tmp_path: Path) -> None:
    text = VALID.replace("    def load(self, device): return self\n", "")
    with pytest.raises(UsageError, match="was not loaded") as caught:
        load_file(plugin(tmp_path, text, "plug_no_load"))
    cause = caught.value.__cause__
    assert isinstance(cause, UsageError)
    assert "no method load()" in cause.why
    assert "class Plug" in cause.where
    assert not fresh.variants


def test_a_file_that_fails_names_its_line(fresh: registry.Registry, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_file(plugin(tmp_path, "x = 1\ny = unknown_name\n", "plug_fails"))
    assert caught.value.code == "E-PLUGIN"
    assert "plug_fails.py, line 2: NameError" in caught.value.why


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file nowhere"):
        load_file(tmp_path / "nowhere.py")
    (tmp_path / "text.txt").write_text("x = 1")
    with pytest.raises(UsageError, match="not a Python file"):
        load_file(tmp_path / "text.txt")


def test_a_name_belongs_to_one_file(fresh: registry.Registry, tmp_path: Path) -> None:
    load_file(plugin(tmp_path, VALID, "plug_first"))
    with pytest.raises(UsageError) as caught:
        load_file(plugin(tmp_path, VALID, "plug_second"))
    assert isinstance(caught.value.__cause__, UsageError)
    assert "already taken" in caught.value.__cause__.why


def test_a_video_metric_takes_one_argument(fresh: registry.Registry) -> None:
    with pytest.raises(UsageError) as caught:

        @registry.metric("two", version=1, better="lower", unit="", summary="")
        def two(clip: object, other: object) -> Score:
            return Score(0.0)

    assert "takes 1 argument" in caught.value.why


def test_a_set_metric_names_its_extractor(fresh: registry.Registry) -> None:
    with pytest.raises(UsageError) as caught:

        @registry.metric("set", version=1, better="lower", unit="", summary="", kind="set")
        def distance(generated: object, reference: object) -> float:
            return 0.0

    assert "names its extractor" in caught.value.why


def test_an_unknown_name_suggests_the_near_one(fresh: registry.Registry, tmp_path: Path) -> None:
    load_file(plugin(tmp_path, VALID, "plug_near"))
    with pytest.raises(UsageError, match="No variant named 'plgu'") as caught:
        fresh.variant("plgu")
    assert "did you mean plug?" in caught.value.fix


def test_a_broken_built_in_is_fatal_only_when_it_is_asked_for(fresh: registry.Registry) -> None:
    fresh.broken.append(Broken("half_done.py", "half_done.py, line 3: SyntaxError: invalid syntax"))
    with pytest.raises(UsageError) as caught:
        fresh.variant("half-done")
    assert caught.value.code == "E-PLUGIN"
    assert "SyntaxError" in caught.value.why


def test_every_built_in_plugin_loads() -> None:
    assert registry.load_plugins().broken == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_is_finite_or_has_a_reason(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Score(value)
    with pytest.raises(ValueError, match="exactly when"):
        Score(None)
    with pytest.raises(ValueError, match="reason"):
        Score(None, "undefined")
    assert Score.undefined("static").value is None
