"""Questions about rows of members (a list for each row, end to end in one array), in one pass and fixed memory.

A table of fixed size, addressed by the low bits of a member, says for nearly every member that there is nothing to
look at; what it lets through is compared exactly. No value of the data sizes an array.
"""

import numpy as np
from numba import njit

_SLOTS = 1 << 20
_MASK = _SLOTS - 1


@njit(nogil=True, cache=True)
def _in(sets, low, high, wanted):
    """Whether `sets[low:high]`, which rises, holds a value."""
    end = high
    while low < high:
        middle = (low + high) // 2
        if sets[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low < end and sets[low] == wanted


@njit(nogil=True, cache=True)
def members_in_sets(starts, members, low, high, sets, rows, places):
    """How many members of all rows are in their row's set; the first of them in `rows` and `places`.

    Row r has `members[starts[r]:starts[r + 1]]` and the set `sets[low[r]:high[r]]`, which rises. Rows of one set that
    follow each other share the work of reading it.
    """
    marked = np.zeros(_SLOTS, np.uint8)
    found, set_low, set_high = 0, 0, 0
    for row in range(len(starts) - 1):
        if low[row] != set_low or high[row] != set_high:
            for k in range(set_low, set_high):
                marked[np.int64(sets[k]) & _MASK] = 0
            set_low, set_high = low[row], high[row]
            for k in range(set_low, set_high):
                marked[np.int64(sets[k]) & _MASK] = 1
        for place in range(starts[row], starts[row + 1]):
            member = members[place]
            if marked[np.int64(member) & _MASK] and _in(sets, set_low, set_high, member):
                if found < len(rows):
                    rows[found], places[found] = row, place
                found += 1
    return found


@njit(nogil=True, cache=True)
def rows_that_repeat(starts, members, rows):
    """How many rows hold a member twice; the first of them in `rows`."""
    stamps = np.zeros(_SLOTS, np.int64)
    found = 0
    for row in range(len(starts) - 1):
        begin, repeated = starts[row], False
        for place in range(begin, starts[row + 1]):
            slot = np.int64(members[place]) & _MASK
            if stamps[slot] == row + 1:
                for before in range(begin, place):
                    if members[before] == members[place]:
                        repeated = True
                        break
                if repeated:
                    break
            stamps[slot] = row + 1
        if repeated:
            if found < len(rows):
                rows[found] = row
            found += 1
    return found


@njit(nogil=True, cache=True)
def rows_that_hold(starts, members, wanted, rows):
    """How many rows hold the value `wanted` of theirs; the first of them in `rows`."""
    found = 0
    for row in range(len(starts) - 1):
        for place in range(starts[row], starts[row + 1]):
            if members[place] == wanted[row]:
                if found < len(rows):
                    rows[found] = row
                found += 1
                break
    return found


@njit(nogil=True, cache=True)
def _mixed(value):
    """A bijection of 64 bits that spreads near values far apart (the finaliser of SplitMix64)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(nogil=True, cache=True)
def sums_of_triples(starts, firsts, seconds, thirds):
    """Two sums, modulo 2^64, of hashes of all (first, second, third): the same for the same triples in any order.

    Row r has the thirds `thirds[starts[r]:starts[r + 1]]`. Two different collections agree in both sums by a chance of
    2^-128.
    """
    one, other = np.uint64(0), np.uint64(0)
    for row in range(len(starts) - 1):
        pair = _mixed((np.uint64(firsts[row]) << np.uint64(32)) | np.uint64(seconds[row]))
        for place in range(starts[row], starts[row + 1]):
            triple = _mixed(pair ^ (np.uint64(thirds[place]) * np.uint64(0x9E3779B97F4A7C15)))
            one += triple
            other += _mixed(triple ^ np.uint64(0xD1B54A32D192ED03))
    return one, other


@njit(nogil=True, cache=True)
def sums_of_rows(starts, members, one, other):
    """Fills two sums of hashes of each row's members, modulo 2^64: equal for rows of the same members in any order."""
    for row in range(len(starts) - 1):
        for place in range(starts[row], starts[row + 1]):
            hashed = _mixed((np.uint64(members[place]) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
            one[row] += hashed
            other[row] += _mixed(hashed ^ np.uint64(0xD1B54A32D192ED03))
