"""A data set of real videos: what is usable and why the rest is not, what is held out, and that work is kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.errors import CannotStart, UsageError
from harness.exvideo.base import Components, load_base
from harness.exvideo.decoding import ClipRule
from harness.exvideo.image import to_pixels
from harness.exvideo.latent_files import LatentFiles
from harness.exvideo.listing import Listed, list_videos
from harness.exvideo.videos import VideoSet, assemble, encode_videos
from harness.motion import motion_bucket
from tests.exvideo.videos import bad_files, moving, save_video

RULE = ClipRule(8, 24, 32)


@pytest.fixture(scope="module")
def components(tiny_base: Path) -> Components:
    return load_base(tiny_base)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(3):
        save_video(tmp_path / "videos" / f"{seed}.mkv", 12, seed=seed)
    return tmp_path / "videos"


def opened(place: Path, components: Components, rule: ClipRule = RULE, held_out: int = 1, parts: int = 1) -> VideoSet:
    listing = list_videos(place)
    cache = place.parent / "cache"
    shares = [listing.videos[k::parts] for k in range(parts)]
    return assemble(place, listing, [encode_videos(s, rule, components, "abc", cache) for s in shares], held_out)


def content(data: LatentFiles) -> list[list[Any]]:
    rows = data.take(torch.arange(len(data)))
    return [tensor.tolist() for tensor in rows.tensors().values()]


def test_clips_are_the_latents_of_the_frames(folder: Path, components: Components) -> None:
    data = opened(folder, components)
    assert [len(data.train), len(data.validation), data.usable] == [2, 1, 3]
    assert data.train.clip_shape == (8, 4, 12, 16)
    assert data.train.image_size == (24, 32)
    rows = data.train.take(torch.tensor([1, 0]))
    frames = next(moving(8, seed=seed) for seed in range(3) if np.array_equal(moving(8, seed=seed)[0], rows.first[0]))
    with torch.no_grad():
        expected = components.vae.encode(to_pixels(frames))
    torch.testing.assert_close(rows.latents[0].float(), expected, atol=2e-3, rtol=2e-3)
    assert rows.bucket[0] == motion_bucket(frames)
    assert rows.fps.tolist() == [10, 10]


def test_bad_files_are_named_and_the_good_ones_used(folder: Path, components: Components) -> None:
    reasons = bad_files(folder)
    data = opened(folder, components)
    assert data.usable == 3
    assert set(data.unusable) == set(reasons)
    for name, piece in reasons.items():
        assert piece in data.unusable[name], name


def test_nothing_usable_is_an_error_with_the_reasons(tmp_path: Path, components: Components) -> None:
    bad_files(tmp_path / "videos")
    (tmp_path / "videos" / "copy.mkv").unlink()
    with pytest.raises(UsageError) as caught:
        opened(tmp_path / "videos", components)
    assert caught.value.code == "E-DATA"
    assert caught.value.what == "None of the 6 videos can be used."
    assert "short.mkv: it has 7 frames, a clip needs 8" in caught.value.why
    assert "and 1 more" in caught.value.why
    assert caught.value.fix


def test_too_few_to_hold_any_out_is_told_with_what_to_type(folder: Path, components: Components) -> None:
    with pytest.raises(UsageError) as caught:
        opened(folder, components, held_out=3)
    assert caught.value.code == "E-DATA"
    assert caught.value.why == "3 clips of 3 usable videos, of which 3 would be held out"
    assert caught.value.fix == "--validation-clips 1"
    for name in ("1.mkv", "2.mkv"):
        (folder / name).unlink()
    with pytest.raises(UsageError, match="too few") as alone:
        opened(folder, components)
    assert alone.value.fix == "--data with two videos or more"


def test_whole_videos_are_held_out(folder: Path, components: Components) -> None:
    rule = ClipRule(4, 24, 32, clips=3)
    data = opened(folder, components, rule, held_out=2)
    assert [len(data.train), len(data.validation)] == [6, 2]
    assert not {clip.path for clip in data.train.clips} & {clip.path for clip in data.validation.clips}


def test_the_name_follows_from_contents_and_rules_and_not_from_names(folder: Path, components: Components) -> None:
    first = opened(folder, components)
    (folder / "0.mkv").rename(folder / "z.mkv")
    renamed = opened(folder, components)
    assert renamed.name == first.name
    assert content(renamed.train) == content(first.train)
    assert first.name.startswith("videos:3:")
    assert opened(folder, components, ClipRule(8, 24, 32, stride=1, upscale=True)).name != first.name
    save_video(folder / "new.mkv", 8, seed=9)
    assert opened(folder, components).name != first.name


def test_shares_of_several_processes_make_the_same_set(folder: Path, components: Components) -> None:
    bad_files(folder)
    one, three = opened(folder, components), opened(folder, components, parts=3)
    assert one == three


def test_work_that_was_done_is_not_done_again(
    folder: Path, components: Components, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(folder, components)
    assert len(list((folder.parent / "cache").iterdir())) == 3
    monkeypatch.setattr("harness.exvideo.videos.clips_of", None)
    assert opened(folder, components) == first


def test_a_damaged_cache_file_is_named(folder: Path, components: Components) -> None:
    data = opened(folder, components)
    path = data.train.clips[0].path
    path.write_bytes(b"no")
    for attempt in (lambda: opened(folder, components), lambda: data.train.take(torch.tensor([0]))):
        with pytest.raises(CannotStart) as caught:
            attempt()
        assert caught.value.code == "E-CACHE"
        assert caught.value.where == str(path)


def test_a_manifest_decides_the_bucket(folder: Path, components: Components) -> None:
    (folder / "a.csv").write_text("path,motion_bucket\n0.mkv,200\n1.mkv,\n2.mkv,201\nmissing.mkv,\n")
    data = opened(folder / "a.csv", components)
    assert dict(data.unusable) == {"missing.mkv": "there is no such file"}
    buckets = [
        *data.train.take(torch.arange(2)).bucket.tolist(),
        *data.validation.take(torch.arange(1)).bucket.tolist(),
    ]
    assert {200, 201} < set(buckets)
    assert data.name != opened(folder, components).name


def test_progress_counts_every_video(folder: Path, components: Components) -> None:
    bad_files(folder)
    seen: list[tuple[int, int]] = []
    videos = list_videos(folder).videos
    encode_videos(videos, RULE, components, "abc", folder.parent / "cache", lambda *p: seen.append(p))
    assert seen == [(k + 1, len(videos)) for k in range(len(videos))]


def test_a_size_that_does_not_divide_is_refused_with_one_that_does(components: Components, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        encode_videos([Listed(tmp_path, "a")], ClipRule(8, 25, 33), components, "abc", tmp_path)
    assert caught.value.code == "E-SIZE"
    assert caught.value.fix == "--size 32x24"


def test_latents_that_overflow_make_a_video_unusable(
    folder: Path, components: Components, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = components.vae.encode
    monkeypatch.setattr(components.vae, "encode", lambda pixels: encode(pixels) * 1e9)
    with pytest.raises(UsageError, match="None of the 3 videos") as caught:
        opened(folder, components)
    assert "not finite in half precision" in caught.value.why


def test_a_folder_that_cannot_be_written_to_is_an_error(folder: Path, components: Components) -> None:
    (folder.parent / "cache").write_text("a file")
    with pytest.raises(UsageError) as caught:
        opened(folder, components)
    assert caught.value.code == "E-OUTPUT"


def test_a_video_that_vanishes_is_named(folder: Path, components: Components) -> None:
    shutil.copy(folder / "0.mkv", folder / "gone.mkv")
    listing = list_videos(folder)
    (folder / "gone.mkv").unlink()
    part = encode_videos(listing.videos, RULE, components, "abc", folder.parent / "cache")
    assert assemble(folder, listing, [part], 1).unusable == {"gone.mkv": "there is no such file"}
