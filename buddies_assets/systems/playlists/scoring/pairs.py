"""A user's pairs: counting the matches, and sending every pair to the liked, to a sampled pool or nowhere."""

import numpy as np
from numba import njit

from buddies_assets.systems.playlists.scoring.cells import EASY_PAIR, HARD_PAIR, LIKED_PAIR, MIXED_LIKED
from buddies_core.kernels.randomness import hash_member
from buddies_core.kernels.selection import partition

PLAYLIST_SHIFT, NUMBER_BITS = np.uint64(16), np.uint64(32)
_BLOCK = 512


@njit(nogil=True, cache=True)
def count_matches(counts, songs, song_indptr, song_numbers, repeated):
    """Adds one to every playlist of every song; `repeated` gets those that match more than once.

    Returns:
        (matches in all, how many playlists are repeated).
    """
    n = 0
    total = 0
    for song in songs:
        total += song_indptr[song + 1] - song_indptr[song]
        for i in range(song_indptr[song], song_indptr[song + 1]):
            number = song_numbers[i]
            count = counts[number]
            counts[number] = count + 1
            # One pair in ten comes a second time: rare enough for a branch to cost less than a store each time.
            if count == 1:
                repeated[n] = number
                n += 1
    return total, n


@njit(nogil=True, cache=True)
def rank_of(number, coarse_rank, first_numbers):
    """Rank of a number's length: that of its block of 256 numbers, or one of the next (two tables that fit in L1)."""
    r = np.int64(coarse_rank[number >> 8])
    while number >= first_numbers[r + 1]:
        r += 1
    return r


@njit(nogil=True, cache=True)
def count_cells(
    counts, songs, run_indptr, run_ranks, run_sizes, repeated, n_repeated, coarse_rank, first_numbers, cell_counts
):
    """Counts the pairs of each cell (matches - 1) x n_ranks + rank.

    The runs give the counts as if every match were a pair of its own; the repeated ones are then moved.

    Returns:
        (matches that are not the first of their pair, most matches).
    """
    for song in songs:
        for run in range(run_indptr[song], run_indptr[song + 1]):
            cell_counts[run_ranks[run]] += run_sizes[run]
    n_ranks = len(first_numbers) - 1
    most = 1
    surplus = 0
    for i in range(n_repeated):
        number = repeated[i]
        matches = np.int64(counts[number])
        r = rank_of(number, coarse_rank, first_numbers)
        cell_counts[r] -= matches
        cell_counts[(matches - 1) * n_ranks + r] += 1
        surplus += matches - 1
        most = max(most, matches)
    return surplus, most


@njit(nogil=True, cache=True)
def clear_counts(counts, songs, matches, song_indptr, song_numbers):
    """Sets every count back to zero: all of them at once when that is cheaper than one by one."""
    if matches * 24 > len(counts):
        counts[:] = 0
        return
    for song in songs:
        for i in range(song_indptr[song], song_indptr[song + 1]):
            counts[song_numbers[i]] = 0


@njit(nogil=True, cache=True)
def _sample_stretch(counts, numbers, pids, key, limit, hashes, members, n, values):
    """Appends numbers of a stretch that match once and whose pid hashes to at most `limit`; returns the new size."""
    for first in range(0, len(numbers), _BLOCK):
        size = min(_BLOCK, len(numbers) - first)
        for i in range(size):
            values[i] = hash_member(key, np.uint64(pids[first + i]))
        for i in range(size):
            if values[i] <= limit and counts[numbers[first + i]] == 1:
                hashes[n], members[n] = values[i], numbers[first + i]
                n += 1
    return n


