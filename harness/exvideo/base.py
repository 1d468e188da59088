"""A base model: Stable Video Diffusion of any size, as a folder in diffusers' format or as its authors' single file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLTemporalDecoder,
    AutoencoderTiny,
    EulerDiscreteScheduler,
    UNetSpatioTemporalConditionModel,
)
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from harness.errors import CannotStart, UsageError
from harness.exvideo.image import clip_pixels
from harness.exvideo.pretrained import UNLOADABLE, load_model, quiet, reason
from harness.exvideo.single_file import load_single_file
from harness.exvideo.svd_xt import configs_beside
from harness.keys import digest
from harness.machine import TORCH_FOR_CUDA, look
from harness.weights import file_digest, folders

ALIGNMENT = 64  # bytes
PARTS = ("unet", "vae", "image_encoder", "scheduler")
BACKBONE = ("unet", "image_encoder")
# What to type for a base that is whole.
FOLDER = "harness doctor --fetch 'svd-*' for SVD-XT; another base: hf download ID --local-dir DIR, and name DIR"
TINY = "harness doctor --fetch taesd"
DTYPES = ("float16", "bfloat16", "float32")
VAES = {"AutoencoderKLTemporalDecoder": AutoencoderKLTemporalDecoder, "AutoencoderTiny": AutoencoderTiny}


class Vae:
    """One face for SVD's autoencoder and for `AutoencoderTiny`. Latents are unscaled on both sides."""

    def __init__(self, model: AutoencoderKLTemporalDecoder | AutoencoderTiny) -> None:
        self.model = model
        self.factor: float = model.config.scaling_factor
        self.is_tiny = isinstance(model, AutoencoderTiny)
        if self.is_tiny:  # 2-D convolutions only, which this order makes a third faster on a CPU
            model.to(memory_format=torch.channels_last)
        blocks = model.config.encoder_block_out_channels if self.is_tiny else model.config.block_out_channels
        self.stride: int = 2 ** (len(blocks) - 1)
        self.channels: int = model.config.latent_channels

    def encode(self, pixels: Tensor) -> Tensor:
        """The mode of the latents [N, C, H / stride, W / stride] of [-1, 1] images [N, 3, H, W]; float32.

        A half-precision SVD autoencoder overflows while encoding, so it is lifted to float32 for the call, as its
        configuration asks.
        """
        lift = self.model.dtype == torch.float16 and bool(self.model.config.force_upcast)
        if lift:
            self.model.to(torch.float32)
        try:
            encoded = self.model.encode(pixels.to(device=self.model.device, dtype=self.model.dtype))
            latents: Tensor = encoded.latents if self.is_tiny else encoded.latent_dist.mode()
        finally:
            if lift:
                self.model.to(torch.float16)
        return latents.float()

    def decode(self, latents: Tensor, chunk: int) -> Tensor:
        """[-1, 1] images [T, 3, H, W], float32, of the frames of one clip [T, C, h, w], ``chunk`` frames at a time."""
        pieces = []
        for piece in torch.split(latents.to(self.model.dtype), chunk):
            extra = {} if self.is_tiny else {"num_frames": len(piece)}
            pieces.append(self.model.decode(piece, **extra).sample.float())
        return torch.cat(pieces)


