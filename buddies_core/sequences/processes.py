"""Work spread over processes: what numpy does here holds the interpreter too often for threads to help."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np  # noqa: F401  (the BLAS that it loads is what is limited)

T = TypeVar("T")
R = TypeVar("R")


def in_processes(work: Callable[[T], R], parts: Sequence[T], workers: int) -> Iterator[R]:
    """Results in the order of the parts; with one worker, or one part, in this process.

    Args:
        work: a function of a module, so that another process finds it.
        parts: what it is called with; has to be picklable.
        workers: processes at most.
    """
    if workers < 2 or len(parts) < 2:
        yield from map(work, parts)
        return
    # Spawned, not forked: a fork of a process in which numba or BLAS have started threads may hang.
    with ProcessPoolExecutor(min(workers, len(parts)), mp_context=get_context("spawn"), initializer=_alone) as pool:
        yield from pool.map(work, parts)


def _alone() -> None:
    """One thread of BLAS in each process: there are as many processes as cores."""
    from threadpoolctl import threadpool_limits

    _LIMITS.append(threadpool_limits(1))


_LIMITS: list[Any] = []
