"""How many threads kernels run on, and work that is done side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numba


def use_threads(wanted: int) -> None:
    """Let the kernels called from this thread run on `wanted` threads, or on all that numba has if those are fewer."""
    numba.set_num_threads(min(wanted, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]


def in_turns(work: Callable[[int], None], turns: Sequence[int], threads: int) -> None:
    """Do the work of each turn, several turns side by side, each on one thread of kernels and of BLAS.

    The first is done alone. Where numba has no threads yet after it, or only its own queue, which must not be entered
    twice, the others follow one by one on all threads.

    Raises:
        What the work raises; turns that have not begun are then left.
    """
    from threadpoolctl import threadpool_limits

    if not len(turns):
        return
    work(turns[0])
    if threads == 1 or len(turns) == 1 or not _entered_twice():
        for turn in turns[1:]:
            work(turn)
        return
    # BLAS is told once: what limits it inside a turn would else lift the limit of another.
    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(threads, "turns", initializer=use_threads, initargs=(1,)) as pool,
    ):
        waiting = [pool.submit(work, turn) for turn in turns[1:]]
        try:
            for done in waiting:
                done.result()
        finally:
            for left in waiting:
                left.cancel()


def _entered_twice() -> bool:
    try:
        return numba.threading_layer() != "workqueue"
    except ValueError:  # no kernel has run on threads
        return False
