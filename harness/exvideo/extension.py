"""ExVideo's temporal extension of a Stable Video Diffusion UNet.

In every temporal block (`TransformerSpatioTemporalModel`) two things are added, and nothing else changes:

1. the sinusoid of the frame number may give way to a trainable table or to reflected ids (`harness.exvideo.positions`),
2. a 3x3x3 convolution over time and space, initialised as the identity, may stand in front of the temporal transformer.

The convolution has no skip of its own. Only the temporal branch sees it; the spatial branch enters the mix untouched.
Blocks change their class in place, so parameters keep diffusers' names; new ones are ``….time_proj.weight`` (the table)
and ``….temporal_conv.{weight,bias}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import torch
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from torch import Tensor, nn

from harness.errors import UsageError
from harness.exvideo.positions import LEARNED, Positions, PositionTable, ReflectedPositions, initial_table

Conv = Literal["none", "identity"]


@dataclass(frozen=True)
class ExtensionConfig:
    """What the extension consists of.

    Args:
        conv: ``identity``, a trainable convolution initialised as the identity, or ``none``.
        positions: the embedding of frame numbers; ``learn_*`` are trainable tables of ``num_frames`` rows.
        num_frames: the extended length, and the number of rows of a table.
        max_id: number of distinct reflected ids; the base's native length.
        repeat_length: half the period of the reflection.
        seed: of ``learn_rand``.

    Raises:
        UsageError: E-EXTENSION, an unknown kind or numbers that cannot be.
    """

    conv: Conv
    positions: Positions
    num_frames: int
    max_id: int = 25
    repeat_length: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.conv not in get_args(Conv):
            raise _bad_config(f"conv '{self.conv}' does not exist", f"one of {', '.join(get_args(Conv))}")
        if self.positions not in get_args(Positions):
            kinds = ", ".join(get_args(Positions))
            raise _bad_config(f"positions '{self.positions}' do not exist", f"one of {kinds}")
        if not 1 <= self.repeat_length < self.max_id:
            why = f"repeat_length {self.repeat_length} is not in 1 .. max_id - 1 = {self.max_id - 1}"
            raise _bad_config(why, "0.8 of the base's native length, as 20 of 25")
        if self.num_frames < 1:
            raise _bad_config(f"num_frames is {self.num_frames}", "at least 1")

    @classmethod
    def of_native(
        cls,
        native: int,
        *,
        num_frames: int,
        conv: Conv = "identity",
        positions: Positions = "learn_reflect",
        seed: int = 0,
    ) -> ExtensionConfig:
        """The configuration for a base of ``native`` frames in ExVideo's proportions: 25/20, so 8/6 for 8 frames."""
        return cls(conv, positions, num_frames, max_id=native, repeat_length=round(0.8 * native), seed=seed)


