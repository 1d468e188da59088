"""Extension checkpoints: the tuned tensors of a UNet and nothing else, with their history in the file's header.

ExVideo's published format (`harness.exvideo.published`) is recognised by its names and read as well.

Our own format is safetensors. Tensors are named as in the extended diffusers UNet. The header's metadata has one entry,
``exvideo``: JSON with ``format``, ``config`` (the `ExtensionConfig`), ``base`` (`backbone_digest` of what it was tuned
on) and ``training`` (how). One entry, because safetensors writes several in random order and equal files should be
equal bytes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from harness.errors import CannotStart, UsageError
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.freezing import trainable_names
from harness.exvideo.misfits import Shape, misfits
from harness.exvideo.published import NUM_FRAMES, TABLE, is_published, published_shapes, to_ours
from harness.keys import canonical_json

FORMAT = "exvideo-extension/1"
ENTRY = "exvideo"
BASES = "the base that it was made with (export HARNESS_SVD=BASE, or --base), or make it anew: harness posttune"


@dataclass(frozen=True)
class Header:
    """What a checkpoint says about itself. ``base`` is `harness.exvideo.base.backbone_digest`, or empty if unknown."""

    config: ExtensionConfig
    base: str
    training: Mapping[str, Any]

    @property
    def latent_factor(self) -> float | None:
        """Scale of the latents that it was trained on; None for the autoencoder's own, or where it is not told."""
        recipe = self.training.get("recipe")
        found = recipe.get("latent_factor") if isinstance(recipe, Mapping) else None
        return float(found) if isinstance(found, int | float) else None


@dataclass(frozen=True)
class Checkpoint:
    """A read checkpoint: tensors on the CPU in the file's dtype, by diffusers name, or ``published`` by ExVideo's."""

    header: Header
    tensors: Mapping[str, Tensor]
    source: str
    published: bool = False


