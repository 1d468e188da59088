"""Training clips, encoded once.

A source yields clips; a latent cache holds what training needs of them, so that several trainings share the cost of
rendering and encoding: the latents of every frame, the first frame itself (its conditioning latents depend on noise and
are encoded anew each time), the image embedding of the clean first frame, fps and motion bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol, Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from harness.errors import CannotStart, UsageError
from harness.exvideo.base import Components
from harness.exvideo.checkpoint import save_atomically
from harness.exvideo.image import to_pixels
from harness.keys import canonical_json
from harness.model import Frames
from harness.motion import motion_bucket
from harness.suites.mini import world
from harness.suites.mini.seeds import TRAIN_SEEDS, VALIDATION_SEEDS

FORMAT = "exvideo-latents/1"
ENTRY = "exvideo"
SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Example:
    """One clip: ``frames`` uint8 [T, H, W, 3]; ``bucket`` None to have it measured."""

    frames: Frames
    fps: int
    bucket: int | None = None


class Source(Protocol):
    """Where clips come from."""

    @property
    def name(self) -> str:
        """Identifies the clips: equal names give equal clips in equal order."""
        ...

    def __len__(self) -> int: ...

    def examples(self, num_frames: int) -> Iterator[Example]:
        """Every clip once, each of ``num_frames`` frames."""
        ...


@dataclass(frozen=True)
class World:
    """Clips of the procedural world, one for each of the first ``count`` seeds."""

    name: str
    seeds: range

    def __len__(self) -> int:
        return len(self.seeds)

    def examples(self, num_frames: int) -> Iterator[Example]:
        """Rendered from frame 0 of each scene."""
        for seed in self.seeds:
            yield Example(world.render(world.sample_scene(seed), num_frames), world.FPS)


def open_source(name: str, validation_clips: int) -> dict[str, Source]:
    """The training and validation clips that a name such as ``world:2000`` stands for, by split.

    Raises:
        UsageError: E-DATA, no such source, or more clips than it has.
    """
    kind, _, count = name.partition(":")
    if kind != "world" or not count.isdecimal() or int(count) < 1:
        why = "it is no folder and no manifest (.csv, .jsonl) that is here, and no world:COUNT"
        fix = "--data world:COUNT, for example --data world:2000; or --data VIDEOS"
        raise UsageError("E-DATA", f"No training data named '{name}'.", where="--data", why=why, fix=fix)
    if int(count) > len(TRAIN_SEEDS) or not 1 <= validation_clips <= len(VALIDATION_SEEDS):
        why = f"there are {len(TRAIN_SEEDS)} clips to train on and {len(VALIDATION_SEEDS)} to hold out"
        fix = f"--data world:{min(int(count), len(TRAIN_SEEDS))} --validation-clips {len(VALIDATION_SEEDS)}, or fewer"
        what = f"{name} with {validation_clips} validation clips does not exist."
        raise UsageError("E-DATA", what, where="--data", why=why, fix=fix)
    return {
        "train": World(name, TRAIN_SEEDS[: int(count)]),
        "validation": World(f"world-validation:{validation_clips}", VALIDATION_SEEDS[:validation_clips]),
    }


@dataclass(frozen=True)
class Latents:
    """One split of a cache, on the CPU.

    ``latents`` fp16 [N, T, C, h, w], unscaled; ``first`` uint8 [N, H, W, 3]; ``embedding`` fp32 [N, D];
    ``fps`` and ``bucket`` int64 [N].
    """

    latents: Tensor
    first: Tensor
    embedding: Tensor
    fps: Tensor
    bucket: Tensor

    def __len__(self) -> int:
        return len(self.latents)

    @property
    def clip_shape(self) -> tuple[int, ...]:
        """Of the latents of one clip: (T, C, h, w)."""
        return tuple(self.latents.shape[1:])

    @property
    def image_size(self) -> tuple[int, ...]:
        """Height and width in pixels."""
        return tuple(self.first.shape[1:3])

    def take(self, index: Tensor) -> Self:
        """The clips of these numbers, in their order."""
        return type(self)(**{name: tensor[index] for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """By field name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Clips(Protocol):
    """Encoded clips, in memory or in files."""

    def __len__(self) -> int: ...

    @property
    def clip_shape(self) -> tuple[int, ...]:
        """Of the latents of one clip: (T, C, h, w)."""
        ...

    @property
    def image_size(self) -> tuple[int, ...]:
        """Height and width in pixels."""
        ...

    def take(self, index: Tensor) -> Latents:
        """The clips of these numbers, in their order."""
        ...


