"""The command ``posttune``: progress on stderr, the checkpoint's path on stdout."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import UsageError
from harness.exvideo.posttune_config import PosttuneConfig

if TYPE_CHECKING:
    from harness.exvideo.posttune import Progress

# Literals of modules that load torch; a test holds them equal.
CONVS = ("none", "identity")
POSITIONS = ("sin", "reflect", "learn_reflect", "learn_rand", "learn_sin")
POLICIES = ("temporal", "new_only", "none")
OPTIMISERS = ("adamw", "adamw-fused", "adamw-8bit", "muon")
DEFAULTS: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(PosttuneConfig)}
REPORT_SECONDS = 2.0
MAX_NOTES = 20


def _option(flag: str, field: str, help_text: str, **rest: Any) -> Callable[[Any], Any]:
    """An option whose default is the configuration's."""
    return click.option(
        flag, field, default=DEFAULTS[field], show_default=DEFAULTS[field] is not None, help=help_text, **rest
    )


def _choice(flag: str, field: str, values: tuple[str, ...], help_text: str) -> Callable[[Any], Any]:
    return _option(flag, field, help_text, type=click.Choice(values))


_PATH = click.Path(path_type=Path)


@click.command("posttune", short_help="Train an extension checkpoint for a base.")
@click.option("--base", required=True, metavar="DIR", help="Base model: a diffusers folder or a Hub id.")
@click.option("--out", required=True, type=_PATH, help="Checkpoint to write (.safetensors).")
@click.option("--frames", "num_frames", required=True, type=int, help="Extended length in frames.")
@_choice("--conv", "conv", CONVS, "Temporal convolution, initialised as the identity.")
@_choice("--positions", "positions", POSITIONS, "Embedding of the frame number; learn_* is a trained table.")
@_choice("--policy", "policy", POLICIES, "What is trained: the whole temporal blocks, or the additions alone.")
@_option("--data", "data", "world:COUNT, a folder of videos, or a manifest (.csv, .jsonl).", metavar="SOURCE")
@_option("--validation-clips", "validation_clips", "Clips of the held-out loss.", type=int)
@click.option("--size", metavar="WxH", help="Of clips from videos.  [default: the base's, at most 512x512]")
@_option("--stride", "stride", "Take every so many frames of a video.", type=int)
@_option("--clip-fps", "clip_fps", "Take so many frames a second instead, by their times.", type=float)
@_option("--clips", "clips_per_video", "At most so many clips of a video, one after the other.", type=int)
@_option("--upscale/--no-upscale", "upscale", "Use videos that are smaller than the clips, too.")
@_option("--cache", "cache", "Latent cache, shared by trainings: a file, or a folder for videos.", type=_PATH)
@_option("--steps", "steps", "Optimiser steps.", type=int)
@_option("--batch", "batch", "Clips at a time, in each process.", type=int)
@_option("--accumulate", "accumulate", "Batches that make a step.", type=int)
@_choice("--optimiser", "optimiser", OPTIMISERS, "AdamW: plain, in one kernel, or with 8-bit moments; Muon.")
@_option("--lr", "lr", "Peak learning rate.", type=float)
@_choice("--schedule", "schedule", ("cosine", "constant"), "Course of the learning rate.")
@_option("--warmup", "warmup", "Steps of linear warm-up.", type=int)
@_option("--weight-decay", "weight_decay", "AdamW's weight decay.", type=float)
@_option("--clip-norm", "clip_norm", "Largest norm of the gradient.", type=float)
@_option("--ema", "ema", "Decay of the averaged weights, which are what is written.", type=float)
@_choice("--loss", "loss", ("edm", "exvideo"), "Corrected (EDM: v, weight 1), or as ExVideo's was.")
@_option("--p-mean", "p_mean", "Mean of ln sigma (loss edm).", type=float)
@_option("--p-std", "p_std", "Deviation of ln sigma (loss edm).", type=float)
@click.option(
    "--augmentation",
    default="-3.5,0.6",
    show_default=True,
    metavar="MEAN,STD",
    help="Log-normal noise on the conditioning image, or none.",
)
@_option("--dropout", "dropout", "Share of clips trained without their image.", type=float)
@_option("--latent-factor", "latent_factor", "Scale of the latents, if not the loss's.", type=float)
@_choice("--precision", "precision", ("full", "bf16"), "Arithmetic of the UNet.")
@_option("--checkpointing/--no-checkpointing", "gradient_checkpointing", "Recompute activations to save memory.")
@_option("--seed", "seed", "Of data order, noise and random tables.", type=int)
@_option("--device", "device", "cpu, cuda or cuda:N.")
@_option("--threads", "threads", "CPU threads; 0 leaves it to torch.", type=int)
@_option("--minutes", "minutes", "Stop after so many minutes; the same command continues.", type=float)
@_option("--save-minutes", "save_minutes", "How often the state is saved.", type=float)
@_option("--log-every", "log_every", "Steps between rows of the log.", type=int)
@_option("--validate-every", "validate_every", "Steps between held-out losses.", type=int)
@_option("--log", "log", "JSON-lines log; beside the checkpoint by default.", type=_PATH)
@_option("--tensorboard", "tensorboard", "Folder of a log for TensorBoard besides.", type=_PATH)
def posttune(augmentation: str, size: str | None, **options: Any) -> None:
    """Train an extension checkpoint for a base.

    Stopping (Ctrl-C, --minutes, a crash) loses little: the same command continues from the last saved state, exactly.
    Several GPUs: accelerate launch --multi_gpu --num_processes N -m harness posttune ..., or in place of
    --multi_gpu, where one is too small for the model: --use_fsdp --fsdp_version 2.

    Of each video the first frames are taken, scaled to cover the size and cut evenly at the edges. Videos that cannot
    be used are named with the reason. A manifest has a column path, and optionally motion_bucket, which is measured
    otherwise, and caption, which SVD does not read.
    """
    config = PosttuneConfig(augmentation=parse_augmentation(augmentation), size=parse_size(size), **options)
    from harness.exvideo.posttune import posttune as train

    with _graceful_stop() as stopped:
        outcome = train(config, _Reporter(), recorded_command(sys.argv[1:]), stopped)
    if not outcome.speaks:
        return
    change = f"held-out loss {outcome.held_out_start:.4f} -> {outcome.held_out_end:.4f}"
    state = "done" if outcome.finished else "time is up, the same command continues;"
    click.echo(f"{state} {outcome.steps} of {config.steps} steps, {change}", err=True)
    click.echo(str(outcome.path))


