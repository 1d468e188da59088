"""What becomes of an error of the disk where a person named the place."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from harness.cli import run_app
from harness.disk import may_write, writing
from harness.errors import CannotStart, UsageError


def test_whether_a_place_may_be_written_to_is_asked_of_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert may_write(tmp_path / "file")
    assert may_write(tmp_path / "not" / "yet" / "there")
    assert not may_write(Path("/proc/1/not-there"))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOTDIR, errno.EEXIST])
def test_a_place_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path, number: int) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="out cannot be written") as caught, writing(out):
        raise OSError(number, "for this reason", str(tmp_path / "out.123.tmp"))
    assert (caught.value.code, caught.value.why, caught.value.where) == ("E-OUTPUT", "for this reason", str(out))


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no space left for out") as caught, writing(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (caught.value.code, caught.value.exit_status) == ("E-DISK", 4)


def test_what_cannot_be_read_elsewhere_or_has_another_reason_is_not_told_as_the_places_fault(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), writing(tmp_path / "out"):
        raise OSError(errno.EACCES, "Permission denied", "/elsewhere/picture.png")
    with pytest.raises(OSError, match="Input/output"), writing(tmp_path / "out"):
        raise OSError(errno.EIO, "Input/output error", str(tmp_path / "out"))


@pytest.mark.parametrize(
    "wanted",
    [("variant", "my-row"), ("metric", "my_metric"), ("suite", "my-suite", "--images", ".")],
)
def test_new_says_that_it_cannot_write_there(
    tmp_path: Path, wanted: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "red").save("a.png")
    Path("file").write_text("")
    assert run_app(["new", *wanted, "--out", "file/below"]) == 2
    told = capsys.readouterr().err
    assert "E-OUTPUT" in told
    assert "Not a directory" in told
