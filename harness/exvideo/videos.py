"""A data set of real videos, encoded once: which of them are usable, why the others are not, what is held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from torch import Tensor

from harness.errors import UsageError
from harness.exvideo.base import Components
from harness.exvideo.dataset import Example, encode_clip
from harness.exvideo.decoding import ClipRule, Unusable, clips_of
from harness.exvideo.latent_files import Clip, LatentFiles, count_clips, write_clips
from harness.exvideo.listing import Listed, Listing
from harness.keys import digest, sha256_file
from harness.weights_digests import remember, remembered

CHUNK = 8  # frames encoded together, as ExVideo does: at 512x512 a GPU has no room for many
NAMED = 5  # videos named in a message

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Encoded:
    """What became of a list of videos: ``usable`` in order as (name, digest of its clips, clips); ``unusable`` has the
    reason by name."""

    usable: tuple[tuple[str, str, tuple[Clip, ...]], ...] = ()
    unusable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VideoSet:
    """Training and held-out clips.

    ``name`` stands for the clips in a recipe: equal names, equal clips. ``usable`` counts videos.
    """

    train: LatentFiles
    validation: LatentFiles
    name: str
    usable: int
    unusable: Mapping[str, str]


def encode_videos(
    videos: Sequence[Listed],
    rule: ClipRule,
    components: Components,
    encoders: str,
    folder: Path,
    report: Report | None = None,
) -> Encoded:
    """Encode what is not encoded yet; a video that cannot be used is kept with its reason, and the next one follows.

    Args:
        videos: what is asked for.
        rule: how clips are cut.
        components: the base whose autoencoder and image tower encode.
        encoders: digest of those two networks.
        folder: where encoded clips lie.
        report: called with videos done and videos in all.

    Raises:
        CannotStart: E-CACHE, a damaged file in ``folder``.
        UsageError: E-SIZE, the rule's size does not divide by the autoencoder's stride; E-OUTPUT.
    """
    _check_size(rule, components.vae.stride)
    usable, unusable = [], {}
    for done, video in enumerate(videos, 1):
        try:
            key, clips = _encoded(video, rule, components, encoders, folder)
            usable.append((video.name, key, clips))
        except Unusable as reason:
            unusable[video.name] = str(reason)
        if report:
            report(done, len(videos))
    return Encoded(tuple(usable), unusable)


def assemble(place: Path, listing: Listing, parts: Sequence[Encoded], held_out: int) -> VideoSet:
    """The data set of what was encoded, by one process or by several.

    Whole videos are held out, so that no validation clip is the continuation of a training clip. Which ones follows
    from their contents, not from their names or the order of the list. A copy of a video counts once.

    Args:
        place: what the user named.
        listing: what is there.
        parts: outcomes for the videos of ``listing``, each video in one of them.
        held_out: clips for validation.

    Raises:
        UsageError: E-DATA, no video can be used, or too few to hold any out.
    """
    reasons = {name: why for part in parts for name, why in part.unusable.items()}
    found = {name: (key, clips) for part in parts for name, key, clips in part.usable}
    by_key: dict[str, tuple[str, tuple[Clip, ...]]] = {}
    for video in listing.videos:
        if video.name not in found:
            continue
        key, clips = found[video.name]
        first, _ = by_key.setdefault(key, (video.name, clips))
        if first != video.name:
            reasons[video.name] = f"the same video as {first}"
    unusable = {video.name: reasons[video.name] for video in listing.videos if video.name in reasons}
    if not by_key:
        raise _nothing(place, listing, unusable)
    chosen = {key: by_key[key][1] for key in sorted(by_key)}
    train, validation = _split(place, list(chosen.values()), held_out)
    content = digest("videos/1", [[key, [[c.row, c.bucket] for c in clips]] for key, clips in chosen.items()])
    name = f"videos:{len(train) + len(validation)}:{content}"
    return VideoSet(LatentFiles(train), LatentFiles(validation), name, len(chosen), unusable)


def _split(place: Path, videos: Sequence[tuple[Clip, ...]], held_out: int) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Training clips, then exactly ``held_out`` validation clips from the first videos; their other clips go unused."""
    counts = [len(clips) for clips in videos]
    enough = next((n for n in range(1, len(videos)) if sum(counts[:n]) >= held_out), 0)
    if not enough:
        most = sum(counts[:-1])
        why = f"{sum(counts)} clips of {len(videos)} usable videos, of which {held_out} would be held out"
        fix = f"--validation-clips {max(1, min(most, sum(counts) // 10))}" if most else "--data with two videos or more"
        raise UsageError("E-DATA", "There are too few videos to train on.", where=str(place), why=why, fix=fix)
    validation = [clip for clips in videos[:enough] for clip in clips][:held_out]
    return tuple(clip for clips in videos[enough:] for clip in clips), tuple(validation)


def _encoded(
    video: Listed, rule: ClipRule, components: Components, encoders: str, folder: Path
) -> tuple[str, tuple[Clip, ...]]:
    if not video.path.is_file():
        raise Unusable("there is no such file")
    try:
        sha256 = remembered(video.path) or remember(video.path, sha256_file(video.path))
    except OSError as error:
        raise Unusable(f"it cannot be read: {error.strerror}") from error
    key = digest("video-clips/1", sha256, encoders, asdict(rule))
    path = folder / f"{key}.safetensors"
    if not path.exists():
        write_clips(path, list(_rows(video.path, rule, components)))
    return key, tuple(Clip(path, row, video.bucket) for row in range(count_clips(path)))


def _rows(path: Path, rule: ClipRule, components: Components) -> Iterator[dict[str, Tensor]]:
    for number, (frames, fps) in enumerate(clips_of(path, rule)):
        row = encode_clip(Example(frames, max(1, round(fps))), components, CHUNK)
        if row is None:
            raise Unusable(f"the latents of clip {number} are not finite in half precision")
        yield row


def _check_size(rule: ClipRule, stride: int) -> None:
    if rule.height % stride or rule.width % stride:
        why = f"the autoencoder works in blocks of {stride}x{stride} pixels"
        size = f"{max(1, rule.width // stride) * stride}x{max(1, rule.height // stride) * stride}"
        what = f"Clips of {rule.width}x{rule.height} cannot be encoded."
        raise UsageError("E-SIZE", what, where="--size", why=why, fix=f"--size {size}")


def _nothing(place: Path, listing: Listing, unusable: Mapping[str, str]) -> UsageError:
    lines = [f"{name}: {why}" for name, why in list(unusable.items())[:NAMED]]
    lines += [f"and {len(unusable) - NAMED} more"] * (len(unusable) > NAMED)
    what = f"None of the {len(listing.videos)} videos can be used."
    fix = "--data with videos that fit, or other rules: fewer --frames, a smaller --size or --stride, --upscale"
    return UsageError("E-DATA", what, where=str(place), why="\n".join(lines), fix=fix)
