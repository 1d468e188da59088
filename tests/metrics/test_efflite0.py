"""EfficientNet-Lite0 as a frame feature network: architecture, preprocessing, loading, refusals."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.clip import Clip
from harness.errors import CannotStart, ItemError
from harness.metrics import efflite0_features
from harness.metrics._efficientnet_lite import CLASSES, DIM, EfficientNetLite0, SameConv, load, renamed
from harness.metrics.efflite0_features import FrameFeatures, load_efflite0, middles, prepare
from harness.model import Frames, Weight
from harness.weights import missing
from harness.weights_catalogue import known_weight
from tests.metrics.moving import still

WEIGHTS = known_weight("efficientnet-lite0")


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    torch.manual_seed(0)
    return EfficientNetLite0().eval()


def clip(frames: int = 12, height: int = 24, width: int = 40) -> Frames:
    return np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def test_it_has_the_published_number_of_parameters(network: EfficientNetLite0) -> None:
    assert sum(p.numel() for p in network.parameters()) == 4_652_008


def test_features_and_logits_have_the_published_sizes(network: EfficientNetLite0) -> None:
    with torch.inference_mode():
        assert network.pooled(torch.zeros(1, 3, 224, 224)).shape == (1, DIM)
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, CLASSES)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(224, 3, 2), (7, 5, 1), (15, 3, 2), (16, 5, 2)])
def test_same_padding_gives_the_ceiling(size: int, kernel: int, stride: int) -> None:
    assert SameConv(1, 1, kernel, stride)(torch.zeros(1, 1, size, size)).shape[-1] == -(-size // stride)


def test_the_odd_pixel_of_padding_goes_right_and_below() -> None:
    conv = SameConv(1, 1, 3, 2)
    torch.nn.init.ones_(conv.weight)
    corner = torch.zeros(1, 1, 4, 4)
    corner[..., 0, 0] = 1.0
    assert conv(corner)[0, 0].tolist() == [[1.0, 0.0], [0.0, 0.0]]
    last = torch.zeros(1, 1, 4, 4)
    last[..., 3, 3] = 1.0
    assert conv(last)[0, 0].tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_published_names_load_strictly(network: EfficientNetLite0, tmp_path: Path) -> None:
    layer = re.compile(r"\b(conv_stem|conv_head|bn[012]|blocks|fc|(?:expand|depthwise|project)_conv)\b")
    published = {layer.sub(r"_\1", name): value for name, value in network.state_dict().items()}
    assert "_blocks.0._depthwise_conv.weight" in published
    assert renamed(published).keys() == network.state_dict().keys()
    torch.save(published, tmp_path / "net.pth")
    x = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(load(str(tmp_path / "net.pth"))(x), network(x))


def test_another_network_is_not_loaded(tmp_path: Path) -> None:
    torch.save({"_conv_stem.weight": torch.zeros(1)}, tmp_path / "net.pth")
    with pytest.raises(RuntimeError, match="Missing key"):
        load(str(tmp_path / "net.pth"))


def test_eight_frames_spread_over_the_clip() -> None:
    assert middles(8).tolist() == list(range(8))
    assert middles(40).tolist() == [2, 7, 12, 17, 22, 27, 32, 37]
    assert middles(128).tolist() == list(range(8, 128, 16))
    with pytest.raises(ItemError, match="8 frames or more, got 7"):
        middles(7)


def test_preparing_takes_the_centre_square_and_stays_in_range() -> None:
    frames = np.zeros((1, 10, 30, 3), np.uint8)
    frames[:, :, 10:20] = 255
    seen = prepare(torch.tensor(frames))
    assert seen.shape == (1, 3, 224, 224)
    assert seen.numpy() == pytest.approx(np.ones((1, 3, 224, 224)), abs=1e-5)
    noise = prepare(torch.tensor(clip(1)))
    assert noise.min().item() >= -127 / 128
    assert noise.max().item() <= 1


def test_features_are_one_row_a_frame_and_leave_the_clip_alone(network: EfficientNetLite0) -> None:
    frames = clip()
    before = frames.copy()
    frames.setflags(write=False)
    rows = FrameFeatures(network, "cpu")(Clip(frames, 8))
    assert rows.shape == (8, DIM)
    assert rows.dtype == np.float32
    assert np.array_equal(frames, before)
    assert FrameFeatures(network, "cpu")(Clip(frames, 8)) == pytest.approx(rows, abs=0)


@pytest.mark.skipif(bool(missing([WEIGHTS])), reason=f"needs weights: {WEIGHTS.how}")
def test_the_published_weights_give_the_published_features() -> None:
    rows = load_efflite0("cpu")(Clip(still(8), 8))
    # Of efficientnet_lite_pytorch 0.1.0 with the same file: extract_features of the same input, averaged over places.
    assert rows[0, [0, 5]] == pytest.approx([0.0744107, 0.1872654], abs=1e-6)
    assert rows[0].sum() == pytest.approx(111.19516, rel=1e-5)
    assert np.linalg.norm(rows[0]) == pytest.approx(12.971156, rel=1e-5)


def test_missing_weights_name_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    assert missing([known_weight("efficientnet-lite0")])
    with pytest.raises(CannotStart) as caught:
        load_efflite0("cpu")
    assert caught.value.code == "E-WEIGHTS"
    assert caught.value.fix == "harness doctor --fetch efficientnet-lite0"


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"other")
    monkeypatch.setattr(efflite0_features, "WEIGHTS", Weight("net", str(tmp_path / "net.pth"), "0" * 64))
    with pytest.raises(CannotStart) as caught:
        load_efflite0("cpu")
    assert caught.value.code == "E-WEIGHTS-DIGEST"
