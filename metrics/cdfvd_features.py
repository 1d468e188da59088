"""The feature network ``videomae``: VideoMAE-v2 ViT-g/14, fine-tuned on Something-Something-v2, in three windowings.

Its classes differ by motion and not by what is in the picture, which is why distances of its features have less content
bias than those of I3D. The file is ``vit_g_hybrid_pt_1200e_ssv2_ft.pth`` (4 GB), which no package registry carries;
this project has verified no digest of it, so it is accepted only with a sha256 that the user has listed, as for I3D.

The network reads 16 frames. Its positions could be stretched over 128 frames, as another implementation does; that is
a network that was never trained, and it is not offered: long clips are cut into windows, or spaced by 8.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api import CannotStart, Extractor, Weight, extractor, first_line, listed_weight, resolve_weight

from ._windows import WINDOW, WINDOWINGS, WindowFeatures, Windowing
from .i3d_features import UNREADABLE

if TYPE_CHECKING:
    from torch import Tensor

FILES = ("vit_g_hybrid_pt_1200e_ssv2_ft.pth",)
SIDE = 224  # pixels
DIM = 1408
BATCH = 1  # windows: one is 2048 tokens

PARAMS = {
    "extractor": "videomae-v2 vit-g/14 ssv2, mean of tokens, fc_norm",
    "window": WINDOW,
    "preprocess": "crop224: short side 224, bilinear, antialias, centre square, x/255, no mean or scale",
    "covariance": "n-1",
}


def videomae_weight() -> Weight:
    """The file of this machine: ``$HARNESS_CDFVD``, or the published name in a weights folder."""
    return listed_weight(
        "videomae-v2-ssv2", FILES, path_variable="HARNESS_CDFVD", digest_variable="HARNESS_CDFVD_SHA256"
    )


def window_features(
    net: Callable[[Tensor], Tensor], device: str, windowing: Windowing, batch: int = BATCH
) -> WindowFeatures:
    """Features [windows, 1408] of the windows that ``windowing`` cuts from a clip."""
    return WindowFeatures(net, device, windowing, "videomae", DIM, prepare, batch)


def prepare(windows: Tensor) -> Tensor:
    """uint8 [B, T, H, W, 3] to float32 [B, T, 3, 224, 224] in [0, 1]: the centre square of each frame.

    As in the published tool: the short side to 224 with antialiasing, then a crop. What lies outside the square of a
    wide frame is not seen; ``fvd`` squashes frames and sees all of them.
    """
    from torch.nn import functional as F

    batch, count, height, width = windows.shape[:4]
    short = min(height, width)
    size = (SIDE * height // short, SIDE * width // short)
    flat = windows.flatten(0, 1).permute(0, 3, 1, 2).float()
    resized = F.interpolate(flat, size, mode="bilinear", antialias=True, align_corners=False)
    top, left = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    square = resized[:, :, top : top + SIDE, left : left + SIDE].div(255)
    return square.reshape(batch, count, 3, SIDE, SIDE)


def load_network(path: Path, device: str) -> Callable[[Tensor], Tensor]:
    """The network as a function from [B, 16, 3, 224, 224] to [B, 1408].

    Raises:
        CannotStart: E-WEIGHTS, the file holds another network or none.
    """
    import torch

    from ._videomae import Shape, load

    try:
        return load(torch.load(path, map_location="cpu", weights_only=True), Shape()).to(device)
    except (*UNREADABLE, RuntimeError, OSError) as error:
        raise CannotStart(
            "E-WEIGHTS",
            f"{path.name} is not VideoMAE-v2 ViT-g/14 for Something-Something-v2.",
            where=str(path),
            why=first_line(error),
            fix=f"get {FILES[0]} from the authors' model zoo",
        ) from error


WEIGHTS = videomae_weight()


def _register(windowing: Windowing) -> None:
    """One extractor: the same network, shown other frames."""

    @extractor(
        f"videomae{windowing.suffix}",
        version=1,
        summary=f"VideoMAE-v2 ViT-g/14 of Something-Something-v2, {windowing.text}, {DIM} features",
        weights=(WEIGHTS,),
        min_frames=windowing.min_frames,
        params={**PARAMS, "clip": windowing.clip},
    )
    def load(device: str) -> Extractor:
        """Load the network; raises CannotStart E-WEIGHTS or E-WEIGHTS-DIGEST."""
        return window_features(load_network(resolve_weight(WEIGHTS), device), device, windowing)


for way in WINDOWINGS:
    _register(way)
