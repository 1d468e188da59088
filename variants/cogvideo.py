"""ExVideo's LoRA for CogVideoX-5B: 129 frames where the base makes 49, and the base alone at that length.

These rows are given the item's prompt and never see its image, so what a metric says of the image does not judge them.
Settings are those of the authors' example (100 steps, guidance 7); the base's own scheduler is replaced by
deterministic DDIM, so that all noise comes from the harness. There is no convolution and no table in a transformer:
the ablations of the svd family have no counterpart here.

Base: ``$HARNESS_COGVIDEOX``. CogVideoX-5B needs a GPU with bfloat16; a base of less than a gigabyte runs on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.api import Frames, Generator, HubSource, Needs, Request, Weight, resolve_weight, unpinned_weight, variant

from ._cogvideo_base import WEIGHT_BYTES, base_place, base_weights, is_small

FAMILY = "cogvideox"
LORA = "ExVideo-CogVideoX-LoRA-129f-v1"
REPOSITORY = f"ECNU-CILab/{LORA}"
LORA_BYTES = 1_000_000_000  # about
MAX_FRAMES = 129
MIN_SIZE = 256  # it was trained on 480x720: from far below that comes nothing to judge


@dataclass(frozen=True)
class CogVideoX:
    """Settings of one row; every field enters the key. ``lora`` says whether ExVideo's is merged into the base.

    ``dtype`` is what everything is loaded in on a GPU; a CPU computes in single precision.
    """

    lora: bool = False
    steps: int = 100
    guidance: float = 7.0
    max_tokens: int = 226
    dtype: str = "bfloat16"

    def needs(self) -> Needs:
        base = base_weights()
        weights = (*base, lora_weight()) if self.lora else base
        if is_small(base):
            return Needs(weights=weights, max_frames=MAX_FRAMES)
        # How much a clip takes besides the weights nobody has stated: less than these will not do.
        return Needs(weights=weights, gpu=True, vram_bytes=WEIGHT_BYTES, min_size=MIN_SIZE, max_frames=MAX_FRAMES)

    def provenance(self) -> dict[str, Any]:
        """Training cost: the authors tell none."""
        return {"training": {"published": REPOSITORY}} if self.lora else {}

    def load(self, device: str) -> Generator:
        return _Generator(self, device)


def lora_weight() -> Weight:
    """ExVideo's LoRA, about a gigabyte."""
    return unpinned_weight(
        "cogvideox-exvideo-lora",
        f"{LORA}/{LORA}.safetensors",
        source=HubSource(REPOSITORY, f"{LORA}.safetensors"),
        how="harness doctor --fetch cogvideox-exvideo-lora",
        size=LORA_BYTES,
        licence=f"see https://huggingface.co/{REPOSITORY}",
    )


class _Generator:
    """A loaded base, with the LoRA merged or without."""

    def __init__(self, config: CogVideoX, device: str) -> None:
        from harness.exvideo.base import loading_dtype, usable_device
        from harness.exvideo.cogvideo import load_pipeline, merge_lora, read_lora

        weights = config.needs().weights
        self.config, self.device = config, usable_device(device)
        self.pipe = load_pipeline(base_place(base_weights()), loading_dtype(config.dtype, device))
        self.merged = 0
        if config.lora:
            path = resolve_weight(weights[-1])
            self.merged = merge_lora(self.pipe.transformer, read_lora(path), str(path))
        self.offloading = False

    def generate(self, request: Request) -> Frames:
        from harness.exvideo.cogvideo import CogSettings, generate, latent_shape

        protocol, config = request.protocol, self.config
        settings = CogSettings(
            protocol.num_frames, steps=config.steps, guidance=config.guidance, max_tokens=config.max_tokens
        )
        self._place(lighter=request.lighter > 0)
        request.note(
            **vars(settings), merged=self.merged, dtype=str(self.pipe.transformer.dtype).removeprefix("torch.")
        )
        request.note(lightened=["parts of the model wait on the CPU"] if self.offloading else [])
        shape = latent_shape(self.pipe, settings, protocol.height, protocol.width)
        return generate(self.pipe, request.item.prompt, settings, request.noise("latents", shape))

    def _place(self, lighter: bool) -> None:
        """The model on its device; after memory ran out, one part of it at a time, which changes no arithmetic."""
        if self.offloading:  # for good: the whole model would not fit afterwards either
            return
        if lighter and self.device.type == "cuda":
            self.pipe.enable_model_cpu_offload(device=self.device)
            self.offloading = True
        else:
            self.pipe.to(self.device)


@variant(
    "cogvideox-exvideo",
    revision=1,
    family=FAMILY,
    role="method",
    summary="ExVideo's published LoRA on CogVideoX-5B, from the prompt alone",
)
class CogVideoXExVideo(CogVideoX):
    lora: bool = True


@variant(
    "cogvideox-direct",
    revision=1,
    family=FAMILY,
    role="baseline",
    summary="CogVideoX-5B run at the suite's length from the prompt alone, not tuned",
)
class CogVideoXDirect(CogVideoX):
    pass
