"""What SVD-XT is: the configuration of its parts, for files that do not carry it, and its UNet without weights."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel

from harness.errors import CannotStart

Configs = Mapping[str, Mapping[str, Any]]
DATA = "svd_xt.json"


def svd_xt() -> dict[str, dict[str, Any]]:
    """Configurations of ``unet``, ``vae``, ``image_encoder`` and ``scheduler`` of SVD-XT, as diffusers writes them."""
    text = importlib.resources.files("harness.exvideo").joinpath(DATA).read_text(encoding="utf-8")
    configs: dict[str, dict[str, Any]] = json.loads(text)
    return configs


def configs_beside(file: Path) -> dict[str, dict[str, Any]]:
    """SVD-XT's configurations, changed by the JSON file of the same stem that may lie beside a weight file.

    It holds only what differs, by part: ``{"unet": {"num_frames": 14}}`` for the shorter SVD.

    Raises:
        CannotStart: E-WEIGHTS, the file is no such object.
    """
    configs, path = svd_xt(), file.with_suffix(".json")
    if not path.is_file():
        return configs
    try:
        changes = json.loads(path.read_text(encoding="utf-8"))
        for part, values in changes.items():
            configs[part].update(values)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise CannotStart(
            "E-WEIGHTS",
            "The configuration beside a weight file cannot be read.",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            fix=f"an object of objects for {', '.join(configs)}; for SVD-XT itself: rm {path}",
        ) from error
    return configs


def skeleton(config: Mapping[str, Any] | None = None) -> UNetSpatioTemporalConditionModel:
    """A UNet on the meta device: every name and shape, no memory. SVD-XT's own without ``config``."""
    with torch.device("meta"):
        return UNetSpatioTemporalConditionModel(**(svd_xt()["unet"] if config is None else config))
