"""I3D: architecture, windows and preprocessing; which files are accepted; what the set metrics do with its features."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.clip import Clip
from harness.errors import CannotStart, ItemError
from harness.keys import sha256_file
from harness.metrics._i3d import DIM, I3D, Pool, Unit, pad_same
from harness.metrics._windows import ALL, FIRST, SPACED_BY_8, WINDOWINGS, Windowing
from harness.metrics.i3d_features import i3d_weight, load_network, prepare, window_features
from harness.model import Frames
from harness.registry import load_plugins
from harness.weights import missing, resolve


@pytest.fixture(scope="module")
def network() -> I3D:
    torch.manual_seed(0)
    return I3D().eval()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only weights folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    monkeypatch.delenv("HARNESS_I3D", raising=False)
    monkeypatch.delenv("HARNESS_I3D_SHA256", raising=False)
    return tmp_path


def clip(frames: int) -> Frames:
    return np.arange(frames, dtype=np.uint8)[:, None, None, None] * np.ones((1, 6, 8, 3), np.uint8)


def means(x: Tensor) -> Tensor:
    """A stand-in network: the mean of each window in every feature."""
    return x.mean((1, 2, 3, 4))[:, None].expand(-1, DIM)


def test_it_has_the_published_number_of_parameters(network: I3D) -> None:
    assert sum(p.numel() for p in network.parameters()) == 12_697_264  # 12.70 M


def test_its_parameters_have_the_published_names(network: I3D) -> None:
    names = network.state_dict().keys()
    assert {"Conv3d_1a_7x7.conv3d.weight", "Mixed_3b.b1b.bn.running_var", "Mixed_5c.b3b.conv3d.weight"} <= names
    assert network.state_dict()["logits.conv3d.weight"].shape == (400, 1024, 1, 1, 1)
    assert network.state_dict()["logits.conv3d.bias"].shape == (400,)


@pytest.mark.slow
def test_nine_frames_are_enough_and_eight_are_not(network: I3D) -> None:
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 9, 224, 224)).shape == (1, 400)
        with pytest.raises(RuntimeError, match="smaller than kernel"):
            network(torch.zeros(1, 3, 8, 224, 224))


def test_padding_gives_the_ceiling_and_its_odd_end_comes_last() -> None:
    assert pad_same(torch.ones(1, 1, 4, 5, 6), (3, 3, 3), (2, 2, 2)).shape == (1, 1, 5, 7, 7)
    padded = pad_same(torch.ones(1, 1, 4, 1, 1), (3, 1, 1), (2, 1, 1)).flatten()
    assert padded.tolist() == [1, 1, 1, 1, 0]
    assert Unit(3, 4, 7, 2)(torch.zeros(1, 3, 9, 17, 16)).shape == (1, 4, 5, 9, 8)
    assert Pool((1, 3, 3), (1, 2, 2))(torch.zeros(1, 2, 5, 7, 8)).shape == (1, 2, 5, 4, 4)


@pytest.mark.parametrize(
    ("way", "frames", "kept"),
    [
        (FIRST, 40, [list(range(16))]),
        (ALL, 40, [list(range(16)), list(range(16, 32))]),
        (SPACED_BY_8, 128, [list(range(0, 121, 8))]),
    ],
)
def test_windows(way: Windowing, frames: int, kept: list[list[int]]) -> None:
    assert way.cut(clip(frames), "net")[:, :, 0, 0, 0].tolist() == kept


@pytest.mark.parametrize("way", WINDOWINGS, ids=lambda way: way.clip)
def test_clips_that_are_too_short_are_refused(way: Windowing) -> None:
    name, least = f"i3d{way.suffix}", 121 if way is SPACED_BY_8 else 16
    assert len(way.cut(clip(least), "i3d")) == 1
    with pytest.raises(ItemError, match=f"{name} features take {least} frames or more, got {least - 1}") as caught:
        way.cut(clip(least - 1), "i3d")
    assert caught.value.code == "E-FEATURES"
    assert load_plugins().extractor(name).min_frames == least


def test_the_network_itself_takes_nine_frames_or_more() -> None:
    whole = window_features(means, "cpu", Windowing("", "all frames", "", "", 1, lambda frames: frames[None]))
    assert whole(Clip(clip(9), 8)).shape == (1, DIM)
    with pytest.raises(ItemError, match="9 frames or more, got 8"):
        whole(Clip(clip(8), 8))


def test_frames_are_squashed_and_scaled() -> None:
    seen = prepare(torch.tensor(clip(40)[None, ::13]))
    assert seen.shape == (1, 3, 4, 224, 224)
    for t, level in enumerate((0, 13, 26, 39)):
        assert seen[:, :, t].numpy() == pytest.approx(2 * level / 255 - 1, abs=1e-6)
    sides = np.zeros((1, 1, 10, 40, 3), np.uint8)
    sides[..., :2, :] = 255  # a crop would lose the left edge
    assert prepare(torch.tensor(sides))[0, 0, 0, :, 0].min() == 1.0


def test_windows_are_rows_whatever_the_batch() -> None:
    rows = window_features(means, "cpu", ALL)(Clip(clip(80), 8))
    assert rows.shape == (5, DIM)
    assert rows[:, 0] == pytest.approx([2 * (7.5 + 16 * w) / 255 - 1 for w in range(5)], abs=1e-6)
    for batch in (1, 3, 5):
        assert window_features(means, "cpu", ALL, batch)(Clip(clip(80), 8)) == pytest.approx(rows, abs=1e-6)


def test_a_network_of_another_width_is_refused() -> None:
    with pytest.raises(ItemError, match="wanted"):
        window_features(lambda x: means(x)[:, :10], "cpu", FIRST)(Clip(clip(16), 8))


def test_the_published_state_dict_loads(network: I3D, tmp_path: Path) -> None:
    old = {k: v for k, v in network.state_dict().items() if "num_batches_tracked" not in k}  # as files of 2018 are
    torch.save(old, tmp_path / "i3d_pretrained_400.pt")
    loaded = load_network(tmp_path / "i3d_pretrained_400.pt", "cpu")
    assert isinstance(loaded, I3D)
    assert not loaded.training
    for name, value in old.items():
        assert torch.equal(loaded.state_dict()[name], value)


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_the_torchscript_file_is_called_as_it_wants(tmp_path: Path) -> None:
    class Scripted(torch.nn.Module):
        def forward(
            self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False
        ) -> Tensor:
            if rescale or resize or not return_features:
                return x
            return x.mean((2, 3, 4)).repeat(1, 134)[:, :400]

    torch.jit.save(torch.jit.script(Scripted()), str(tmp_path / "i3d_torchscript.pt"))
    loaded = load_network(tmp_path / "i3d_torchscript.pt", "cpu")
    rows = window_features(loaded, "cpu", FIRST)(Clip(clip(16), 8))
    assert rows == pytest.approx(np.full((1, 400), 15 / 255 - 1), abs=1e-6)


def damaged_archive() -> bytes:
    """A zip whose end is whole and whose directory is not."""
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, buffer)
    data = bytearray(buffer.getvalue())
    start = data.index(b"PK\x01\x02")
    data[start : start + 4] = b"none"
    return bytes(data)


@pytest.mark.parametrize(
    "content",
    [
        *(b"not a network", b"", damaged_archive()),
        *({"Conv3d_1a_7x7.conv3d.weight": torch.zeros(1)}, [torch.zeros(1)], None, torch.zeros(2)),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "i3d_pretrained_400.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(CannotStart) as caught:
        load_network(path, "cpu")
    assert caught.value.code == "E-WEIGHTS"
    assert str(path) in caught.value.where


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_a_foreign_torchscript_file_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "i3d_torchscript.pt"))
    with pytest.raises(CannotStart, match="rescale") as caught:
        load_network(tmp_path / "i3d_torchscript.pt", "cpu")
    assert caught.value.code == "E-WEIGHTS"


def test_a_file_counts_only_when_its_digest_is_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing([i3d_weight()])
    path = folder / "i3d_torchscript.pt"
    path.write_bytes(b"somebody's network")
    unlisted = i3d_weight()
    assert missing([unlisted])
    assert "HARNESS_I3D_SHA256" in unlisted.how
    with pytest.raises(CannotStart, match="not found"):
        resolve(unlisted)
    monkeypatch.setenv("HARNESS_I3D_SHA256", sha256_file(path).upper())
    assert resolve(i3d_weight()) == path
    assert i3d_weight().sha256 == sha256_file(path)
    monkeypatch.setenv("HARNESS_I3D_SHA256", "0" * 64)
    with pytest.raises(CannotStart) as caught:
        resolve(i3d_weight())
    assert caught.value.code == "E-WEIGHTS-DIGEST"


def test_a_manifest_beside_the_file_lists_it_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    path = elsewhere / "mine.pt"
    path.write_bytes(b"mine")
    monkeypatch.setenv("HARNESS_I3D", str(path))
    assert missing([i3d_weight()])
    (elsewhere / "manifest.json").write_text(f'{{"mine.pt": "{sha256_file(path)}"}}')
    assert resolve(i3d_weight()) == path


def test_a_named_file_that_is_not_there_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "i3d_torchscript.pt").write_bytes(b"not asked for")
    monkeypatch.setenv("HARNESS_I3D", str(folder / "gone.pt"))
    monkeypatch.setenv("HARNESS_I3D_SHA256", sha256_file(folder / "i3d_torchscript.pt"))
    assert missing([i3d_weight()])


def test_names_follow_their_protocols() -> None:
    found = load_plugins().metrics
    assert found["fvd"].min_items == 2048
    assert found["fvd_w16"].min_items == found["fvd_128f_s8"].min_items == 64
    for name in ("kvd_i3d", "kvd_i3d_w16", "kvd_i3d_128f_s8"):
        assert found[name].min_items == 0
    assert {found[n].beside for n in ("fvd", "fvd_w16", "fvd_128f_s8")} == {"kvd_i3d", "kvd_i3d_w16", "kvd_i3d_128f_s8"}
    assert all(found[n].params["preprocess"].startswith("squash224") for n in ("fvd", "kvd_i3d_w16"))  # type: ignore[attr-defined]
