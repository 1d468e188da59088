"""Put trained weights where the package ships them: half precision, with their digests in the manifest.

python recipes/mini/ship.py base work/base            -> variants/weights/mini/base/
python recipes/mini/ship.py vae work/vae-decoder      -> variants/weights/mini/base/vae/
python recipes/mini/ship.py variant work/mini-exvideo.safetensors
python recipes/mini/ship.py extractor work/world.safetensors
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, UNetSpatioTemporalConditionModel
from transformers import CLIPVisionModelWithProjection

from harness.keys import sha256_file

ROOT = Path(__file__).resolve().parents[2]
MODELS = {
    "unet": UNetSpatioTemporalConditionModel,
    "vae": AutoencoderTiny,
    "image_encoder": CLIPVisionModelWithProjection,
}


def ship_base(source: Path, target: Path) -> list[Path]:
    """Copy a diffusers folder, its three networks in half precision."""
    for name in MODELS:
        ship_network(name, source / name, target)
    for name in ("scheduler", "feature_extractor"):
        shutil.copytree(source / name, target / name, dirs_exist_ok=True)
    shutil.copy(source / "model_index.json", target)
    return sorted(target.rglob("*.safetensors"))


def ship_network(name: str, source: Path, target: Path) -> None:
    """Put one network into a diffusers folder, in half precision."""
    MODELS[name].from_pretrained(source).to(torch.float16).save_pretrained(target / name)
    forget_origin(target / name / "config.json")


def forget_origin(config: Path) -> None:
    """Take the path that a model was loaded from out of its config: it says nothing on another machine."""
    table = {key: value for key, value in json.loads(config.read_text()).items() if key != "_name_or_path"}
    config.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n")


def record(package: Path, files: list[Path]) -> None:
    """Write the digests of ``files`` into the package's weights/manifest.json."""
    path = package / "weights" / "manifest.json"
    held = json.loads(path.read_text()) if path.exists() else {}
    held.update({file.relative_to(package).as_posix(): sha256_file(file) for file in files})
    path.write_text(json.dumps(held, indent=2, sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("base", "vae", "variant", "extractor"))
    parser.add_argument("source", type=Path)
    args = parser.parse_args()
    variants, metrics = ROOT / "variants", ROOT / "metrics"
    base = variants / "weights" / "mini" / "base"
    if args.what == "base":
        record(variants, ship_base(args.source, base))
        return
    if args.what == "vae":
        ship_network("vae", args.source, base)
        record(variants, sorted((base / "vae").glob("*.safetensors")))
        return
    package = variants if args.what == "variant" else metrics
    folder = package / "weights" / ("mini" if args.what == "variant" else "")
    folder.mkdir(parents=True, exist_ok=True)
    record(package, [Path(shutil.copyfile(args.source, folder / args.source.name))])  # not its mode: it is private


if __name__ == "__main__":
    main()
