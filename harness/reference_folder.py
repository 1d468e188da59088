"""A folder of the user's real videos as the reference set of a suite that comes without one.

``$HARNESS_REFERENCE`` names the folder. A clip is the first frames of a video, as many as the suite's videos have, at
the frame rate the file has: scaled to cover the suite's size (area average down, bicubic up) and cut evenly at the
edges. Clips come in the order of the files' names.

The files' bytes are part of the reference's key, and that is part of the key of every set score, so numbers against
two references never meet. They stay in the results folder: nobody else has these videos, so exports leave them out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from harness.errors import ItemError, UsageError
from harness.keys import digest, sha256_file
from harness.model import Frames, Protocol
from harness.suite import LoadedSuite, load_suite
from harness.suite_folder import SUFFIXES, fitted
from harness.weights_digests import remember, remembered

VARIABLE = "HARNESS_REFERENCE"
_NAMED = 3  # files named in a message


@dataclass(frozen=True)
class ReferenceFolder:
    """Videos in order, with the sha256 of each."""

    paths: tuple[Path, ...]
    digests: tuple[str, ...]

    def key(self, protocol: Protocol) -> str:
        """The identity of the clips that a suite of this protocol gets."""
        size = [protocol.num_frames, protocol.height, protocol.width]
        return digest("reference-folder/1", list(self.digests), size)

    def clips(self, protocol: Protocol) -> Iterator[tuple[str, Frames]]:
        """A slug and uint8 [T, H, W, 3] per video.

        Raises:
            ItemError: E-VIDEO, one cannot be decoded; E-REFERENCE, it has too few frames.
        """
        for index, (path, sha256) in enumerate(zip(self.paths, self.digests, strict=True)):
            yield f"{index:04d}-{sha256[:8]}", read_clip(path, protocol)


@dataclass(frozen=True)
class WithReference(LoadedSuite):
    """A suite with the user's videos for a reference set."""

    folder: ReferenceFolder = ReferenceFolder((), ())

    @property
    def reference_size(self) -> int:
        """The number of videos in the folder."""
        return len(self.folder.paths)

    def reference(self) -> Iterator[tuple[str, Frames]]:
        """The clips of the folder."""
        return self.folder.clips(self.suite.protocol)


def with_reference(suite: LoadedSuite) -> LoadedSuite:
    """The suite with the user's reference set; the same where none is named, or where the suite has its own.

    Raises:
        UsageError: E-REFERENCE, ``$HARNESS_REFERENCE`` names no folder of videos, or one in it is too short.
    """
    named = os.environ.get(VARIABLE, "")
    if not named or suite.reference_key:
        return suite
    folder = read_folder(Path(named), suite.suite.protocol)
    held = {field.name: getattr(suite, field.name) for field in fields(LoadedSuite)}
    return WithReference(**{**held, "reference_key": folder.key(suite.suite.protocol)}, folder=folder)


def left_out(suite: str) -> str:
    """What an export of results on a suite, given by its name, leaves out; empty where that is nothing."""
    if not os.environ.get(VARIABLE) or load_suite(suite).reference_key:
        return ""
    return f"scores against the videos in ${VARIABLE} are left out: nobody else could compute them"


def read_folder(folder: Path, protocol: Protocol) -> ReferenceFolder:
    """The videos of a folder, none of them decoded.

    Raises:
        UsageError: E-REFERENCE, there is no such folder, no video in it, or one that says it is too short.
    """
    if not folder.is_dir():
        raise _unusable(folder, "there is no such folder", "a folder of real videos, or unset it")
    paths = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES))
    if not paths:
        raise _unusable(folder, "it holds no video", f"put videos there: {', '.join(sorted(SUFFIXES))}")
    if short := [path.name for path in paths if _too_short(path, protocol)]:
        more = f" and {len(short) - _NAMED} more" if len(short) > _NAMED else ""
        why = f"fewer than {protocol.num_frames} frames: {', '.join(short[:_NAMED])}{more}"
        raise _unusable(folder, why, "take them out of the folder")
    return ReferenceFolder(paths, tuple(remembered(path) or remember(path, sha256_file(path)) for path in paths))


def read_clip(path: Path, protocol: Protocol) -> Frames:
    """The beginning of a video at the protocol's length and size, uint8 [T, H, W, 3].

    Raises:
        ItemError: E-VIDEO, it cannot be decoded; E-REFERENCE, it has fewer frames.
    """
    from harness.video import read_video

    frames = read_video(path, protocol.num_frames)
    if len(frames) < protocol.num_frames:
        what = f"{path.name} has {len(frames)} frames, {protocol.num_frames} are needed."
        raise ItemError("E-REFERENCE", what, where=str(path), fix=f"take it out of the folder in ${VARIABLE}")
    return fitted(frames, (protocol.height, protocol.width))


def _too_short(path: Path, protocol: Protocol) -> bool:
    """Whether the header says so; a file that does not say is found out when it is decoded."""
    from harness.video import probe

    try:
        declared = probe(path).frames
    except ItemError as error:
        raise _unusable(path, error.why or error.what, "take the file out of the folder") from error
    return declared is not None and declared < protocol.num_frames


def _unusable(where: Path, why: str, fix: str) -> UsageError:
    what = f"The reference videos in ${VARIABLE} cannot be used."
    return UsageError("E-REFERENCE", what, where=str(where), why=why, fix=fix)
