"""What a row says of the checkpoint that it loads, held against what the checkpoint says of itself.

A file that was saved under another row's name would otherwise run there, and its numbers stand for parts that it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diffusers import UNetSpatioTemporalConditionModel

from harness.errors import CannotStart
from harness.exvideo.checkpoint import Checkpoint, apply_checkpoint, read_checkpoint
from harness.exvideo.positions import LEARNED


@dataclass(frozen=True)
class Claim:
    """Of a row: whether its checkpoint has the convolution, which positions, and on which scale of the latents it was
    trained, None for whatever the checkpoint says."""

    conv: bool
    positions: str
    latent_factor: float | None = None


def load_claimed(unet: UNetSpatioTemporalConditionModel, path: Path, claim: Claim, *, base: str = "") -> float | None:
    """`harness.exvideo.checkpoint.load_checkpoint` of a file that holds what its row says.

    Returns:
        The scale of the latents to decode with; None for the autoencoder's own. ``unet`` is extended in place.

    Raises:
        CannotStart: E-CHECKPOINT, the file holds other parts, or was trained on another scale; and as
            `harness.exvideo.checkpoint.apply_checkpoint`.
    """
    checkpoint = read_checkpoint(path)
    conv = "identity" if claim.conv else "none"
    if unlike := _unlike(checkpoint, claim, conv):
        raise CannotStart(
            "E-CHECKPOINT",
            "The checkpoint is another row's.",
            where=str(path),
            why="\n".join(unlike),
            fix=f"put the row's own file back, or make it: harness posttune --conv {conv} --positions "
            f"{claim.positions} and the rest as harness doctor prints it for the row",
        )
    apply_checkpoint(unet, checkpoint, base=base)
    told = checkpoint.header.latent_factor
    return claim.latent_factor if told is None else told


def _unlike(checkpoint: Checkpoint, claim: Claim, conv: str) -> list[str]:
    """A line for each thing in which a checkpoint is not what its row says."""
    config, told = checkpoint.header.config, checkpoint.header.latent_factor
    # The published format does not record what a table began as.
    tables = checkpoint.published and {config.positions, claim.positions} <= set(LEARNED)
    lines = []
    if config.conv != conv:
        lines.append(f"its convolution is '{config.conv}', the row's is '{conv}'")
    if config.positions != claim.positions and not tables:
        lines.append(f"its positions are '{config.positions}', the row's are '{claim.positions}'")
    if claim.latent_factor is not None and told is not None and told != claim.latent_factor:
        lines.append(f"it was trained on latents times {told}, the row's are times {claim.latent_factor}")
    return lines
