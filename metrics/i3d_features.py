"""The feature network ``i3d``: Kinetics-400 I3D logits, in the three windowings that are in use.

Two files are known in the literature: the TorchScript module that StyleGAN-V published, and the state dict of the
public PyTorch conversion (VideoGPT, TATS). Neither can be had from a package registry, and no digest of either has
been verified by this project, so there is no list of good ones here: the name ``fvd`` is given only to a file whose
sha256 the user has listed, in ``$HARNESS_I3D_SHA256`` or in a ``manifest.json`` (sha256 by file name) beside the
file. The digest is part of the metric's key, so numbers from different files never share a column.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api import CannotStart, Extractor, Weight, extractor, first_line, listed_weight, resolve_weight

from ._windows import WINDOW, WINDOWINGS, WindowFeatures, Windowing

if TYPE_CHECKING:
    from torch import Tensor

FILES = ("i3d_torchscript.pt", "i3d_pretrained_400.pt")
MIN_FRAMES = 9
# What reading a file that holds something else can raise; RuntimeError is torch's own.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile)
ARGUMENTS = {"rescale", "resize", "return_features"}  # of the published TorchScript module
BATCH = 2  # windows: on a CPU, larger batches gain nothing and cost memory

PARAMS = {
    "extractor": "i3d-k400 logits",
    "window": WINDOW,
    "preprocess": "squash224: bilinear, no antialias, half-pixel grid, 2x/255-1",
    "covariance": "n-1",
}


def i3d_weight() -> Weight:
    """The I3D file of this machine: ``$HARNESS_I3D``, or one of the two published names in a weights folder."""
    return listed_weight("i3d-k400", FILES, path_variable="HARNESS_I3D", digest_variable="HARNESS_I3D_SHA256")


def window_features(
    net: Callable[[Tensor], Tensor], device: str, windowing: Windowing, batch: int = BATCH
) -> WindowFeatures:
    """Logits [windows, 400] of the windows that ``windowing`` cuts from a clip."""
    from ._i3d import DIM

    return WindowFeatures(net, device, windowing, "i3d", DIM, prepare, batch, MIN_FRAMES)


def prepare(windows: Tensor) -> Tensor:
    """uint8 [B, T, H, W, 3] to float32 [B, 3, T, 224, 224] in [-1, 1], each frame squashed to a square.

    Squashing sees the whole frame, as the reference implementation does; a centre crop of a wide frame would not.
    """
    from torch.nn import functional as F

    from ._i3d import SIDE

    batch, count = windows.shape[:2]
    flat = windows.flatten(0, 1).permute(0, 3, 1, 2).float()
    resized = F.interpolate(flat, (SIDE, SIDE), mode="bilinear", align_corners=False)
    scaled = resized.mul(2 / 255).sub(1)
    return scaled.reshape(batch, count, 3, SIDE, SIDE).transpose(1, 2)


def load_network(path: Path, device: str) -> Callable[[Tensor], Tensor]:
    """The network of either file, as a function from [B, 3, T, 224, 224] to [B, 400].

    Raises:
        CannotStart: E-WEIGHTS, the file holds neither.
    """
    try:
        if is_torchscript(path):
            return _torchscript(path, device)
        return _state_dict(path, device)
    except (*UNREADABLE, RuntimeError, OSError) as error:
        raise CannotStart(
            "E-WEIGHTS",
            f"{path.name} is not a Kinetics-400 I3D network.",
            where=str(path),
            why=first_line(error),
            fix="get the TorchScript file of StyleGAN-V, or the state dict of the PyTorch conversion with 400 classes",
        ) from error


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive (it carries code) and not a dictionary of tensors."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _torchscript(path: Path, device: str) -> Callable[[Tensor], Tensor]:
    import torch

    net: Any = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    if missing := ARGUMENTS - {argument.name for argument in net.forward.schema.arguments}:
        raise ValueError(f"its forward has no argument {', '.join(sorted(missing))}")
    net.eval()

    def logits(x: Tensor) -> Tensor:
        features: Tensor = net(x, rescale=False, resize=False, return_features=True)
        return features

    return logits


def _state_dict(path: Path, device: str) -> Callable[[Tensor], Tensor]:
    import torch

    from ._i3d import I3D

    net = I3D()
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return net.eval().requires_grad_(False).to(device)


WEIGHTS = i3d_weight()


def _register(windowing: Windowing) -> None:
    """One extractor: the same network, shown other frames."""

    @extractor(
        f"i3d{windowing.suffix}",
        version=1,
        summary=f"Kinetics-400 I3D, {windowing.text}, 400 logits",
        weights=(WEIGHTS,),
        min_frames=windowing.min_frames,
    )
    def load(device: str) -> Extractor:
        """Load the network; raises CannotStart E-WEIGHTS or E-WEIGHTS-DIGEST."""
        return window_features(load_network(resolve_weight(WEIGHTS), device), device, windowing)


for way in WINDOWINGS:
    _register(way)
