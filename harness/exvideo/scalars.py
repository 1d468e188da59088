"""The course of a training for TensorBoard, beside the JSON-lines log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import CannotStart, UsageError
from harness.exvideo.objective import HELD_OUT_SIGMAS

SCALARS = {"loss": "loss/running", "lr": "learning rate", "held_out": "held out/mean"}


class Scalars:
    """Writes the rows of a training's log as scalars.

    Args:
        folder: TensorBoard's log folder.
        done: the steps that are done; rows of later ones, which a crash made worthless, are purged.

    Raises:
        CannotStart: E-EXTRA, TensorBoard is not installed.
        UsageError: E-OUTPUT, the folder cannot be written to.
    """

    def __init__(self, folder: Path, done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise CannotStart(
                "E-EXTRA",
                "Logs for TensorBoard need the package tensorboard.",
                where="--tensorboard",
                why=str(error),
                fix="pip install 'exvideo-bench[train]', or leave the option out: the JSON-lines log has the same",
            ) from error
        try:
            self._writer = SummaryWriter(str(folder), purge_step=done + 1 if done else None)
        except OSError as error:
            fix = "a folder that can be written to"
            raise UsageError("E-OUTPUT", f"{folder} cannot be written.", why=str(error), fix=fix) from error

    def write(self, row: dict[str, Any]) -> None:
        """A row of the log; ``step`` is its place, and what is unknown is left out."""
        for name, title in SCALARS.items():
            if name in row:
                self._writer.add_scalar(title, row[name], row["step"])
        by_sigma: Sequence[float] = row.get("by_sigma", ())
        for sigma, value in zip(HELD_OUT_SIGMAS, by_sigma, strict=False):
            self._writer.add_scalar(f"held out/sigma {sigma:g}", value, row["step"])

    def close(self) -> None:
        """Everything is on the disk afterwards."""
        self._writer.close()