Report = Callable[[int, int], None]


def encode(
    source: Source, components: Components, num_frames: int, *, chunk: int = 40, report: Report | None = None
) -> Latents:
    """Encode every clip of a source, ``chunk`` frames at a time.

    Raises:
        UsageError: E-DATA, a clip of another length, or latents that do not fit in half precision.
    """
    total, columns = len(source), _Columns(len(source))
    for index, example in enumerate(source.examples(num_frames)):
        if len(example.frames) != num_frames:
            why = f"clip {index} has {len(example.frames)} frames, {num_frames} were asked for"
            raise UsageError("E-DATA", f"{source.name} cannot be used.", why=why)
        row = encode_clip(example, components, chunk)
        if row is None:
            why = f"the latents of clip {index} are not finite in half precision"
            raise UsageError("E-DATA", f"{source.name} cannot be used.", why=why)
        columns.put(index, row)
        if report:
            report(index + 1, total)
    return Latents(**columns.tensors)


@torch.no_grad()
def encode_clip(example: Example, components: Components, chunk: int) -> dict[str, Tensor] | None:
    """A row of `Latents` by field, ``chunk`` frames encoded at a time; None if the latents overflow half precision."""
    pixels = to_pixels(example.frames)
    latents = torch.cat([components.vae.encode(piece).cpu() for piece in torch.split(pixels, chunk)]).half()
    if not bool(torch.isfinite(latents).all()):
        return None
    bucket = motion_bucket(example.frames) if example.bucket is None else example.bucket
    return {
        "latents": latents,
        "first": torch.from_numpy(example.frames[0].copy()),
        "embedding": components.embed(pixels[:1])[0].cpu(),
        "fps": torch.tensor(example.fps),
        "bucket": torch.tensor(bucket),
    }


class _Columns:
    """Rows of tensors collected into preallocated columns."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.tensors: dict[str, Tensor] = {}

    def put(self, index: int, row: Mapping[str, Tensor]) -> None:
        for name, value in row.items():
            if name not in self.tensors:
                self.tensors[name] = value.new_empty((self.rows, *value.shape))
            self.tensors[name][index] = value


def cached(
    path: Path | None,
    sources: Mapping[str, Source],
    components: Components,
    num_frames: int,
    encoders: str,
    report: Report | None = None,
) -> dict[str, Latents]:
    """The splits from a cache file, which is made if it does not exist; without a path nothing is written.

    Args:
        path: the cache file.
        sources: by split.
        components: the base whose autoencoder and image tower encode.
        num_frames: frames of every clip.
        encoders: digest of those two networks.
        report: called with clips done and clips in all.

    Raises:
        CannotStart: E-CACHE, the file is unreadable or holds other data; E-DATA, see `encode`.
    """
    identity = {
        "format": FORMAT,
        "sources": {split: source.name for split, source in sources.items()},
        "num_frames": num_frames,
        "encoders": encoders,
    }
    if path is not None and path.exists():
        return _read(path, identity)
    splits = {split: encode(source, components, num_frames, report=report) for split, source in sources.items()}
    if path is not None:
        flat = {f"{split}.{name}": t for split, data in splits.items() for name, t in data.tensors().items()}
        save_atomically(path, flat, {ENTRY: canonical_json(identity)})
    return splits


def _read(path: Path, identity: Mapping[str, object]) -> dict[str, Latents]:
    try:
        with safe_open(path, "pt") as file:
            found, expected = (file.metadata() or {}).get(ENTRY, ""), canonical_json(dict(identity))
            if found != expected:
                raise _bad_cache(path, f"it holds     {found or 'something else'}\nthis needs {expected}")
            return {
                split: Latents(**{f.name: file.get_tensor(f"{split}.{f.name}") for f in fields(Latents)})
                for split in SPLITS
            }
    except (OSError, SafetensorError) as error:
        raise _bad_cache(path, str(error)) from error


def _bad_cache(path: Path, why: str) -> CannotStart:
    what = "The latent cache cannot be used."
    return CannotStart("E-CACHE", what, where=str(path), why=why, fix="another --cache, or delete this one")