def parse_augmentation(text: str) -> tuple[float, float] | None:
    """``MEAN,STD`` of the log of the noise, or ``none``.

    Raises:
        UsageError: E-SETTINGS, neither of the two.
    """
    if text == "none":
        return None
    try:
        mean, std = map(float, text.split(","))
    except ValueError:
        fix = "MEAN,STD such as -3.5,0.6, or none"
        raise UsageError("E-SETTINGS", f"--augmentation '{text}' is not understood.", fix=fix) from None
    return mean, std


def parse_size(text: str | None) -> tuple[int, int] | None:
    """``WIDTHxHEIGHT`` in pixels, or nothing.

    Raises:
        UsageError: E-SETTINGS, neither of the two.
    """
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageError("E-SETTINGS", f"--size '{text}' is not understood.", fix="WIDTHxHEIGHT, such as 1024x576")
    return int(width), int(height)


def recorded_command(arguments: list[str]) -> str:
    """The command for the checkpoint's history. Paths keep their last part: the rest is about one machine."""
    shortened = []
    for argument in arguments:
        flag, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        is_path = os.sep in value and Path(value).is_absolute()
        shortened.append(flag + equals + (Path(value).name if is_path else value))
    return " ".join(["harness", *shortened])


class _Reporter:
    """Prints progress to stderr, at most every `REPORT_SECONDS` except for held-out losses."""

    def __init__(self) -> None:
        self.last, self.encoding = 0.0, time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.stage == "data":
            _tell_of_videos(progress)
            return
        now, ends = time.monotonic(), progress.done in (0, progress.total)
        if progress.stage == "encode" and progress.done == 1:
            self.encoding = now
        if progress.held_out is not None:
            click.echo(f"train    {progress.done}/{progress.total}  held-out loss {progress.held_out:.4f}", err=True)
            return
        if now - self.last < REPORT_SECONDS and not ends:
            return
        self.last = now
        if progress.stage == "encode":
            since_first = max(progress.done - 1, 1)
            left = (progress.total - progress.done) * (now - self.encoding) / since_first / 60
            told = f"  {left:.0f} min left" if progress.done > 1 else ""
            click.echo(f"encode   {progress.done}/{progress.total}{told}", err=True)
            return
        pace = progress.seconds / max(progress.done, 1)
        left = (progress.total - progress.done) * pace / 60
        click.echo(
            f"train    {progress.done}/{progress.total}  loss {progress.loss:.4f}  lr {progress.lr:.1e}"
            f"  {pace:.2f} s/step  {left:.0f} min left",
            err=True,
        )


def _tell_of_videos(progress: Progress) -> None:
    """How many videos are usable, and what is the matter with the others: with the first ones, of what may be many."""
    click.echo(f"videos   {progress.done} usable, {progress.total - progress.done} not", err=True)
    for note in progress.notes[:MAX_NOTES]:
        click.echo(f"         {note}", err=True)
    if len(progress.notes) > MAX_NOTES:
        click.echo(f"         and {len(progress.notes) - MAX_NOTES} more, all in the log", err=True)


@contextlib.contextmanager
def _graceful_stop() -> Iterator[Callable[[], bool]]:
    """The first SIGINT or SIGTERM asks for a stop between steps or clips, the second one interrupts at once."""
    asked = False
    previous: dict[int, Any] = {}

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        click.echo("stopping after this step or clip; again to stop at once", err=True)
        signal.signal(number, previous[number])

    for caught in (signal.SIGINT, signal.SIGTERM):
        previous[caught] = signal.signal(caught, ask)
    try:
        yield lambda: asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
