"""The pixels of calibration-real@1: the clips in this folder, decoded frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import Refused
from harness.keys import sha256_file
from harness.model import Frames, Image, Protocol
from harness.video import read_master

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Stored:
    """Clips in files; each is decoded once."""

    folder: Path = FOLDER

    @cached_property
    def _decoded(self) -> dict[str, Frames]:
        return {}

    def clip(self, table: Mapping[str, Any]) -> Frames:
        """All frames of an item's clip, uint8 [T, H, W, 3].

        Raises:
            Refused: E-SUITE, the file is not the one that the suite was made with.
        """
        name = str(table["file"])
        if name not in self._decoded:
            path = self.folder / name
            if not path.is_file() or sha256_file(path) != table["sha256"]:
                raise Refused(
                    "E-SUITE", f"{name} is missing or has changed.", where=str(path), fix="restore the suite's files"
                )
            self._decoded[name] = read_master(path)
        return self._decoded[name]

    def image(self, table: Mapping[str, Any], protocol: Protocol) -> Image:
        """The first frame of the item's clip."""
        image: Image = self.clip(table)[0]
        return image

    def real(self, table: Mapping[str, Any], protocol: Protocol) -> Frames | None:
        """The beginning of the item's clip; None where the clip is shorter than asked for."""
        clip = self.clip(table)
        return clip[: protocol.num_frames] if len(clip) >= protocol.num_frames else None

    def reference(self, protocol: Protocol) -> Iterator[tuple[str, Frames]]:
        """No reference set: two clips have no distribution."""
        return iter(())


def make_provider(table: Mapping[str, Any]) -> Stored:
    """The provider for a parsed ``suite.toml``."""
    return Stored()
