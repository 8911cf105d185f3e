"""How many threads a kernel runs on."""

import numba


def use_threads(wanted: int) -> None:
    """Let the kernels called from this thread run on `wanted` threads, or on all that numba has if those are fewer."""
    numba.set_num_threads(min(wanted, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
