"""The feature network ``world``: a small 3-D convolutional net that was trained to read the procedural world.

It names shapes, colours and speeds, and seven kinds of damage, from 16 frames at a time. Trained by
``recipes/mini/extractor.py`` on scenes that no suite and no reference set contains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.api import Clip, Extractor, Frames, ItemError, extractor, resolve_weight, shipped_weight

if TYPE_CHECKING:
    from ._world_net import WorldNet

WEIGHTS = shipped_weight(
    "harness.metrics", "weights/world.safetensors", how="recipes/mini/README.md has the command that makes it"
)
BATCH = 16  # windows


class WorldFeatures:
    """Features of all whole 16-frame windows of a clip, one after the other; a shorter rest is left out."""

    def __init__(self, net: WorldNet, device: str) -> None:
        self.net, self.device = net, device

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Features float32 [T // 16, 96].

        Raises:
            ItemError: E-FEATURES, frames that are not 64x64, or fewer than 16.
        """
        import torch

        windows = torch.tensor(cut_windows(clip.frames), device=self.device)  # a copy: frames may be read-only
        with torch.inference_mode():
            rows = [self.net(windows[first : first + BATCH]) for first in range(0, len(windows), BATCH)]
        result: NDArray[np.float32] = torch.cat(rows).float().cpu().numpy()
        return result


@extractor("world", version=1, summary="3-D net trained on the procedural world, 96 features", weights=(WEIGHTS,))
def load_world(device: str) -> Extractor:
    """Load the network.

    Raises:
        CannotStart: E-WEIGHTS or E-WEIGHTS-DIGEST.
    """
    from safetensors.torch import load_file

    from ._world_net import WorldNet

    state: dict[str, Any] = {name: value.float() for name, value in load_file(resolve_weight(WEIGHTS)).items()}
    net = WorldNet()
    net.load_state_dict(state)
    return WorldFeatures(net.eval().requires_grad_(False).to(device), device)


def cut_windows(frames: Frames) -> Frames:
    """uint8 [T, 64, 64, 3] to [T // 16, 16, 64, 64, 3].

    Raises:
        ItemError: E-FEATURES.
    """
    from ._world_net import SIDE, WINDOW

    if frames.shape[1:] != (SIDE, SIDE, 3):
        found = f"{frames.shape[2]}x{frames.shape[1]}"
        raise ItemError("E-FEATURES", f"The world features take frames of {SIDE}x{SIDE} pixels, got {found}.")
    count = len(frames) // WINDOW
    if count == 0:
        raise ItemError("E-FEATURES", f"The world features take {WINDOW} frames or more, got {len(frames)}.")
    return frames[: count * WINDOW].reshape(count, WINDOW, SIDE, SIDE, 3)
