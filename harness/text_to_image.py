"""First frames for prompts that have none: a text-to-image model draws them once, and a suite is made of what it drew.

    python -m harness.text_to_image PROMPTS --pipeline ID --out FOLDER
    harness run --suite FOLDER --variants all

PROMPTS is a text file with a prompt a line; empty lines and those that begin with # are passed over. The pipeline is
any of diffusers that makes an image from a prompt, by Hub id or local folder. Pictures are stored and named by digest
in ``suite.toml``: drawing them again on another machine would give others, and is another suite.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from harness.errors import CannotStart, HarnessError, UsageError
from harness.model import Image, Protocol
from harness.suite import FILE
from harness.suite_pictures import Drawn, is_free_name, write_suite

Painter = Callable[[str], Image]
PRECISIONS = ("float16", "bfloat16", "float32")


@dataclass(frozen=True)
class Settings:
    """How pictures are drawn; recorded with each of them.

    ``revision`` is a branch, tag or commit of a Hub id; ``precision`` is a dtype of torch's, empty for float16 on a GPU
    and float32 on the CPU: some pipelines overflow in float16; ``steps`` 0 and ``guidance`` below 0 leave the
    pipeline's own default. The noise is drawn on the CPU from ``seed``, the same for every prompt.
    """

    pipeline: str
    revision: str = ""
    size: int = 512
    seed: int = 0
    steps: int = 0
    guidance: float = -1.0
    precision: str = ""

    def call(self) -> dict[str, Any]:
        """The arguments of the pipeline besides the prompt and the generator."""
        chosen: dict[str, Any] = {"height": self.size, "width": self.size}
        if self.steps:
            chosen["num_inference_steps"] = self.steps
        if self.guidance >= 0:
            chosen["guidance_scale"] = self.guidance
        return chosen


def load_painter(settings: Settings, device: str) -> Painter:
    """Load a diffusers pipeline in the precision of the settings.

    Raises:
        UsageError: E-SETTINGS, ``device`` is no name of one.
        CannotStart: E-WEIGHTS, it cannot be loaded; E-NO-GPU, there is no such device; its calls E-IMAGE, it does not
            make images from prompts.
    """
    import torch
    from diffusers import DiffusionPipeline

    from harness.exvideo.base import usable_device

    place = usable_device(device)
    precision = getattr(torch, settings.precision or ("float32" if place.type == "cpu" else "float16"))
    options = {"revision": settings.revision} if settings.revision else {}
    try:
        pipe = DiffusionPipeline.from_pretrained(settings.pipeline, **options).to(place, precision)
    except (OSError, ValueError, ImportError, AttributeError, RuntimeError) as error:
        raise CannotStart(
            "E-WEIGHTS",
            f"The pipeline '{settings.pipeline}' cannot be loaded.",
            why=(str(error).strip() or type(error).__name__).splitlines()[0],
            fix="a Hub id or a local diffusers folder; for a gated one accept its licence and `hf auth login`",
        ) from error
    pipe.set_progress_bar_config(disable=True)

    def paint(prompt: str) -> Image:
        generator = torch.Generator("cpu").manual_seed(settings.seed)
        try:
            drawn = pipe(prompt, generator=generator, **settings.call()).images[0]
        except (TypeError, AttributeError) as error:
            raise _unfit(prompt, f"{type(pipe).__name__} makes no image from a prompt: {error}") from error
        return np.asarray(drawn.convert("RGB"))

    return paint


def draw(prompts: Sequence[str], paint: Painter, settings: Settings) -> Iterator[Drawn]:
    """Draw one picture after the other.

    Raises:
        CannotStart: E-IMAGE, a picture has another size than asked for, or a single colour.
    """
    for prompt in prompts:
        image = paint(prompt)
        if image.shape != (settings.size, settings.size, 3):
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise _unfit(prompt, f"the picture has {size} pixels, {settings.size} each way were asked for")
        if (image == image[:1, :1]).all():
            raise _unfit(prompt, "the picture is one colour from edge to edge")
        yield Drawn(prompt, image, asdict(settings))


def read_prompts(path: Path) -> list[str]:
    """The prompts of a file, in order.

    Raises:
        UsageError: E-OPTION, it cannot be read, holds no prompt, or the same one twice.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _no_prompts(path, str(error)) from error
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise _no_prompts(path, "it holds no prompt")
    if twice := [prompt for prompt in dict.fromkeys(prompts) if prompts.count(prompt) > 1]:
        raise _no_prompts(path, f"it holds twice: {twice[0]}")
    return prompts


def make_suite(prompts: Path, settings: Settings, out: Path, painter: Callable[[], Painter]) -> str:
    """Draw a picture for every prompt and make a suite of them in ``out``; returns its label.

    Raises:
        UsageError: E-EXISTS, ``out`` holds a suite; E-OPTION, its name or the prompts cannot be used.
        CannotStart: as `load_painter` and `draw`.
    """
    if (out / FILE).exists():
        what = f"{out} holds a suite already."
        raise UsageError("E-EXISTS", what, fix="another --out: other pictures are another suite")
    if not is_free_name(out.name):
        fix = "an --out whose last part is lower-case words with dashes, such as my-suite"
        raise UsageError("E-OPTION", f"'{out.name}' is no name for a suite of one's own.", fix=fix)
    wanted = read_prompts(prompts)
    protocol = Protocol(num_frames=128, height=settings.size, width=settings.size, fps=30)
    return write_suite(out, protocol, draw(wanted, painter(), settings), card(settings)).label


def card(settings: Settings) -> str:
    """What there is to know about the pictures."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in asdict(settings).items())
    return (
        f"# Pictures drawn for prompts\n\n| | |\n|---|---|\n{rows}\n\n"
        "Drawn by a text-to-image model; the licence of what it draws is on the model's own card. A model's pictures "
        "may suit one video model better than another: they compare variants, and say little about real ones.\n"
    )


@click.command()
@click.argument("prompts", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--pipeline", required=True, metavar="ID", help="A Hub id or a local diffusers folder.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The suite's folder.")
@click.option("--revision", default="", help="Branch, tag or commit of a Hub id.")
@click.option("--size", type=click.IntRange(min=64), default=512, show_default=True, help="Pixels each way.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--steps", type=click.IntRange(min=0), default=0, help="Sampling steps.  [default: the pipeline's]")
@click.option("--guidance", type=float, default=-1.0, help="Guidance scale.  [default: the pipeline's]")
@click.option(
    "--precision", type=click.Choice(PRECISIONS), default=None, help="[default: float16 on a GPU, float32 on the CPU]"
)
@click.option("--device", default="cpu", show_default=True)
def command(prompts: Path, out: Path, device: str, **drawing: Any) -> None:
    """Draw a first frame for every prompt of a file, and make a suite of them."""
    settings = Settings(**{name: value for name, value in drawing.items() if value is not None})
    try:
        label = make_suite(prompts, settings, out, lambda: load_painter(settings, device))
    except HarnessError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    click.echo(label)


def _no_prompts(path: Path, why: str) -> UsageError:
    return UsageError("E-OPTION", f"{path.name} is no list of prompts.", where=str(path), why=why, fix="one a line")


def _unfit(prompt: str, why: str) -> CannotStart:
    what = f"There is no usable picture for '{prompt}'."
    return CannotStart("E-IMAGE", what, why=why, fix="another prompt, --size, --seed or --pipeline")


if __name__ == "__main__":
    command()
