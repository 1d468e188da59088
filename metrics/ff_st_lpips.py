"""First-frame ST-LPIPS: a shift-tolerant learned perceptual distance of frame 0 and the conditioning image.

Ghildyal and Liu, ECCV 2022: LPIPS with a retrained Alex trunk that blurs before it subsamples, so that a shift by a
pixel or two counts little. The network is the published one, read from the wheel that carries it; its numbers compare
with no LPIPS. Images in [-1, 1], short side at most 256 pixels.

Fooled by: copying the image into frame 0; a slow slide of the whole picture, which is what it tolerates. For frames
after the first, a still image has no drift: read ``end`` and ``slope`` of moving clips only.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from harness.api import Clip, Score, known_weight, metric, resolve_weight

from ._first_frame import WORKING_SIDE, first_frame_score, perceptual_curve, refusal

if TYPE_CHECKING:
    from ._perceptual import Perceptual

WEIGHTS = known_weight("st-lpips-alex")
SMALLEST = 32  # pixels


@metric(
    "ff_st_lpips",
    version=1,
    better="lower",
    aspect="fidelity",
    unit="ST-LPIPS (alex)",
    summary="first-frame fidelity: shift-tolerant perceptual distance of frame 0 and the conditioning image",
    params={"net": "alex, shift tolerant", "version": "ST0.0", "working_side": WORKING_SIDE},
    weights=(WEIGHTS,),
    responds={"still": "best", "shuffle": "same", "flicker": "same", "flip": "same"},
    bounds=(0, None),
    profile="distance of each part's frames to the image",
    profile_unit="ST-LPIPS (alex)",
)
def ff_st_lpips(clip: Clip) -> Score:
    """ST-LPIPS of frame 0, 0 for an identical frame.

    Detail: ``end``, the mean of the last 8 frames; ``slope`` per frame. The profile is the distance of each eighth.

    Raises:
        CannotStart: E-WEIGHTS or E-WEIGHTS-DIGEST.
    """
    refused = refusal(clip, SMALLEST)
    return refused or first_frame_score(perceptual_curve(load_st_lpips(), clip))


@cache
def load_st_lpips() -> Perceptual:
    """The network, once per process."""
    import torch

    from ._perceptual import Perceptual, shift_tolerant_slices

    state = torch.load(resolve_weight(WEIGHTS), map_location="cpu", weights_only=True)
    net = Perceptual(shift_tolerant_slices())
    # The published slices are numbered from 1; the input statistics beside them are those of LPIPS.
    trunk = {f"{int(k[9]) - 1}{k[10:]}": v for k, v in state.items() if k.startswith("net.slice")}
    net.load(trunk, state)
    return net.eval().requires_grad_(False)
