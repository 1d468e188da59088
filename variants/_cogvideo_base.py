"""Where CogVideoX comes from: ``$HARNESS_COGVIDEOX``, a folder in diffusers' format or a Hub id; 5B by default."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.api import HubSource, Weight, resolve_weight, unpinned_weight

VARIABLE = "HARNESS_COGVIDEOX"
COGVIDEOX = "THUDM/CogVideoX-5b"
LICENCE = f"the CogVideoX licence, https://huggingface.co/{COGVIDEOX}"
FETCH = "harness doctor --fetch 'cogvideox-*'"
SMALL_BYTES = 1_000_000_000  # CogVideoX-5B has more than 20 GB in half precision

# Part -> files, as in the repository; configurations and the tokenizer come along with the first of each.
SHARDS = {
    "transformer": tuple(f"diffusion_pytorch_model-0000{n}-of-00002.safetensors" for n in (1, 2)),
    "text_encoder": tuple(f"model-0000{n}-of-00002.safetensors" for n in (1, 2)),
    "vae": ("diffusion_pytorch_model.safetensors",),
}
# Bytes of each in CogVideoX-5B: two for each parameter, shared out as diffusers and transformers do.
BYTES = {
    "transformer": (9_925_237_760, 1_215_328_384),
    "text_encoder": (4_994_568_192, 4_530_053_120),
    "vae": (431_167_814,),
}
WEIGHT_BYTES = sum(size for sizes in BYTES.values() for size in sizes)
BESIDE = {
    "transformer": ("transformer/config.json", "transformer/diffusion_pytorch_model.safetensors.index.json"),
    "text_encoder": ("text_encoder/config.json", "text_encoder/model.safetensors.index.json"),
    "vae": (
        *("vae/config.json", "scheduler/scheduler_config.json", "model_index.json"),
        *(f"tokenizer/{name}.json" for name in ("tokenizer_config", "special_tokens_map", "added_tokens")),
        "tokenizer/spiece.model",
    ),
}


def base_weights() -> tuple[Weight, ...]:
    """The files of the base; each is identified by its own bytes. The first is of the transformer."""
    source = os.environ.get(VARIABLE, "").strip() or COGVIDEOX
    place = Path(source).expanduser()
    if place.is_dir() or place.is_absolute() or source.startswith("."):
        return _folder(place.absolute())
    licence = LICENCE if source == COGVIDEOX else f"see https://huggingface.co/{source}"
    return tuple(
        unpinned_weight(
            _name(part, number),
            f"{source.rpartition('/')[2]}/{part}/{file}",
            source=HubSource(source, f"{part}/{file}", beside=BESIDE[part] if not number else ()),
            how=FETCH,
            size=BYTES[part][number] if source == COGVIDEOX else 0,
            licence=licence,
        )
        for part, files in SHARDS.items()
        for number, file in enumerate(files)
    )


def base_place(weights: Sequence[Weight]) -> Path:
    """The folder of the base's parts."""
    places = [resolve_weight(weight) for weight in weights]
    return places[0].parents[1]


def is_small(weights: Sequence[Weight]) -> bool:
    """Whether the base is here and so small that a CPU will do."""
    return all(weight.sha256 for weight in weights) and sum(weight.size for weight in weights) < SMALL_BYTES


def _folder(folder: Path) -> tuple[Weight, ...]:
    how = f"export {VARIABLE}=DIR, a folder in diffusers' format; now it is {folder}, which lacks the file"
    found = []
    for part, files in SHARDS.items():
        here = sorted((folder / part).glob("*.safetensors")) or [folder / part / file for file in files]
        found += [unpinned_weight(_name(part, number), str(file), how=how) for number, file in enumerate(here)]
    configs = [folder / path for paths in BESIDE.values() for path in paths] + [folder / "tokenizer/tokenizer.json"]
    names = {path: path.relative_to(folder).as_posix().replace("/", "-") for path in configs if path.is_file()}
    return (*found, *(unpinned_weight(f"cogvideox-{n}", str(p), how="put the file back") for p, n in names.items()))


def _name(part: str, number: int) -> str:
    return f"cogvideox-{part.replace('_', '-')}" + (f"-{number + 1}" if number else "")
