"""Orders of rows by falling value: a radix sort, which has no branch to mispredict; ties stay in order."""

import numpy as np
from numba import njit

_DIGITS, _BITS = 256, np.uint32(8)
_LAST = np.uint32(_DIGITS - 1)
_SIGN = np.uint32(0x80000000)


@njit(nogil=True, cache=True)
def falling_order(values, order):
    """Places of values, the highest first, equal ones (0 and -0 too) in order, written to `order`, int32 [n].

    Args:
        values: float32 [n], none NaN.
    """
    n = len(values)
    bits = (values + np.float32(0.0)).view(np.uint32)
    keys, next_keys, next_order = np.empty(n, np.uint32), np.empty(n, np.uint32), np.empty(n, np.int32)
    for at in range(n):
        keys[at] = bits[at] if bits[at] & _SIGN else ~(bits[at] | _SIGN)
        order[at] = at
    starts = np.empty(_DIGITS, np.int64)
    for turn in range(4):
        shift = np.uint32(turn) * _BITS
        starts[:] = 0
        for at in range(n):
            starts[(keys[at] >> shift) & _LAST] += 1
        filled = 0
        for digit in range(_DIGITS):
            filled, starts[digit] = filled + starts[digit], filled
        for at in range(n):
            digit = (keys[at] >> shift) & _LAST
            place = starts[digit]
            starts[digit] = place + 1
            next_keys[place], next_order[place] = keys[at], order[at]
        keys, next_keys = next_keys, keys
        order[:] = next_order


@njit(nogil=True, cache=True)
def falling_ranks(values):
    """Place of each value in its row, int32 as `values` float32 [n, c]: 0 the highest, equal ones in order."""
    ranks, order = np.empty(values.shape, np.int32), np.empty(values.shape[1], np.int32)
    for row in range(len(values)):
        falling_order(values[row], order)
        for place in range(len(order)):
            ranks[row, order[place]] = place
    return ranks