class ExtendedTransformer(TransformerSpatioTemporalModel):  # type: ignore[misc]  # diffusers is untyped
    """A spatio-temporal transformer with the extension; made by `extend`, never constructed.

    Unlike the class it replaces it also checkpoints the temporal branch, whose activations dominate long clips.
    """

    temporal_conv: nn.Conv3d | None
    gradient_checkpointing: bool

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        image_only_indicator: Tensor,
        return_dict: bool = True,
    ) -> Any:
        """One block.

        Args:
            hidden_states: [B * T, C, H, W], clips one after the other.
            encoder_hidden_states: the image token of each frame, [B * T, 1, D].
            image_only_indicator: [B, T] zeros; its last axis says how many frames a clip has.
            return_dict: accepted for compatibility; the caller indexes the result with 0 either way.

        Raises:
            UsageError: E-FRAMES or E-SIZE, see `check_shape`.
        """
        batch_frames, _, height, width = hidden_states.shape
        num_frames = image_only_indicator.shape[-1]
        check_shape(self, num_frames, height, width)
        tokens = self.norm(hidden_states).permute(0, 2, 3, 1).reshape(batch_frames, height * width, -1)
        tokens = self.proj_in(tokens)
        spatial = self._maybe_checkpointed(self.transformer_blocks[0], tokens, None, encoder_hidden_states, None)
        first_context = encoder_hidden_states[::num_frames]
        temporal = self._maybe_checkpointed(self.temporal_branch, spatial, first_context, (num_frames, height, width))
        mixed = self.time_mixer(x_spatial=spatial, x_temporal=temporal, image_only_indicator=image_only_indicator)
        output = self.proj_out(mixed).reshape(batch_frames, height, width, -1).permute(0, 3, 1, 2)
        return (output.contiguous() + hidden_states,)

    def temporal_branch(self, tokens: Tensor, context: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """Position embedding, convolution and temporal transformer, before the mix with the spatial branch.

        Args:
            tokens: [B * T, H * W, C].
            context: the image token of each clip, [B, 1, D].
            shape: (T, H, W).

        Returns:
            [B * T, H * W, C].
        """
        num_frames, height, width = shape
        batch, channels = tokens.shape[0] // num_frames, tokens.shape[-1]
        positions = self.time_proj(torch.arange(num_frames, device=tokens.device)).to(tokens.dtype)
        embedded = self.time_pos_embed(positions)[None, :, None, :]
        volume = tokens.reshape(batch, num_frames, height * width, channels) + embedded
        if self.temporal_conv is not None:
            volume = volume.reshape(batch, num_frames, height, width, channels).permute(0, 4, 1, 2, 3)
            volume = self.temporal_conv(volume).permute(0, 2, 3, 4, 1)
        per_pixel = context.repeat_interleave(height * width, dim=0)
        branch = self.temporal_transformer_blocks[0](
            volume.reshape(batch * num_frames, height * width, channels),
            num_frames=num_frames,
            encoder_hidden_states=per_pixel,
        )
        return cast(Tensor, branch)

    def _maybe_checkpointed(self, function: Callable[..., Tensor], *arguments: object) -> Tensor:
        if torch.is_grad_enabled() and self.gradient_checkpointing:
            return cast(Tensor, self._gradient_checkpointing_func(function, *arguments))
        return function(*arguments)


def extend(unet: UNetSpatioTemporalConditionModel, config: ExtensionConfig) -> UNetSpatioTemporalConditionModel:
    """Put the extension into every temporal block of ``unet``, in place; returns the same object.

    New parameters take the device and dtype of the block they enter. A fresh extension changes nothing for clips of up
    to ``max_id`` frames, except with ``learn_rand``.

    Raises:
        UsageError: E-EXTENSION, the UNet is already extended or has no block that can be.
    """
    blocks = list(spatio_temporal_blocks(unet))
    if not blocks:
        raise _bad_config("the UNet has no spatio-temporal transformer", "a UNetSpatioTemporalConditionModel")
    generator = torch.Generator().manual_seed(config.seed)
    for name, block in blocks:
        if isinstance(block, ExtendedTransformer):
            raise _bad_config(f"{name} is already extended", "a freshly loaded base for every extension")
        if len(block.temporal_transformer_blocks) != 1:
            count = len(block.temporal_transformer_blocks)
            raise _bad_config(f"{name} has {count} temporal layers", "ExVideo is defined for one layer per block")
        extend_block(block, config, generator)
    return unet


def extend_block(
    block: TransformerSpatioTemporalModel, config: ExtensionConfig, generator: torch.Generator | None = None
) -> ExtendedTransformer:
    """Extend one block in place; ``generator`` is drawn from only by ``learn_rand``."""
    like = block.proj_in.weight
    channels = block.in_channels
    if config.positions in LEARNED:
        table = initial_table(
            config.positions,
            config.num_frames,
            channels,
            max_id=config.max_id,
            repeat_length=config.repeat_length,
            generator=generator,
        )
        block.time_proj = PositionTable(table.to(device=like.device, dtype=like.dtype))
    elif config.positions == "reflect":
        block.time_proj = ReflectedPositions(channels, config.max_id, config.repeat_length)
    block.temporal_conv = None if config.conv == "none" else identity_conv(block.inner_dim, like)
    block.__class__ = ExtendedTransformer
    return cast(ExtendedTransformer, block)


def identity_conv(channels: int, like: Tensor) -> nn.Conv3d:
    """A 3x3x3 convolution with reflect padding that copies its input [B, channels, T, H, W] exactly."""
    conv = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Conv3d, channels, channels, 3, padding=1, padding_mode="reflect", device=like.device, dtype=like.dtype
    )
    with torch.no_grad():
        nn.init.zeros_(conv.weight)
        conv.weight[:, :, 1, 1, 1] = torch.eye(channels, device=like.device, dtype=like.dtype)
        nn.init.zeros_(conv.bias)
    return cast(nn.Conv3d, conv)


def spatio_temporal_blocks(unet: nn.Module) -> Iterator[tuple[str, TransformerSpatioTemporalModel]]:
    """The temporal blocks with their diffusers names, in the order of the modules."""
    for name, module in unet.named_modules():
        if isinstance(module, TransformerSpatioTemporalModel):
            yield name, module


def check_shape(block: ExtendedTransformer, num_frames: int, height: int, width: int) -> None:
    """Refuse clips that the block cannot take; ``height`` and ``width`` are of its own feature map.

    Raises:
        UsageError: E-FRAMES, more frames than table rows, or a single frame under the convolution; E-SIZE, a feature
            map smaller than 2x2 under the convolution.
    """
    if isinstance(block.time_proj, PositionTable) and num_frames > block.time_proj.rows:
        raise UsageError(
            "E-FRAMES",
            f"{num_frames} frames were asked of an extension made for {block.time_proj.rows}.",
            where="the table of positions",
            why="the learned position table has one row per frame and no rule for frames beyond it",
            fix=f"a suite of at most {block.time_proj.rows} frames: harness list suites; or a longer table: "
            f"harness posttune --frames {num_frames}",
        )
    if block.temporal_conv is None:
        return
    if num_frames < 2:
        raise UsageError(
            "E-FRAMES",
            f"{num_frames} frame was asked of an extension with a temporal convolution.",
            where="the temporal convolution",
            why="reflect padding needs a neighbouring frame",
            fix="a suite of at least 2 frames: harness list suites",
        )
    if min(height, width) < 2:
        raise UsageError(
            "E-SIZE",
            f"The video is too small: an inner feature map is {height}x{width}.",
            where="the temporal convolution",
            why="reflect padding of the temporal convolution needs at least 2x2",
            fix="larger frames, with SVD at least 128x128 pixels: harness list suites, or --size of harness posttune",
        )


def _bad_config(why: str, fix: str) -> UsageError:
    return UsageError("E-EXTENSION", "This temporal extension cannot be built.", why=why, fix=fix)
