"""The factorial rows of the mini family, post-tuned once more with another training seed: training noise, to be seen.

recipes/mini/tune.sh weights/mini-seed1 600 1
harness run --plugin recipes/mini/second_seed.py --variants all

A family of its own, so that the ablation is worked out for each seed apart. Base, data, steps and sampling are those of
the rows without "seed1" in their names; only the order of the clips and the noise of the training are others. The
files do not come with the project: the commands above make them.
"""

from __future__ import annotations

from harness.api import Weight, unpinned_weight, variant
from harness.variants._grid import register_ablations
from harness.variants.mini import MiniVariant

FAMILY = "mini-seed1"
FACTORIAL = ("no-conv", "pos-static", "temporal-only")
COMMAND = f"recipes/mini/tune.sh weights/{FAMILY} 600 1"


class SecondSeed(MiniVariant):  # type: ignore[misc]  # an installed package has no types for mypy here
    """Settings of one row, as in the mini family; its checkpoint is the user's own file."""

    def tuned_weight(self) -> Weight:
        """The checkpoint that the second training wrote."""
        return unpinned_weight(self.checkpoint, f"{FAMILY}/{self.checkpoint}.safetensors", how=COMMAND)


@variant(
    f"{FAMILY}-exvideo",
    revision=1,
    family=FAMILY,
    role="method",
    summary="ExVideo, second training seed: identity 3D conv, learned positions",
    factors={"conv": True, "positions": "learned"},
)
class ExVideo(SecondSeed):
    checkpoint: str = f"{FAMILY}-exvideo"
    conv: bool = True
    positions: str = "learn_reflect"


register_ablations(__name__, SecondSeed, FAMILY, f"{FAMILY}-", names=FACTORIAL)
