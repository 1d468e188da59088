"""One model of a base from its folder in diffusers' format, refused unless every weight of it is there and fits.

Left to themselves the libraries load what they find: a weight that is missing stays random, or without memory behind
it, and one that the model has no place for is passed over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from harness.errors import first_line
from harness.exvideo.misfits import Shape, misfits
from harness.memory import ran_out

# What a folder can be wrong in, by the libraries' own exceptions; `NotImplementedError` is a RuntimeError.
UNLOADABLE = (OSError, ValueError, RuntimeError, KeyError, SafetensorError)
COUNTED = "position_ids"  # 0, 1, 2...: older releases of transformers stored them


class Misfit(ValueError):
    """Weights that do not fit their model, a line per kind."""


def load_model(kind: Any, folder: Path, **options: Any) -> Any:
    """``kind.from_pretrained`` of a folder; half-precision files are taken where there are any.

    Args:
        kind: a model class of diffusers or transformers.
        folder: its configuration and safetensors files.
        options: for ``from_pretrained``, such as the dtype.

    Raises:
        Misfit: weights are missing, unknown or misshapen, by name.
        OSError, ValueError, RuntimeError, KeyError, SafetensorError: the folder cannot be read.
        MemoryError: it does not fit into memory.
    """
    variant = "fp16" if any(folder.glob("*.fp16.safetensors")) else None
    # Misshapen ones are let through by the library to be told below, together with the others.
    options |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
    try:
        with quiet():
            model, told = kind.from_pretrained(folder, variant=variant, use_safetensors=True, **options)
    except RuntimeError as error:
        if ran_out(error):  # the folder is not at fault
            raise MemoryError(str(error)) from error
        raise
    if lines := _misfits(told):
        raise Misfit(f"in {folder.name}/\n{lines}")
    return model


def reason(error: BaseException) -> str:
    """Why something could not be loaded: all of a `Misfit`, the first line of what a library says."""
    return str(error) if isinstance(error, Misfit) else first_line(error)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, no remarks on configuration entries that `AutoencoderTiny` itself writes, and no reports on
    weights that do not fit: they are told as an error."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    verbosities, bars = [each.get_verbosity() for each in libraries], transformers_logging.is_progress_bar_enabled()
    for each in libraries:
        each.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        for each, verbosity in zip(libraries, verbosities, strict=True):
            each.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


def _misfits(told: Mapping[str, Any]) -> str:
    """What both libraries tell about loading, which of unknown and missing names gives no shapes."""
    unsized: Shape = ()
    found = {name: unsized for name in told["unexpected_keys"] if name.rpartition(".")[2] != COUNTED}
    allowed = dict.fromkeys(told["missing_keys"], unsized)
    for name, has, wants in told["mismatched_keys"]:
        found[name], allowed[name] = tuple(has), tuple(wants)
    return misfits(found, allowed, allowed)
