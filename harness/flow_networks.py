"""The networks behind `harness.flow_learned`: any model of ptlflow, and torchvision's RAFT."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import pickle
import warnings
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from harness.errors import CannotStart, UsageError, first_line
from harness.flow_choice import FlowChoice
from harness.flow_learned import Estimator
from harness.weights import resolve


def load_estimator(choice: FlowChoice) -> Estimator:
    """Load the network of a choice, see `harness.flow_learned.LearnedFlow.estimator`."""
    if choice.weight is None:
        raise UsageError("E-FLOW", f"{choice.library}:{choice.model} has no weights.")
    path = resolve(choice.weight)
    make = ptlflow_estimator if choice.library == "ptlflow" else torchvision_estimator
    try:
        return make(choice.model, state_of(torch.load(path, map_location="cpu", weights_only=True)))
    except ImportError as error:
        raise CannotStart(
            "E-NEEDS",
            f"{choice.library} is not installed.",
            why=str(error),
            fix="pip install 'exvideo-bench[flow]'",
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, TypeError, KeyError, pickle.UnpicklingError) as error:
        raise CannotStart(
            "E-WEIGHTS",
            f"{choice.weight.path} holds no weights of {choice.model}.",
            why=first_line(error),
            fix="name the checkpoint of this model",
        ) from error


def state_of(checkpoint: object) -> dict[str, Tensor]:
    """The tensors of a checkpoint that may be wrapped as training frameworks do.

    Raises:
        ValueError: it is no mapping.
    """
    inner = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, Mapping) else checkpoint
    if not isinstance(inner, Mapping):
        raise ValueError(f"the file holds a {type(inner).__name__}, not tensors by name")
    return {key.removeprefix("module."): value for key, value in inner.items() if isinstance(value, Tensor)}


def ptlflow_estimator(model: str, state: Mapping[str, Tensor] | None) -> Estimator:
    """A model of ptlflow, by its name there; random weights without ``state``.

    Raises:
        ImportError: ptlflow is not installed.
        UsageError: E-UNKNOWN.
        RuntimeError: the state does not fit.
    """
    with _quiet():  # the import builds every model's class, warns about optional extensions, and prints
        import ptlflow

        if model not in ptlflow.get_model_names():
            raise UsageError(
                "E-UNKNOWN",
                f"ptlflow has no model named '{model}'.",
                fix='python -c "import ptlflow; print(*ptlflow.get_model_names())"',
            )
        network = ptlflow.get_model(model)
    if state is not None:
        network.load_state_dict(dict(state), strict=True)
    network = network.eval().requires_grad_(False).to(_device())

    def estimate(first: Tensor, second: Tensor) -> Tensor:
        # ptlflow's models were trained through OpenCV: blue comes first.
        images = torch.stack([first, second], dim=1).flip(2)
        with _quiet():
            found: Tensor = network({"images": images.to(_device())})["flows"][:, 0]
        return found

    return estimate


def torchvision_estimator(model: str, state: Mapping[str, Tensor] | None) -> Estimator:
    """torchvision's ``raft_large`` or ``raft_small``; random weights without ``state``.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: the state does not fit.
    """
    optical_flow = importlib.import_module("torchvision.models.optical_flow")

    network = getattr(optical_flow, model)(weights=None, progress=False)
    if state is not None:
        network.load_state_dict(dict(state), strict=True)
    network = network.eval().requires_grad_(False).to(_device())

    def estimate(first: Tensor, second: Tensor) -> Tensor:
        found: Tensor = network(*(2 * image.to(_device()) - 1 for image in (first, second)))[-1]
        return found

    return estimate


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
