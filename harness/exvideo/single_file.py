"""SVD as one file in its authors' own names, such as ``svd_xt.safetensors``, into the parts that diffusers has.

The image is encoded by ``conditioner.embedders.3``, the autoencoder that was trained with the UNet; the image tower is
OpenCLIP's, of which the file also carries unused text parameters. Everything is checked by the names of the file
before any weight is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from harness.errors import CannotStart
from harness.exvideo.misfits import Shape, misfits
from harness.exvideo.original_names import Origin, tower_origins, unet_origins, vae_origins
from harness.exvideo.svd_xt import Configs, configs_beside

COMPLETE = "the whole file: hf download stabilityai/stable-video-diffusion-img2vid-xt svd_xt.safetensors"
OWNED = ("model.diffusion_model.", "first_stage_model.decoder.")  # nothing else may be under these


class Parts(NamedTuple):
    """The parts of a base, on the CPU, in the dtype that was asked for."""

    unet: UNetSpatioTemporalConditionModel
    vae: AutoencoderKLTemporalDecoder
    image_encoder: CLIPVisionModelWithProjection
    scheduler: EulerDiscreteScheduler


def load_single_file(path: Path, dtype: torch.dtype) -> Parts:
    """The parts of an SVD file. What the file does not say is SVD-XT's, or in a JSON file of the same stem beside it.

    Raises:
        CannotStart: E-WEIGHTS, not an SVD file, damaged, or with tensors that are missing, unknown or misshapen.
    """
    configs = configs_beside(path)
    try:
        models = dict(_empty(configs))
        origins = {part: ORIGINS[part](model) for part, model in models.items()}
        with safe_open(path, "pt") as file:
            _check(path, file, models, origins)
            states = {
                part: {name: origin.read(file.get_tensor(origin.name)).to(dtype) for name, origin in found.items()}
                for part, found in origins.items()
            }
    except (OSError, SafetensorError, ValueError, TypeError, RuntimeError) as error:
        raise _unusable(path, str(error).strip().splitlines()[0], COMPLETE) from error
    for part in ("unet", "vae"):
        models[part].load_state_dict(states[part], assign=True)
    tower: Any = CLIPVisionModelWithProjection
    image_encoder = tower.from_pretrained(
        None, config=CLIPVisionConfig(**configs["image_encoder"]), state_dict=states["image_encoder"], dtype=dtype
    )
    scheduler = EulerDiscreteScheduler.from_config(dict(configs["scheduler"]))
    return Parts(models["unet"], models["vae"], image_encoder, scheduler)


ORIGINS = {"unet": unet_origins, "vae": vae_origins, "image_encoder": tower_origins}


def _empty(configs: Configs) -> Iterator[tuple[str, Any]]:
    """Models without storage: names and shapes."""
    with torch.device("meta"):
        yield "unet", UNetSpatioTemporalConditionModel(**configs["unet"])
        yield "vae", AutoencoderKLTemporalDecoder(**configs["vae"])
        yield "image_encoder", CLIPVisionModelWithProjection(CLIPVisionConfig(**configs["image_encoder"]))


def _check(path: Path, file: Any, models: Mapping[str, nn.Module], origins: Mapping[str, Mapping[str, Origin]]) -> None:
    names = list(file.keys())
    if not any(name.startswith(OWNED[0]) for name in names):
        why = f"it holds {', '.join(sorted(names)[:2]) or 'nothing'}…, and no tensor under {OWNED[0]}"
        raise _unusable(path, why, f"{COMPLETE}; or a base in diffusers' format")
    expected: dict[str, Shape] = {}
    for part, found in origins.items():
        shapes = {name: tuple(tensor.shape) for name, tensor in _state(models[part]).items()}
        expected |= {origin.name: origin.stored(shapes[name]) for name, origin in found.items()}
    considered = [name for name in names if name in expected or name.startswith(OWNED)]
    found_shapes = {name: tuple(file.get_slice(name).get_shape()) for name in considered}
    if lines := misfits(found_shapes, expected, set(expected)):
        beside = path.with_suffix(".json").name
        raise _unusable(path, lines, f"{COMPLETE}; a model of other sizes than SVD-XT: describe it in {beside}")


def _state(model: nn.Module) -> Mapping[str, Tensor]:
    return model.state_dict()


def _unusable(path: Path, why: str, fix: str) -> CannotStart:
    return CannotStart("E-WEIGHTS", "The file is not a base that can be loaded.", where=str(path), why=why, fix=fix)
