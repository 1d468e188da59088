"""First-frame LPIPS: the learned perceptual distance of frame 0 and the conditioning image.

LPIPS version 0.1 (Zhang et al., CVPR 2018): AlexNet's published ImageNet trunk, the published linear heads, images in
[-1, 1], short side at most 256 pixels, no spatial map. Only with that trunk: without its file the column is n/a, and
nothing else answers under this name. ``ff_st_lpips`` is the relative that a package registry can deliver.

Fooled by: copying the image into frame 0; adversarial texture that only a network sees. It punishes a small shift more
than people do. For frames after the first, a still image has no drift: read ``end`` and ``slope`` of moving clips only.
"""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api import CannotStart, Clip, Score, Weight, metric, resolve_weight, unpinned_weight

from ._first_frame import WORKING_SIDE, first_frame_score, perceptual_curve, refusal

if TYPE_CHECKING:
    from torch import Tensor

    from ._perceptual import Perceptual

TRUNK_FILE, TRUNK_SHA256 = "alexnet-owt-7be5be79.pth", "7be5be79"  # the name carries the digest's first digits
HEADS_SHA256 = "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"  # of lpips 0.1.4
SMALLEST = 32  # pixels


def trunk_weight() -> Weight:
    """AlexNet's trunk, in torch.hub's folder if it is there, otherwise among the weights."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    home = Path(os.environ.get("TORCH_HOME") or str(Path(cache_home) / "torch"))
    hub = home / "hub" / "checkpoints" / TRUNK_FILE
    how = "python -c \"import torchvision; torchvision.models.alexnet(weights='IMAGENET1K_V1')\""
    return unpinned_weight("alexnet", str(hub) if hub.is_file() else TRUNK_FILE, how=how)


def heads_weight() -> Weight:
    """The linear heads that the lpips package carries."""
    found = importlib.util.find_spec("lpips")
    folder = Path(found.origin).parent if found and found.origin else Path("lpips")
    path = str(folder / "weights" / "v0.1" / "alex.pth")
    return Weight("lpips-heads", path, HEADS_SHA256, how="pip install --force-reinstall --no-deps lpips==0.1.4")


@metric(
    "ff_lpips",
    version=1,
    better="lower",
    aspect="fidelity",
    unit="LPIPS (alex)",
    summary="first-frame fidelity: learned perceptual distance of frame 0 and the conditioning image",
    params={"net": "alex", "version": "0.1", "working_side": WORKING_SIDE, "trunk": TRUNK_FILE},
    weights=(trunk_weight(), heads_weight()),
    responds={"still": "best", "shuffle": "same", "flicker": "same", "flip": "same"},
    bounds=(0, None),
    profile="distance of each part's frames to the image",
    profile_unit="LPIPS (alex)",
)
def ff_lpips(clip: Clip) -> Score:
    """LPIPS of frame 0, 0 for an identical frame.

    Detail: ``end``, the mean of the last 8 frames; ``slope`` per frame. The profile is the distance of each eighth.

    Raises:
        CannotStart: E-WEIGHTS, or E-WEIGHTS-DIGEST for another trunk.
    """
    refused = refusal(clip, SMALLEST)
    return refused or first_frame_score(perceptual_curve(load_lpips(), clip))


@cache
def load_lpips() -> Perceptual:
    """The network, once per process."""
    import torch

    weight = trunk_weight()
    path, found = resolve_weight(weight), weight.sha256
    if not found.startswith(TRUNK_SHA256):
        raise CannotStart(
            "E-WEIGHTS-DIGEST",
            f"{path.name} is not the published AlexNet.",
            where=str(path),
            why=f"its sha256 is {found[:12]}…, expected {TRUNK_SHA256}…: another trunk would be scored as LPIPS",
            fix="delete it and fetch it again",
        )
    trunk = torch.load(path, map_location="cpu", weights_only=True)
    heads = torch.load(resolve_weight(heads_weight()), map_location="cpu", weights_only=True)
    return build(trunk, heads)


def build(trunk: dict[str, Tensor], heads: dict[str, Tensor]) -> Perceptual:
    """LPIPS from the state dict of torchvision's AlexNet and the package's heads.

    Raises:
        RuntimeError: they do not fit.
    """
    from ._perceptual import Perceptual, alex_slices

    net = Perceptual(alex_slices())
    layers = {key.split(".", 1)[1]: key for key in net.slices.state_dict()}
    renamed = {
        layers[key.removeprefix("features.")]: value for key, value in trunk.items() if key.startswith("features.")
    }
    named = {key if ".model." in key else key.replace(".weight", ".model.1.weight"): v for key, v in heads.items()}
    net.load(renamed, named)
    return net.eval().requires_grad_(False)