def save_checkpoint(
    path: Path, tensors: Mapping[str, Tensor], header: Header, dtype: torch.dtype = torch.float16
) -> None:
    """Write a checkpoint atomically.

    Raises:
        ValueError: a value that is not finite in ``dtype``, so that the file would be useless.
    """
    stored = {name: tensor.detach().to(device="cpu", dtype=dtype).contiguous() for name, tensor in tensors.items()}
    broken = [name for name, tensor in stored.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise ValueError(f"not finite in {dtype}: {', '.join(broken[:3])} ({len(broken)} tensors)")
    record = {
        "format": FORMAT,
        "config": dataclasses.asdict(header.config),
        "base": header.base,
        "training": dict(header.training),
    }
    save_atomically(path, stored, {ENTRY: canonical_json(record)})


def read_header(path: Path) -> Header:
    """The header alone, without reading any tensor. A published file has none; what it is follows from its names.

    Raises:
        CannotStart: E-CHECKPOINT, no such file, or a checkpoint of neither format.
    """
    with _opened(path) as file:
        return _header(path, file)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of either format whole.

    Raises:
        CannotStart: E-CHECKPOINT, see `read_header`.
    """
    with _opened(path) as file:
        header, names = _header(path, file), list(file.keys())
        tensors = {name: file.get_tensor(name) for name in names}
        return Checkpoint(header, tensors, str(path), published=ENTRY not in (file.metadata() or {}))


def apply_checkpoint(
    unet: UNetSpatioTemporalConditionModel, checkpoint: Checkpoint, *, base: str = ""
) -> UNetSpatioTemporalConditionModel:
    """Extend a freshly loaded UNet as the checkpoint says and load its tensors, in place; returns the same object.

    The new parameters of the extension have to be there, and temporal weights of the base may be; a checkpoint of
    either training policy therefore fits.

    Args:
        unet: a UNet without extension.
        checkpoint: what to put in.
        base: `backbone_digest` of where ``unet`` came from; compared with the checkpoint's where both are known.

    Raises:
        CannotStart: E-CHECKPOINT, another base, or keys that are unknown, missing or of another shape.
        UsageError: E-EXTENSION, see `extend`.
    """
    header = checkpoint.header
    if base and header.base and base != header.base:
        why = f"it was tuned on the base {header.base}, this is {base}"
        raise _bad(checkpoint.source, "it belongs to another base", why, BASES)
    extend(unet, header.config)
    parameters = dict(unet.named_parameters())
    with torch.no_grad():
        for name, tensor in fitting(checkpoint, unet).items():
            parameters[name].copy_(tensor)
    return unet


def fitting(checkpoint: Checkpoint, unet: UNetSpatioTemporalConditionModel) -> Mapping[str, Tensor]:
    """The tensors by diffusers' names, if they fit ``unet``, which is extended and may be on the meta device.

    Raises:
        CannotStart: E-CHECKPOINT, keys that are unknown, missing or of another shape, by the names of the file.
    """
    found = {name: tuple(tensor.shape) for name, tensor in checkpoint.tensors.items()}
    if checkpoint.published:
        allowed: Mapping[str, Shape] = published_shapes(unet, checkpoint.header.config.num_frames)
        required = set(allowed)
    else:
        shapes = {name: tuple(parameter.shape) for name, parameter in unet.named_parameters()}
        allowed = {name: shapes[name] for name in trainable_names(unet, "temporal")}
        required = set(trainable_names(unet, "new_only"))
    if lines := misfits(found, allowed, required):
        raise _bad(checkpoint.source, "it does not fit this base", lines)
    return to_ours(checkpoint.tensors, unet) if checkpoint.published else checkpoint.tensors


def load_checkpoint(
    unet: UNetSpatioTemporalConditionModel, path: Path, *, base: str = ""
) -> UNetSpatioTemporalConditionModel:
    """`read_checkpoint`, then `apply_checkpoint`."""
    return apply_checkpoint(unet, read_checkpoint(path), base=base)


def save_atomically(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """A safetensors file that is either the old one or the new one, never half of it.

    Raises:
        UsageError: E-OUTPUT, the folder cannot be written to.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(dict(tensors), temporary, metadata=dict(metadata))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UsageError("E-OUTPUT", f"{path} cannot be written.", why=str(error), fix="a writable path") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "pt") as file:
            yield file
    except (OSError, SafetensorError) as error:
        why = f"{error} ({path.stat().st_size} bytes: is it whole?)" if path.is_file() else str(error)
        raise _bad(path, "it cannot be read", why) from error


def _header(path: Path, file: Any) -> Header:
    metadata, names = file.metadata() or {}, list(file.keys())
    if ENTRY in metadata or not is_published(names):
        return _parse(path, metadata, names)
    shapes = [tuple(file.get_slice(name).get_shape()) for name in names if name.endswith(TABLE)]
    rows = next((shape[0] for shape in shapes if shape and shape[0]), NUM_FRAMES)
    return Header(ExtensionConfig("identity", "learn_reflect", rows), "", {"format": "ExVideo's published format"})


def _parse(path: Path, metadata: Mapping[str, str], names: list[str]) -> Header:
    try:
        record = json.loads(metadata.get(ENTRY, "{}"))
        found = record.get("format")
        if found != FORMAT:
            says = f"the header says {found}" if found else f"its tensors are {', '.join(sorted(names)[:2]) or 'none'}…"
            raise _bad(path, "it is of another format", f"{says}: neither {FORMAT} nor ExVideo's published names")
        return Header(ExtensionConfig(**record["config"]), record["base"], record["training"])
    except (AttributeError, KeyError, TypeError, ValueError, UsageError) as error:
        raise _bad(path, "its header is damaged", f"{type(error).__name__}: {error}") from error


def _bad(source: Path | str, what: str, why: str, fix: str = "") -> CannotStart:
    fix = fix or "one for this base: harness posttune makes it; ExVideo's own: harness doctor --fetch exvideo-128f"
    return CannotStart("E-CHECKPOINT", f"The checkpoint cannot be used: {what}.", where=str(source), why=why, fix=fix)
