"""A contact sheet of a run: one row of frames per variant, the real clip's first, for a few items of the suite.

python recipes/mini/sheet.py --results results --items 0,3,5,7 --out work/sheet.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import harness
from harness.paths import video_relpath
from harness.video import read_master

COLUMNS = 10
FIRST = ("control-real", "mini-autoencoder", "mini-exvideo")


def strip(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames at fixed fractions of the clip, side by side."""
    return np.concatenate(list(frames[np.linspace(0, len(frames) - 1, COLUMNS).round().astype(int)]), axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--suite", default="mini")
    parser.add_argument("--items", default="0", help="numbers of items in the suite's order")
    parser.add_argument("--variants", default="", help="names, by default all of the mini family and control-real")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    videos = harness.load(args.results, suite=args.suite).videos()
    videos = videos[videos["seed"] == videos["seed"].min()]
    shown = [name for name in set(videos["variant"]) if name in FIRST or name.startswith("mini-")]
    names = args.variants.split(",") if args.variants else shown
    names.sort(key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    rows = []
    for number in (int(part) for part in args.items.split(",")):
        for name in names:
            sha = videos[videos["variant"] == name].iloc[number]["video_sha256"]
            rows.append(strip(read_master(args.results / video_relpath(sha))))
    print("\n".join(names))
    sheet = Image.fromarray(np.concatenate(rows))
    sheet.resize((sheet.width * args.scale, sheet.height * args.scale), Image.Resampling.NEAREST).save(args.out)


if __name__ == "__main__":
    main()