@njit(nogil=True, cache=True)
def distribute_single(
    counts,
    songs,
    song_indptr,
    song_numbers,
    song_pids,
    stretches,
    original,
    coarse_rank,
    first_numbers,
    cell_class,
    cell_group,
    cursor,
    keys,
    limits,
    key_tie,
    liked,
    pools,
    mixed,
    filled,
    values,
):
    """Sends the pairs with one match where they belong; a song's list is cut at the numbers `stretches`.

    `filled` counts (easy, hard, mixed at the liked cut, mixed at the hard cut) and is brought up to date.
    """
    hashes, members = pools
    for song in songs:
        numbers = song_numbers[song_indptr[song] : song_indptr[song + 1]]
        pids = song_pids[song_indptr[song] : song_indptr[song + 1]]
        first = _place(numbers, 0, stretches[0])
        second = _place(numbers, first, stretches[1])
        third = _place(numbers, second, stretches[2])
        for i in range(first):
            number = numbers[i]
            if counts[number] != 1:
                continue
            cell = rank_of(number, coarse_rank, first_numbers)
            if cell_class[cell] == LIKED_PAIR:
                group = cell_group[cell]
                liked[cursor[group]] = np.uint64(original[number]) << PLAYLIST_SHIFT | np.uint64(1)
                cursor[group] += 1
            else:
                mixed[0, filled[2]] = _by_lot(key_tie, pids[i], number)
                filled[2] += 1
        filled[1] = _sample_stretch(
            counts, numbers[first:second], pids[first:second], keys[HARD_PAIR], limits[HARD_PAIR], hashes[1],
            members[1], filled[1], values,
        )  # fmt: skip
        for i in range(second, third):
            if counts[numbers[i]] == 1:
                mixed[1, filled[3]] = _by_lot(key_tie, pids[i], numbers[i])
                filled[3] += 1
        filled[0] = _sample_stretch(
            counts, numbers[third:], pids[third:], keys[EASY_PAIR], limits[EASY_PAIR], hashes[0], members[0], filled[0],
            values,
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _by_lot(key_tie, pid, number):
    """A pair among those of equal score: 32 bits of chance, then its number, which goes by (length, pid)."""
    return hash_member(key_tie, np.uint64(pid)) >> NUMBER_BITS << NUMBER_BITS | np.uint64(number)


@njit(nogil=True, cache=True)
def _place(numbers, low, bound):
    """First place from `low` on where the ascending numbers reach `bound`."""
    high = len(numbers)
    while low < high:
        middle = (low + high) // 2
        if numbers[middle] < bound:
            low = middle + 1
        else:
            high = middle
    return low


@njit(nogil=True, cache=True)
def distribute_repeated(
    counts,
    repeated,
    n_repeated,
    original,
    pids,
    coarse_rank,
    first_numbers,
    cell_class,
    cell_group,
    cursor,
    keys,
    limits,
    key_tie,
    liked,
    pools,
    mixed,
    filled,
):
    """Sends the pairs with more than one match where they belong, as `distribute_single` does."""
    hashes, members = pools
    for i in range(n_repeated):
        number = repeated[i]
        matches = np.int64(counts[number])
        cell = (matches - 1) * (len(first_numbers) - 1) + rank_of(number, coarse_rank, first_numbers)
        which = cell_class[cell]
        if which == LIKED_PAIR:
            group = cell_group[cell]
            liked[cursor[group]] = np.uint64(original[number]) << PLAYLIST_SHIFT | np.uint64(matches)
            cursor[group] += 1
        elif which in (EASY_PAIR, HARD_PAIR):
            value = hash_member(keys[which], np.uint64(pids[number]))
            if value <= limits[which]:
                hashes[which, filled[which]], members[which, filled[which]] = value, number
                filled[which] += 1
        else:
            side = 0 if which == MIXED_LIKED else 1
            mixed[side, filled[2 + side]] = _by_lot(key_tie, pids[number], number)
            filled[2 + side] += 1


@njit(nogil=True, cache=True)
def resolve_mixed(group, first, n_liked, n_hard, counts, original, pids, keys, limits, liked, pools, filled):
    """Shares out a group of equal score by lot: positions below `n_liked`, then hard, then easy."""
    partition(group, n_liked - first)
    partition(group[max(0, n_liked - first) :], n_liked + n_hard - max(first, n_liked))
    hashes, members = pools
    for i in range(len(group)):
        position = first + i
        number = np.uint32(group[i])
        if position < n_liked:
            liked[position] = np.uint64(original[number]) << PLAYLIST_SHIFT | np.uint64(counts[number])
            continue
        which = HARD_PAIR if position < n_liked + n_hard else EASY_PAIR
        value = hash_member(keys[which], np.uint64(pids[number]))
        if value <= limits[which]:
            hashes[which, filled[which]], members[which, filled[which]] = value, number
            filled[which] += 1
