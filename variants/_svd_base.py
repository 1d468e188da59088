"""Where the real family's base comes from: ``$HARNESS_SVD``, without loading any library or reading any weights.

It is a Hub id, a folder in diffusers' format, or the authors' single file; SVD-XT's Hub id by default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.api import HubSource, Weight, resolve_weight, unpinned_weight

VARIABLE = "HARNESS_SVD"
SVD_XT = "stabilityai/stable-video-diffusion-img2vid-xt"
LICENCE = f"Stability AI's community licence, https://huggingface.co/{SVD_XT}"
SMALL_BYTES = 1_000_000_000  # SVD-XT has 4.5 GB in half precision: what is this small is no SVD-XT
FETCH = "harness doctor --fetch 'svd-*'"

# Part -> file without ending, configurations, bytes in SVD-XT: two for each parameter.
PARTS = {
    "unet": ("diffusion_pytorch_model", ("unet/config.json", "scheduler/scheduler_config.json"), 3_049_246_164),
    "vae": ("diffusion_pytorch_model", ("vae/config.json",), 195_485_694),
    "image_encoder": ("model", ("image_encoder/config.json",), 1_264_153_600),
}
WEIGHT_BYTES = sum(size for _, _, size in PARTS.values())
HALF = ".fp16.safetensors"
WHOLE = ".safetensors"


def base_source() -> str:
    """What the user chose as the base."""
    return os.environ.get(VARIABLE, "").strip() or SVD_XT


def base_weights() -> tuple[Weight, ...]:
    """The files of the base; each is identified by its own bytes."""
    source = base_source()
    place = Path(source).expanduser()
    if place.suffix == WHOLE:
        return _single(place)
    if place.is_dir() or place.is_absolute() or source.startswith("."):
        return _folder(place)
    return _hub(source)


def base_place(weights: Sequence[Weight]) -> Path:
    """What loads the base: the folder of its parts, or the single file."""
    first = resolve_weight(weights[0])
    return first if weights[0].name == "svd" else first.parents[1]


def is_small(weights: Sequence[Weight]) -> bool:
    """Whether the base is here and so small that a CPU will do."""
    return all(weight.sha256 for weight in weights) and sum(weight.size for weight in weights) < SMALL_BYTES


def _single(place: Path) -> tuple[Weight, ...]:
    how = f"export {VARIABLE}=FILE; now it is {place}, which is not there"
    file = unpinned_weight("svd", str(place.absolute()), how=how)
    beside = place.with_suffix(".json").absolute()
    return (file, unpinned_weight("svd-config", str(beside), how=how)) if beside.is_file() else (file,)


def _folder(folder: Path) -> tuple[Weight, ...]:
    folder = folder.absolute()
    how = f"export {VARIABLE}=DIR, a folder in diffusers' format; now it is {folder}, which lacks the file"
    files = []
    for part, (stem, _, _) in PARTS.items():
        half = folder / part / f"{stem}{HALF}"
        file = half if half.is_file() else folder / part / f"{stem}{WHOLE}"
        files.append(unpinned_weight(_name(part), str(file), how=how))
    configs = [folder / path for _, paths, _ in PARTS.values() for path in paths]
    return (*files, *_configs(configs))


def _hub(repo: str) -> tuple[Weight, ...]:
    files = []
    for part, (stem, configs, size) in PARTS.items():
        known = size if repo == SVD_XT else 0
        licence = LICENCE if repo == SVD_XT else f"see https://huggingface.co/{repo}"
        candidates = [
            unpinned_weight(
                _name(part),
                f"{repo.rpartition('/')[2]}/{part}/{stem}{ending}",
                source=HubSource(repo, f"{part}/{stem}{ending}", beside=configs, gated=True),
                how=FETCH,
                size=known,
                licence=licence,
            )
            for ending in (HALF, WHOLE)
        ]
        files.append(next((weight for weight in candidates if weight.sha256), candidates[0]))
    return tuple(files)  # a repository's configurations belong to its weights


def _name(part: str) -> str:
    return f"svd-{part.replace('_', '-')}"


def _configs(paths: Sequence[Path]) -> Iterator[Weight]:
    """The configurations that are there: a folder of one's own may differ in nothing else."""
    for path in paths:
        if path.is_file():
            yield unpinned_weight(f"svd-{path.parent.name}-config", str(path), how="put the file back")
