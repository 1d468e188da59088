"""Suites: loaded as they were made, refused when they were edited."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import harness.suites.mini as mini_package
from harness.errors import HarnessError, Refused, UsageError
from harness.suite import FILE, LoadedSuite, load_suite, read_suite, suite_names
from harness.suites.mini.build import STRATA, build, choose, make_items, stratum
from harness.suites.mini.seeds import REFERENCE_SEEDS, SUITE_SEEDS, TRAIN_SEEDS, VALIDATION_SEEDS
from harness.suites.mini.world import sample_scene

PROVIDER = "harness.suites.mini.provider"


@pytest.fixture(scope="module")
def mini() -> LoadedSuite:
    return load_suite("mini")


def toml() -> str:
    return (Path(mini_package.__path__[0]) / FILE).read_text()


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = toml()
    assert old in text
    path = tmp_path / FILE
    path.write_text(text.replace(old, new, 1))
    return path


def test_mini_is_what_it_says(mini: LoadedSuite) -> None:
    suite = mini.suite
    assert suite.label == "mini@1"
    assert (len(suite.items), suite.reference_size, suite.seeds) == (64, 64, (0,))
    assert vars(suite.protocol) == {
        "num_frames": 40, "height": 64, "width": 64, "fps": 10, "codec": "ffv1", "noise": "philox/1",
    }  # fmt: skip
    assert "mini" in suite_names()
    assert load_suite("mini@1").suite == suite


def test_the_digest_of_mini_1_is_this_for_ever(mini: LoadedSuite) -> None:
    assert mini.suite.key == "c1f328214124b32b911351faf1b06128"
    assert mini.reference_key == "d89bda920976aa4bde2dc41ffbb99218"


def test_an_item_begins_with_its_image(mini: LoadedSuite) -> None:
    item = mini.suite.items[5]
    image, real = mini.image(item), mini.real(item)
    assert image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    assert real is not None
    assert real.shape == (40, 64, 64, 3)
    np.testing.assert_array_equal(real[0], image)


def test_reference_clips_come_in_order_and_show_other_scenes(mini: LoadedSuite) -> None:
    clips = [clip for clip, _ in zip(mini.reference(), range(3), strict=False)]
    assert [slug for slug, _ in clips] == ["ref-000", "ref-001", "ref-002"]
    assert all(frames.shape == (40, 64, 64, 3) for _, frames in clips)
    ranges = (TRAIN_SEEDS, VALIDATION_SEEDS, REFERENCE_SEEDS, SUITE_SEEDS)
    assert all(a.stop <= b.start for a, b in itertools.pairwise(ranges))


def test_slugs_and_prompts(mini: LoadedSuite) -> None:
    for index, item in enumerate(mini.suite.items):
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", item.slug)
        assert item.slug.startswith(f"{index:03d}-")
        assert item.prompt.count("\n") == 0
        assert 0 < item.motion_bucket <= 127
    assert len({item.key for item in mini.suite.items}) == 64
    assert len({item.image_sha256 for item in mini.suite.items}) == 64


def test_every_even_prefix_is_balanced(mini: LoadedSuite) -> None:
    tags = [item.tags for item in mini.suite.items]
    for count in range(2, 65, 2):
        seen = Counter(tag for item in tags[:count] for tag in item)
        assert set(seen.values()) == {count // 2}
    assert Counter(tags) == Counter(dict.fromkeys(set(tags), 8))
    assert len(set(tags)) == 8


def test_items_are_the_first_scenes_of_their_strata() -> None:
    chosen = list(choose(24))
    for index, (seed, scene) in enumerate(chosen):
        assert stratum(scene) == STRATA[index % 8]
        mine = [s for s, _ in chosen[index % 8 :: 8]]
        seeds = range(SUITE_SEEDS.start, seed + 1)
        assert mine[: index // 8 + 1] == [s for s in seeds if stratum(sample_scene(s)) == STRATA[index % 8]]


def test_the_first_items_are_rebuilt_as_they_are(mini: LoadedSuite) -> None:
    rebuilt = list(make_items(4))
    assert [entry.item for entry in rebuilt] == list(mini.suite.items[:4])


@pytest.mark.slow
def test_the_file_is_rebuilt_byte_by_byte() -> None:
    assert build() == toml()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("motion_bucket = 36", "motion_bucket = 37", "a suite never changes under one version"),
        ("seeds = [0]", "seeds = [0, 1]", "a suite never changes under one version"),
        ("num_frames = 40", "num_frames = 41", "a suite never changes under one version"),
        ('slug = "001-', 'slug = "000-yellow-ring"\nother = "', "share a slug"),
        ("version = 1", "version = ", "at line"),
        ("version = 1", 'version = "x"', "invalid literal"),
        ("digest = ", "digset = ", "it has no 'digest'"),
        ("fps = 10", "speed = 10", "unexpected keyword"),
    ],
)
def test_an_edited_suite_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(Refused) as caught:
        read_suite(path, PROVIDER)
    assert caught.value.code == "E-SUITE"
    assert why in caught.value.why
    assert caught.value.where == str(path)


def test_an_image_that_is_not_the_items_is_refused_by_name(mini: LoadedSuite) -> None:
    first, second = mini.suite.items[:2]
    swapped = dataclasses.replace(mini, tables={**mini.tables, first.slug: mini.tables[second.slug]})
    with pytest.raises(Refused) as caught:
        swapped.image(first)
    assert caught.value.code == "E-SUITE"
    assert first.slug in caught.value.what


def test_a_reference_clip_that_changed_is_refused_by_number(mini: LoadedSuite) -> None:
    one, _other, *rest = mini.reference_clips
    swapped = dataclasses.replace(mini, reference_clips=(one, one, *rest))
    clips = swapped.reference()
    next(clips)
    with pytest.raises(Refused, match="reference set") as caught:
        next(clips)
    assert caught.value.where == "clip 1 (ref-001)"


@pytest.mark.parametrize(
    ("ref", "fix"),
    [("mnii", "did you mean mini"), ("mini@2", "mini@1"), ("mini@", "mini@1"), ("../mimi", "harness list")],
)
def test_an_unknown_suite(ref: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_suite(ref)
    assert caught.value.code == "E-UNKNOWN"
    assert fix in caught.value.fix


def test_errors_of_suites_survive_pickling(mini: LoadedSuite) -> None:
    import pickle

    with pytest.raises(HarnessError) as caught:
        load_suite("nope")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
