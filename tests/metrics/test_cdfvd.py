"""VideoMAE-v2: the published names and sizes, the forward pass against one written out here, and which files pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.clip import Clip
from harness.errors import CannotStart, ItemError
from harness.keys import sha256_file
from harness.metrics._videomae import Shape, VideoMAE, load, renamed
from harness.metrics._windows import ALL, FIRST, WINDOWINGS
from harness.metrics.cdfvd_features import DIM, load_network, prepare, videomae_weight, window_features
from harness.model import Frames
from harness.registry import load_plugins
from harness.weights import missing, resolve

SMALL = Shape(side=28, patch=14, frames=6, tubelet=2, width=24, depth=3, heads=4, mlp=40, classes=5)
State = dict[str, Tensor]


def sizes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Every tensor of a published file with its size."""
    d, m = shape.width, shape.mlp
    found: dict[str, tuple[int, ...]] = {
        "patch_embed.proj.weight": (d, 3, shape.tubelet, shape.patch, shape.patch),
        "patch_embed.proj.bias": (d,),
        **{f"fc_norm.{kind}": (d,) for kind in ("weight", "bias")},
        "head.weight": (shape.classes, d),
        "head.bias": (shape.classes,),
    }
    for i in range(shape.depth):
        found |= {f"blocks.{i}.{norm}.{kind}": (d,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")}
        found |= {f"blocks.{i}.attn.{letter}_bias": (d,) for letter in "qv"}
        found |= {f"blocks.{i}.attn.qkv.weight": (3 * d, d), f"blocks.{i}.attn.proj.weight": (d, d)}
        found |= {f"blocks.{i}.attn.proj.bias": (d,)}
        found |= {f"blocks.{i}.mlp.fc1.weight": (m, d), f"blocks.{i}.mlp.fc1.bias": (m,)}
        found |= {f"blocks.{i}.mlp.fc2.weight": (d, m), f"blocks.{i}.mlp.fc2.bias": (d,)}
    return found


def published(shape: Shape = SMALL, seed: int = 0) -> State:
    """A file of the published format with random weights: no bias is zero and no norm is neutral."""
    rng = torch.Generator().manual_seed(seed)
    return {name: torch.randn(size, generator=rng) * 0.3 + 0.1 for name, size in sizes(shape).items()}


def by_hand(state: State, shape: Shape, x: Tensor) -> Tensor:
    """The network in plain arithmetic: x [B, T, 3, H, W] to [B, width]."""
    p, t, d = shape.patch, shape.tubelet, shape.width
    batch, frames, _, height, width = x.shape
    cells = x.reshape(batch, frames // t, t, 3, height // p, p, width // p, p).permute(0, 1, 4, 6, 3, 2, 5, 7)
    tokens = cells.reshape(batch, -1, 3 * t * p * p) @ state["patch_embed.proj.weight"].reshape(d, -1).T
    count = tokens.shape[1]
    channel = torch.arange(d, dtype=torch.float64)
    angle = torch.arange(count, dtype=torch.float64)[:, None] / 10000 ** (2 * torch.floor(channel / 2) / d)
    table = torch.where(channel % 2 == 0, angle.sin(), angle.cos()).float()
    h = tokens + state["patch_embed.proj.bias"] + table
    for i in range(shape.depth):
        part = {k.removeprefix(f"blocks.{i}."): v for k, v in state.items() if k.startswith(f"blocks.{i}.")}
        h = h + attention(part, norm(h, part, "norm1"), shape.heads)
        inner = norm(h, part, "norm2") @ part["mlp.fc1.weight"].T + part["mlp.fc1.bias"]
        gelu = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
        h = h + gelu @ part["mlp.fc2.weight"].T + part["mlp.fc2.bias"]
    return norm(h.mean(1), state, "fc_norm")


def norm(x: Tensor, state: State, name: str) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    return centred / scale * state[f"{name}.weight"] + state[f"{name}.bias"]


def attention(part: State, x: Tensor, heads: int) -> Tensor:
    bias = torch.cat([part["attn.q_bias"], torch.zeros_like(part["attn.q_bias"]), part["attn.v_bias"]])
    projected = (x @ part["attn.qkv.weight"].T + bias).chunk(3, -1)
    q, k, v = (y.reshape(*y.shape[:2], heads, -1).transpose(1, 2) for y in projected)
    weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    mixed: Tensor = (weights @ v).transpose(1, 2).flatten(2)
    return mixed @ part["attn.proj.weight"].T + part["attn.proj.bias"]


@pytest.mark.parametrize("wrap", ["model", "module", ""])
def test_a_file_of_the_published_format_gives_what_the_formula_gives(tmp_path: Path, wrap: str) -> None:
    state = published()
    torch.save({wrap: state} if wrap else state, tmp_path / "net.pth")
    net = load(torch.load(tmp_path / "net.pth", weights_only=True), SMALL)
    assert not net.training
    x = torch.rand(2, SMALL.frames, 3, SMALL.side, SMALL.side, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found, wanted = net(x), by_hand(state, SMALL, x)
    assert found.shape == (2, SMALL.width)
    assert found.numpy() == pytest.approx(wanted.numpy(), abs=2e-5)
    assert found.std() > 0.1


def test_half_precision_files_are_computed_in_full() -> None:
    net = load({name: value.half() for name, value in published().items()}, SMALL)
    assert {p.dtype for p in net.parameters()} == {torch.float32}


@pytest.mark.slow
def test_the_published_network_has_these_names_sizes_and_parameters() -> None:
    shape = Shape()
    with torch.device("meta"):
        net = VideoMAE(shape)
        state = {name: torch.empty(size) for name, size in sizes(shape).items()}
    mine = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    assert {name: tuple(v.shape) for name, v in renamed(state, frozenset(mine)).items()} == mine
    total = sum(value.numel() for value in state.values())
    assert total == 1_011_855_918  # 1.01 billion
    assert sum(p.numel() for p in net.parameters()) == total - 174 * 1409
    assert shape.mlp == shape.width * 48 // 11


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: {**s, "head.weight": torch.zeros(7, 24)}, "7 classes"),
        (lambda s: {k: v for k, v in s.items() if k != "blocks.2.attn.v_bias"}, "Missing key"),
        (lambda s: {**s, "blocks.0.gamma_1": torch.zeros(24)}, "gamma_1"),
        (lambda s: {**s, "pos_embed": torch.zeros(1, 12, 24)}, "pos_embed"),
        (lambda s: {**s, "fc_norm.weight": torch.zeros(23)}, "size mismatch"),
        (lambda s: {k: v for k, v in s.items() if not k.startswith("head")}, "head.weight"),
    ],
)
def test_another_network_is_not_loaded(change: object, why: str) -> None:
    with pytest.raises((KeyError, RuntimeError, ValueError), match=why):
        load(change(published()), SMALL)  # type: ignore[operator]


@pytest.mark.parametrize("content", [b"not a network", {"head.weight": torch.zeros(710, 8)}, [1, 2]])
def test_another_file_is_refused_with_a_code(tmp_path: Path, content: object) -> None:
    path = tmp_path / "vit_g_hybrid_pt_1200e_ssv2_ft.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(CannotStart, match="not VideoMAE-v2") as caught:
        load_network(path, "cpu")
    assert caught.value.code == "E-WEIGHTS"
    assert caught.value.why


def test_a_file_counts_only_when_its_digest_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "HARNESS_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("HARNESS_CDFVD", "HARNESS_CDFVD_SHA256"):
        monkeypatch.delenv(name, raising=False)
    assert "HARNESS_CDFVD=FILE" in videomae_weight().how
    path = tmp_path / "vit_g_hybrid_pt_1200e_ssv2_ft.pth"
    path.write_bytes(b"somebody's network")
    assert missing([videomae_weight()])
    assert "HARNESS_CDFVD_SHA256" in videomae_weight().how
    monkeypatch.setenv("HARNESS_CDFVD_SHA256", sha256_file(path))
    assert resolve(videomae_weight()) == path
    monkeypatch.setenv("HARNESS_CDFVD_SHA256", "0" * 64)
    with pytest.raises(CannotStart) as caught:
        resolve(videomae_weight())
    assert caught.value.code == "E-WEIGHTS-DIGEST"


def clip(frames: int, height: int = 6, width: int = 8) -> Frames:
    return np.arange(frames, dtype=np.uint8)[:, None, None, None] * np.ones((1, height, width, 3), np.uint8)


def means(x: Tensor) -> Tensor:
    """A stand-in network: the mean of each window in every feature."""
    return x.mean((1, 2, 3, 4))[:, None].expand(-1, DIM)


def test_frames_become_centre_squares_between_0_and_1() -> None:
    frames = np.zeros((1, 2, 40, 80, 3), np.uint8)
    frames[:, :, :, 20:60] = 255  # the centre square
    seen = prepare(torch.tensor(frames))
    assert seen.shape == (1, 2, 3, 224, 224)
    assert seen[..., 3:-3].numpy() == pytest.approx(1.0, abs=1e-6)
    tall = prepare(torch.tensor(frames.transpose(0, 1, 3, 2, 4).copy()))
    assert tall[..., 3:-3, :].numpy() == pytest.approx(1.0, abs=1e-6)


def test_it_is_the_resize_of_torchvision() -> None:
    transforms = pytest.importorskip("torchvision.transforms.v2.functional")
    frame = np.random.default_rng(0).integers(0, 256, (1, 1, 37, 91, 3), dtype=np.uint8)
    theirs = transforms.resize(torch.tensor(frame[0, 0]).permute(2, 0, 1).float(), [224], antialias=True)
    assert prepare(torch.tensor(frame))[0, 0].numpy() == pytest.approx(
        transforms.center_crop(theirs, [224, 224]).div(255).numpy(), abs=1e-5
    )


def test_windows_are_rows() -> None:
    rows = window_features(means, "cpu", ALL)(Clip(clip(50), 8))
    assert rows.shape == (3, DIM)
    assert rows[:, 0] == pytest.approx([(7.5 + 16 * w) / 255 for w in range(3)], abs=1e-6)
    with pytest.raises(ItemError, match="wanted"):
        window_features(lambda x: means(x)[:, :10], "cpu", FIRST)(Clip(clip(16), 8))
    with pytest.raises(ItemError, match="videomae_w16 features take 16 frames or more, got 15"):
        window_features(means, "cpu", ALL)(Clip(clip(15), 8))


def test_names_follow_their_protocols() -> None:
    found = load_plugins()
    assert found.metric("cdfvd").min_items == 2048
    for way in WINDOWINGS:
        column = found.metric(f"cdfvd{way.suffix}")
        assert column.beside == f"kvd_videomae{way.suffix}"
        assert found.extractor(column.extractor).min_frames == way.min_frames
        assert str(column.params["preprocess"]).startswith("crop224")
        assert column.min_items >= 64
