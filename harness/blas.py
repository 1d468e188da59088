"""Linear algebra on one thread: a thousand small matrices are done faster by one core than by many that wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """numpy's BLAS and LAPACK use one thread within; the numbers do not depend on it but in their last digits."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    """Found once: looking for the loaded libraries takes longer than a small jackknife."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
