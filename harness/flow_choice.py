"""Which flow backend this process uses: the text in ``$HARNESS_FLOW``, read once, without loading any backend.

    dis                             OpenCV's dense inverse search (default)
    ptlflow:gmflow_refine           a model of the ptlflow package with its known weights
    ptlflow:raft@things             ... with a checkpoint that ptlflow itself names and has downloaded before
    ptlflow:raft@/path/raft.ckpt    ... with a checkpoint file
    torchvision:raft_large          torchvision's RAFT with its published weights, C_T_V2
    torchvision:raft_small@/path    ... with a file

The choice and the sha256 of its weights enter the key of every flow metric, so numbers of two backends never meet in
one column.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.errors import UsageError, unknown_name
from harness.keys import sha256_file
from harness.model import Weight
from harness.weights_catalogue import CATALOGUE

VARIABLE = "HARNESS_FLOW"
LIBRARIES = ("dis", "ptlflow", "torchvision")
KNOWN = {"gmflow_refine": "gmflow"}  # ptlflow models whose weights are in the catalogue
# Trained on things alone (C_T_V2): a checkpoint that was tuned on a benchmark's own clips is no evidence of accuracy.
TORCHVISION = {"raft_large": "raft_large_C_T_V2-1bb1363a.pth", "raft_small": "raft_small_C_T_V2-01064c6d.pth"}
PINNED = re.compile(r"-([0-9a-f]{8})\.pth")  # the first digits of the file's sha256, as torch's hub names files


@dataclass(frozen=True)
class FlowChoice:
    """A backend. ``checkpoint`` is what stood behind the @; ``weight`` is None for DIS only."""

    library: str
    model: str = ""
    checkpoint: str = ""
    weight: Weight | None = None

    @property
    def params(self) -> Mapping[str, object]:
        """What identifies the choice in a metric's key."""
        sha256 = self.weight.sha256 if self.weight else ""
        return {"backend": f"{self.library}:{self.model}", "weights": sha256 or self.checkpoint}


def chosen() -> FlowChoice:
    """The choice in the environment.

    Raises:
        UsageError: E-UNKNOWN or E-FLOW, the text names no backend, or one without weights.
    """
    return parse(os.environ.get(VARIABLE, "") or "dis")


@cache
def parse(text: str) -> FlowChoice:
    """Read a choice; see the module's table.

    Raises:
        UsageError: E-UNKNOWN or E-FLOW.
    """
    library, _, rest = text.partition(":")
    model, _, checkpoint = rest.partition("@")
    if library not in LIBRARIES:
        raise unknown_name("flow backend", library, LIBRARIES)
    if library == "dis":
        if rest:
            raise _refused(text, "dis has no models", "export HARNESS_FLOW=dis")
        return FlowChoice("dis")
    if not model:
        raise _refused(text, f"{library} needs the name of a model", f"export HARNESS_FLOW={library}:raft_large")
    weight = _ptlflow(text, model, checkpoint) if library == "ptlflow" else _torchvision(model, checkpoint)
    return FlowChoice(library, model, checkpoint, weight)


def _ptlflow(text: str, model: str, checkpoint: str) -> Weight:
    if not checkpoint and model in KNOWN:
        return CATALOGUE[KNOWN[model]]
    if not checkpoint:
        why = "without weights its flow is arbitrary"
        raise _refused(text, why, f"name a checkpoint: export {VARIABLE}=ptlflow:{model}@things (or @FILE)")
    if Path(checkpoint).suffix or len(Path(checkpoint).parts) > 1:
        return _file(f"ptlflow-{model}", Path(checkpoint).absolute(), f"put the checkpoint at {checkpoint}")
    found = sorted(_hub().glob(f"{model}-{checkpoint}-*.ckpt"))
    path = found[-1] if found else _hub() / f"{model}-{checkpoint}-*.ckpt"
    how = f"python -c \"import ptlflow; ptlflow.get_model('{model}', ckpt_path='{checkpoint}')\""
    return _file(f"ptlflow-{model}-{checkpoint}", path, how)


def _torchvision(model: str, checkpoint: str) -> Weight:
    if model not in TORCHVISION:
        raise unknown_name("torchvision flow model", model, TORCHVISION)
    if checkpoint:
        return _file(f"torchvision-{model}", Path(checkpoint).absolute(), f"put the weights at {checkpoint}")
    how = f"python -c \"from torchvision.models.optical_flow import {model} as m; m(weights='C_T_V2')\""
    path = _hub() / TORCHVISION[model]
    found = _file(f"torchvision-{model}", path, how)
    pinned = PINNED.search(path.name)
    if found.sha256 and pinned and not found.sha256.startswith(pinned[1]):
        raise UsageError(
            "E-WEIGHTS-DIGEST",
            f"{path.name} is not the file that its name says.",
            where=str(path),
            why=f"its sha256 begins with {found.sha256[:8]}",
            fix=f"rm {path}; {how}",
        )
    return found


def _file(name: str, path: Path, how: str) -> Weight:
    return Weight(name, str(path), sha256_file(path) if path.is_file() else "", how=how)


def _hub() -> Path:
    """Where torch.hub keeps checkpoints, by its own rules, without importing torch."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    home = os.environ.get("TORCH_HOME") or str(Path(cache_home) / "torch")
    return Path(home) / "hub" / "checkpoints"


def _refused(text: str, why: str, fix: str) -> UsageError:
    return UsageError("E-FLOW", f"'{text}' is no flow backend.", where=f"${VARIABLE}", why=why, fix=fix)
