"""The held-out loss of a base by sigma and by every 16 clips, in whose mean its training's log ends.

    python recipes/mini/held_out.py variants/weights/mini/base recipes/mini/logs/base-held-out.json

A test computes the first third again, which is enough to know the weights by.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from base import VALIDATION_CLIPS, VALIDATION_SIGMAS, Base, Data, held_out, start_from  # type: ignore[import-not-found]
from cache import build  # type: ignore[import-not-found]
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

from harness.suites.mini.seeds import VALIDATION_SEEDS

FRAMES = 8


def losses(folder: Path, clips: int = VALIDATION_CLIPS) -> list[list[float]]:
    """A row for every sigma, a value for every 16 of the first ``clips`` held-out clips."""
    vae = AutoencoderTiny.from_pretrained(folder / "vae")
    model = Base()
    start_from(model, folder)
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch) / "held-out.safetensors"
        save_file(build(vae, VALIDATION_SEEDS, clips, FRAMES, free=False), cache)
        rows: list[list[float]] = held_out(model, Data(cache, vae), clips)
        return rows


def main() -> None:
    """Write the record."""
    folder, out = map(Path, sys.argv[1:])
    rows = [[round(loss, 6) for loss in row] for row in losses(folder)]
    out.write_text(json.dumps({"sigmas": VALIDATION_SIGMAS, "losses": rows}) + "\n")


if __name__ == "__main__":
    main()