@dataclass(frozen=True)
class Components:
    """A loaded base. The UNet may be extended in place."""

    unet: UNetSpatioTemporalConditionModel
    vae: Vae
    image_encoder: CLIPVisionModelWithProjection
    scheduler: EulerDiscreteScheduler
    device: torch.device
    fast_decoder: Vae | None = None

    @property
    def decoder(self) -> Vae:
        """What turns latents into frames: the fast decoder where one was loaded. Images are encoded by ``vae``."""
        return self.fast_decoder or self.vae

    def factor(self, latent_factor: float | None = None) -> float:
        """What sampled latents are divided by before they are decoded.

        Args:
            latent_factor: their scale in place of that of the base's autoencoder, on which a fast decoder's is
                stated too: it takes the same latents times a number of its own.
        """
        own = self.decoder.factor
        return own if latent_factor is None else latent_factor * (own / self.vae.factor)

    @property
    def native_frames(self) -> int:
        """The clip length that the base was trained on."""
        return int(self.unet.config.num_frames)

    def embed(self, pixels: Tensor) -> Tensor:
        """Image embeddings [N, D], float32, of clean [-1, 1] images [N, 3, H, W]."""
        size = self.image_encoder.config.image_size
        prepared = clip_pixels(pixels.to(self.device), size).to(self.image_encoder.dtype)
        embedding: Tensor = self.image_encoder(prepared).image_embeds
        return embedding.float()

    def latent_shape(self, num_frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Shape of the noise that a clip starts from: [T, C, h, w]."""
        return num_frames, self.vae.channels, height // self.vae.stride, width // self.vae.stride


def load_base(
    source: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    fast_decoder: Path | None = None,
) -> Components:
    """Load a base from a folder in diffusers' format, from a single file, or by its Hub id.

    Everything is frozen and in evaluation mode. ``fast_decoder`` is the folder of an `AutoencoderTiny` for the same
    latents, which decodes in place of the base's autoencoder.

    Raises:
        CannotStart: E-WEIGHTS, the base or a part of it is missing or unreadable; E-NO-GPU, see `usable_device`.
        UsageError: E-SETTINGS, see `usable_device`.
    """
    place, device = locate_base(source), usable_device(device)
    if place.is_file():
        with quiet():
            unet, vae, tower, scheduler = load_single_file(place, dtype)
    else:
        unet, vae, tower, scheduler = _load_folder(source, place, dtype)
    tiny = None if fast_decoder is None else _load_tiny(fast_decoder, dtype)
    for model in filter(None, (unet, vae, tower, tiny)):
        model.requires_grad_(False).eval().to(device)
    return Components(unet, Vae(vae), tower, scheduler, device, None if tiny is None else Vae(tiny))


def align(components: Components) -> None:
    """Move weights that lie where their file happened to put them to 64-byte boundaries.

    Matrix libraries on a CPU may round differently by alignment: with this, equal weights give equal bits whatever
    file they came from. (On a GPU every tensor is aligned anyway.)
    """
    models = (components.unet, components.vae.model, components.decoder.model, components.image_encoder)
    for parameter in (p for model in models for p in model.parameters()):
        if parameter.device.type == "cpu" and parameter.data_ptr() % ALIGNMENT:
            parameter.data = parameter.data.clone()


def _load_tiny(folder: Path, dtype: torch.dtype) -> Any:
    try:
        return load_model(AutoencoderTiny, folder, torch_dtype=dtype)
    except UNLOADABLE as error:
        raise _missing(folder, reason(error), TINY) from error


def _load_folder(source: str | Path, folder: Path, dtype: torch.dtype) -> tuple[Any, Any, Any, Any]:
    try:
        name = json.loads((folder / "vae" / "config.json").read_text()).get("_class_name")
        if name not in VAES:
            why = f"vae/config.json names the class {name}, which is none of {', '.join(VAES)}"
            raise _missing(source, why, FOLDER, folder)
        unet = load_model(UNetSpatioTemporalConditionModel, folder / "unet", torch_dtype=dtype)
        vae = load_model(VAES[name], folder / "vae", torch_dtype=dtype)
        tower = load_model(CLIPVisionModelWithProjection, folder / "image_encoder", dtype=dtype)
        scheduler = EulerDiscreteScheduler.from_pretrained(folder / "scheduler")
    except UNLOADABLE as error:
        raise _missing(source, reason(error), FOLDER, folder) from error
    return unet, vae, tower, scheduler


def loading_dtype(name: str, device: str | torch.device) -> torch.dtype:
    """The dtype in which a model is loaded: ``name`` on a GPU, float32 on a CPU whatever the name.

    Raises:
        UsageError: E-SETTINGS, not the name of a dtype that models are loaded in.
    """
    if name not in DTYPES:
        raise UsageError(
            *("E-SETTINGS", f"There is no dtype '{name}' to load a model in."),
            where=f'dtype: str = "{name}" in the variant',
            why="models are loaded in single precision or one of the two halves of it",
            fix=f'dtype: str = "{DTYPES[0]}", or one of {", ".join(DTYPES[1:])}',
        )
    return torch.float32 if torch.device(device).type == "cpu" else getattr(torch, name)


def usable_device(device: str | torch.device) -> torch.device:
    """The device, if this machine has it.

    Raises:
        UsageError: E-SETTINGS, not the name of a device.
        CannotStart: E-NO-GPU, a CUDA device that is not there.
    """
    try:
        found = torch.device(device)
    except RuntimeError as error:
        why = str(error).splitlines()[0]
        raise UsageError(
            "E-SETTINGS", f"No device named '{device}'.", where="--device", why=why, fix="--device cpu, cuda or cuda:N"
        ) from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        machine = look()
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        why = f"torch {torch.__version__}, {built}, sees {torch.cuda.device_count()} CUDA devices; {machine.seen}"
        fix = "the same command with --device cpu" + f", or {TORCH_FOR_CUDA}" * bool(machine.gpus)
        raise CannotStart("E-NO-GPU", f"There is no device {device}.", where="--device", why=why, fix=fix)
    return found


def locate_base(source: str | Path) -> Path:
    """The local folder or single file of a base.

    A Hub id is looked for in the weights folders, where `harness doctor --fetch` puts it, and then in the Hub's cache;
    what is in neither is downloaded into the latter.

    Raises:
        CannotStart: E-WEIGHTS, there is no such base and the Hub does not give one.
    """
    place = Path(source)
    if place.is_file():
        return place
    if place.suffix == ".safetensors":
        raise _missing(source, "there is no such file", FOLDER)
    if not place.is_dir():
        place = _fetched(str(source)) or _from_hub(str(source))
    for part in PARTS:
        if not any((place / part).glob("*config.json")):
            raise _missing(source, f"{part}/ is missing or has no configuration", FOLDER, place)
    return place


def base_digest(source: str | Path, parts: Sequence[str] = PARTS) -> str:
    """Identity of a base, or of some of its parts: over configurations and the weight files used. Reads them all.

    A single file cannot be taken apart: its identity is the same for any ``parts``, and another than a folder's.

    Raises:
        CannotStart: E-WEIGHTS, see `locate_base`.
    """
    place = locate_base(source)
    if place.is_file():
        return digest("base/1", {"file": file_digest(place), "configs": configs_beside(place)})
    files = {path.relative_to(place).as_posix(): file_digest(path) for path in sorted(_used_files(place, parts))}
    return digest("base/1", files)


def backbone_digest(source: str | Path) -> str:
    """Identity of what an extension is tied to: the UNet and the image tower. The autoencoder may be exchanged for
    another of the same latents, such as a better or a faster decoder, and a checkpoint stays valid.

    Raises:
        CannotStart: E-WEIGHTS, see `locate_base`.
    """
    return base_digest(source, BACKBONE)


def unet_config(source: str | Path) -> dict[str, Any]:
    """The configuration of a base's UNet, without loading any weights.

    Raises:
        CannotStart: E-WEIGHTS, see `locate_base`, or the configuration cannot be read.
    """
    place = locate_base(source)
    if place.is_file():
        return configs_beside(place)["unet"]
    try:
        config: dict[str, Any] = json.loads((place / "unet" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _missing(source, f"unet/config.json: {error}", FOLDER, place) from error
    return {name: value for name, value in config.items() if not name.startswith("_")}


def _used_files(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    for part in parts:
        half = list((folder / part).glob("*.fp16.safetensors"))
        yield from half or (folder / part).glob("*.safetensors")
        yield from (folder / part).glob("*config.json")


def _fetched(source: str) -> Path | None:
    """The folder of a base by its Hub id among the weights, if all of its parts are there with their weights."""
    places = (folder / source.rpartition("/")[2] for folder in folders())
    return next((place for place in places if all(_is_whole(place / part) for part in PARTS)), None)


def _is_whole(part: Path) -> bool:
    weights = part.name == "scheduler" or any(part.glob("*.safetensors"))
    return weights and any(part.glob("*config.json"))


def _from_hub(source: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = [f"{part}/*config.json" for part in PARTS] + [f"{part}/*.fp16.safetensors" for part in PARTS]
    try:
        folder = Path(snapshot_download(source, allow_patterns=wanted))
        whole = [f"{part}/*.safetensors" for part in PARTS[:3] if not any((folder / part).glob("*.safetensors"))]
        return Path(snapshot_download(source, allow_patterns=whole)) if whole else folder
    except GatedRepoError as error:
        page = f"https://huggingface.co/{source}"
        raise _missing(source, f"{page} is gated", "accept its licence on that page, then: hf auth login") from error
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        how = f"a folder in diffusers' format, or: hf download {source}"
        raise _missing(source, str(error).splitlines()[0], how) from error


def _missing(source: str | Path, why: str, fix: str, where: str | Path = "") -> CannotStart:
    what = f"The base '{source}' cannot be loaded."
    return CannotStart("E-WEIGHTS", what, where=str(where or source), why=why, fix=fix)
