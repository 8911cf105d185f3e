"""Work done side by side."""

import threading

import numba
import numpy as np
import pytest
from numba import njit, prange

from buddies_core.kernels.threads import in_turns


@njit(parallel=True)
def _sum_of(values):
    total = 0.0
    for at in prange(len(values)):
        total += values[at]
    return total


@pytest.mark.parametrize("threads", [1, 2])
def test_every_turn_is_done_once_and_no_kernel_in_it_takes_a_second_thread(threads):
    _sum_of(np.ones(3))
    done, kernels = [], []

    def work(turn):
        assert _sum_of(np.ones(turn + 1)) == turn + 1
        done.append(turn)
        kernels.append((threading.current_thread() is threading.main_thread(), numba.get_num_threads()))

    in_turns(work, range(3, 20), threads)
    assert sorted(done) == list(range(3, 20))
    assert done[0] == 3
    assert all(alone or count == 1 for alone, count in kernels)


def test_a_turn_that_fails_is_told():
    _sum_of(np.ones(3))

    def work(turn):
        if turn == 4:
            raise ValueError("turn 4 has no rows")

    with pytest.raises(ValueError, match="turn 4 has no rows"):
        in_turns(work, range(9), 2)
    in_turns(work, range(0), 2)
