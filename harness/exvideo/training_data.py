"""The clips of a post-tuning, whatever they come from: the procedural world, or real videos."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UsageError
from harness.exvideo.base import Components
from harness.exvideo.dataset import Clips, cached, open_source
from harness.exvideo.decoding import ClipRule
from harness.exvideo.listing import is_videos, list_videos
from harness.exvideo.parallel import Processes
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.videos import assemble, encode_videos

LARGEST_DEFAULT = 512  # pixels: what ExVideo's example trains on; a smaller base decides for itself
FOLDER = "latents"
SVD_FACTOR, EXVIDEO_FACTOR = 0.18215, 0.13025  # of SVD's autoencoder; in ExVideo's training script, which is SDXL's

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainingData:
    """What is trained on and what is held out.

    ``name`` stands for the clips in a recipe. ``ignored`` counts files of a folder that are no videos, by their ending.
    """

    train: Clips
    validation: Clips
    name: str
    usable: int = 0
    unusable: Mapping[str, str] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)


def settled(config: PosttuneConfig, components: Components) -> PosttuneConfig:
    """The configuration with what it leaves to the base: the size of clips of videos, the published loss's latents.

    Raises:
        UsageError: E-SETTINGS, rules for videos where the data are none.
    """
    if config.loss == "exvideo" and config.latent_factor is None:
        config = dataclasses.replace(config, latent_factor=published_factor(components.vae.factor))
    if not is_videos(config.data):
        rules = {"size": "--size", "stride": "--stride", "clip_fps": "--clip-fps", "clips_per_video": "--clips"}
        defaults = {f.name: f.default for f in dataclasses.fields(PosttuneConfig)}
        for name, flag in {**rules, "upscale": "--upscale"}.items():
            if getattr(config, name) != defaults[name]:
                why = f"{config.data} is no folder of videos and no manifest (.csv, .jsonl)"
                raise UsageError("E-SETTINGS", f"{flag} is a rule for videos.", why=why, fix="--data VIDEOS")
        return config
    if config.size is not None:
        return config
    sample = components.unet.config.sample_size
    height, width = sample if isinstance(sample, list | tuple) else (sample, sample)
    sides = [min(LARGEST_DEFAULT, int(side) * components.vae.stride) for side in (width, height)]
    return dataclasses.replace(config, size=(sides[0], sides[1]))


def published_factor(own: float) -> float:
    """The scale of the latents in ExVideo's training script, for an autoencoder whose own is ``own``.

    It has another autoencoder's number, so that its clips are 0.715 times as large as SVD's.
    """
    return EXVIDEO_FACTOR * (own / SVD_FACTOR)


def open_training_data(
    config: PosttuneConfig,
    components: Components,
    encoders: str,
    processes: Processes,
    report: Report | None = None,
) -> TrainingData:
    """Encode what is not encoded yet, and open it.

    Several processes share the work: each encodes its part of the videos.

    Args:
        config: `settled`.
        components: the base whose autoencoder and image tower encode.
        encoders: digest of those two networks.
        processes: who else is at it.
        report: called with what is done and what there is.

    Raises:
        UsageError: E-DATA, E-SIZE, E-SETTINGS, E-OUTPUT.
        CannotStart: E-CACHE.
    """
    if is_videos(config.data):
        return _videos(config, components, encoders, processes, report)
    sources = open_source(config.data, config.validation_clips)
    with processes.first_alone():
        splits = cached(config.cache, sources, components, config.num_frames, encoders, report=report)
    return TrainingData(splits["train"], splits["validation"], config.data)


def clip_rule(config: PosttuneConfig) -> ClipRule:
    """How clips are cut from videos.

    Raises:
        UsageError: E-SETTINGS, rules that cannot be.
    """
    width, height = config.size or (LARGEST_DEFAULT, LARGEST_DEFAULT)
    return ClipRule(
        config.num_frames,
        height,
        width,
        stride=config.stride,
        fps=config.clip_fps,
        clips=config.clips_per_video,
        upscale=config.upscale,
    )


def _videos(
    config: PosttuneConfig, components: Components, encoders: str, processes: Processes, report: Report | None
) -> TrainingData:
    place = Path(config.data).expanduser()
    listing, folder = list_videos(place), config.cache or config.out.parent / FOLDER
    if folder.is_file():
        fix = "another --cache, a folder"
        raise UsageError("E-OUTPUT", "Encoded clips of videos go into a folder.", where=str(folder), fix=fix)
    mine = listing.videos[processes.rank :: processes.count]
    part = encode_videos(mine, clip_rule(config), components, encoders, folder, report)
    found = assemble(place, listing, processes.gather(part), config.validation_clips)
    return TrainingData(found.train, found.validation, found.name, found.usable, found.unusable, listing.others)
