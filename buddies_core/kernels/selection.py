"""Sampling by smallest hash, inside kernels: a threshold that is expected to pass enough, then an exact selection."""

import math

import numpy as np
from numba import njit

_BUCKETS = 1024


@njit(nogil=True, cache=True)
def sampling_limit(population, wanted):
    """A hash below which more than `wanted` of `population` members are expected (by five deviations), uint64."""
    share = (wanted + 5.0 * math.sqrt(wanted) + 8.0) / max(population, 1)
    if population <= wanted or share >= 1.0:
        return np.uint64(0xFFFFFFFFFFFFFFFF)
    return np.uint64(share * 18446744073709549568.0)


@njit(nogil=True, cache=True)
def _quickselect(hashes, members, wanted):
    """Moves the members of the `wanted` smallest hashes to the front by quickselect."""
    n = len(hashes)
    if n > wanted:
        low, high = 0, n - 1
        while low < high:
            pivot = hashes[(low + high) // 2]
            i, j = low, high
            while i <= j:
                while hashes[i] < pivot:
                    i += 1
                while hashes[j] > pivot:
                    j -= 1
                if i <= j:
                    hashes[i], hashes[j] = hashes[j], hashes[i]
                    members[i], members[j] = members[j], members[i]
                    i += 1
                    j -= 1
            if wanted <= j:
                high = j
            elif wanted >= i:
                low = i
            else:
                break


@njit(nogil=True, cache=True)
def keep_smallest(hashes, members, wanted):
    """Moves the members of the `wanted` smallest hashes to the front, in no order; returns how many.

    Hashes are uniform, so a histogram of their first bits decides all but the few of one bucket, in two passes without
    a branch to mispredict. They must be distinct (those of one stream are: `hash_member` is a bijection of the member).
    """
    n = len(hashes)
    if n <= wanted:
        return n
    highest = np.uint64(0)
    for value in hashes:
        highest = max(highest, value)
    shift = np.uint64(0)
    while highest >> shift >= np.uint64(_BUCKETS):
        shift += np.uint64(1)
    sizes = np.zeros(_BUCKETS, np.int64)
    for value in hashes:
        sizes[np.int64(value >> shift)] += 1
    bucket = 0
    below = np.int64(0)
    while below + sizes[bucket] < wanted:
        below += sizes[bucket]
        bucket += 1
    edge_hashes, edge_members = np.empty(sizes[bucket], hashes.dtype), np.empty(sizes[bucket], members.dtype)
    kept, edge = 0, 0
    for i in range(n):
        own = np.int64(hashes[i] >> shift)
        member = members[i]
        if own == bucket:
            edge_hashes[edge], edge_members[edge] = hashes[i], member
            edge += 1
        members[kept] = member
        kept += own < bucket
    _quickselect(edge_hashes, edge_members, wanted - below)
    members[below:wanted] = edge_members[: wanted - below]
    return wanted


@njit(nogil=True, cache=True)
def partition(values, wanted):
    """Moves the `wanted` smallest of distinct values to the front, in no order."""
    low, high = 0, len(values) - 1
    if wanted <= 0 or wanted > high:
        return
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            return


@njit(nogil=True, cache=True)
def sort_few(values):
    """Sorts an array that is nearly always short: by insertion, without the buffers of a general sort."""
    if len(values) > 32:
        values.sort()
        return
    for i in range(1, len(values)):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
