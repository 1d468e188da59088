"""Post-tuning on real video files through the command: what it says of bad ones, and that its result tells its data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from harness.cli import run_app
from harness.exvideo.checkpoint import read_header
from harness.exvideo.posttune_cli import posttune as command
from tests.exvideo.videos import bad_files, save_video

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(3):
        save_video(tmp_path / "videos" / f"{seed}.mkv", 8, height=16, width=16, seed=seed)
    return tmp_path / "videos"


def arguments(base: Path, folder: Path, out: Path, *more: str) -> list[str]:
    line = f"--base {base} --out {out} --frames 6 --data {folder} --validation-clips 1 --steps 2 --batch 1 --threads 1"
    return [*line.split(), *more]


def tune(base: Path, folder: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(command, arguments(base, folder, out, *more))


def test_a_folder_of_videos_trains_a_checkpoint(tiny_base: Path, folder: Path, tmp_path: Path) -> None:
    reasons = bad_files(folder)
    (folder / "notes.txt").touch()
    out = tmp_path / "x.safetensors"
    result = tune(tiny_base, folder, out)
    assert result.exit_code == 0, result.output
    assert f"videos   5 usable, {len(reasons) - 2} not" in result.stderr  # short and copy serve for 6 frames of 16x16
    assert "text.mp4: it cannot be opened: Invalid data" in result.stderr
    assert "small.mkv: the same video as 0.mkv" in result.stderr
    assert "1 files of .txt are no videos" in result.stderr
    training = read_header(out).training
    assert training["recipe"]["data"].startswith("videos:5:")
    assert training["recipe"]["size"] == [16, 16]  # the tiny base's own
    assert training["videos"] == {"usable": 5, "unusable": len(reasons) - 2}
    assert str(tmp_path) not in json.dumps(training)
    rows = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    assert "text.mp4" in rows[0]["unusable"]
    assert len(list((tmp_path / "latents").iterdir())) == 5


def test_the_same_videos_elsewhere_train_the_same(tiny_base: Path, folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    assert tune(tiny_base, folder, first).exit_code == 0
    moved = folder.rename(tmp_path / "moved")
    (moved / "0.mkv").rename(moved / "zero.mkv")
    assert tune(tiny_base, moved, second, "--cache", str(tmp_path / "other")).exit_code == 0
    one, two = load_file(first), load_file(second)
    assert all(one[name].equal(two[name]) for name in one)
    assert read_header(first).training["recipe"] == read_header(second).training["recipe"]


def test_nothing_usable_ends_with_four_parts(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad_files(tmp_path / "videos")
    line = arguments(tiny_base, tmp_path / "videos", tmp_path / "x.safetensors", "--size", "64x64")
    assert run_app(["posttune", *line]) == 2
    said = capsys.readouterr().err
    assert "E-DATA  None of the 7 videos can be used." in said
    assert all(part in said for part in ("Where", "Why", "Fix", "cut.mp4: it cannot be opened"))
    assert not (tmp_path / "x.safetensors").exists()


def test_rules_for_videos_are_refused_without_videos(tiny_base: Path, tmp_path: Path) -> None:
    line = arguments(tiny_base, Path("world:4"), tmp_path / "x.safetensors", "--stride", "2")
    assert run_app(["posttune", *line]) == 2


def test_a_cache_file_is_no_place_for_videos(
    tiny_base: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache.safetensors").touch()
    more = ("--cache", str(tmp_path / "cache.safetensors"))
    assert run_app(["posttune", *arguments(tiny_base, folder, tmp_path / "x.safetensors", *more)]) == 2
    assert "E-OUTPUT" in capsys.readouterr().err
