"""A user's pairs as cells of equal score: (matches, playlist length), ordered and cut without touching the pairs."""

import numpy as np
from numba import njit

EASY_PAIR, HARD_PAIR, LIKED_PAIR, MIXED_LIKED, MIXED_HARD = range(5)
"""Classes of a cell; a mixed one is of a group of equal score that straddles a cut."""


@njit(nogil=True, cache=True)
def order_cells(
    cell_counts, most, n_ranks, gain, root_songs, root_lengths, scores, cells, sizes, spare, spare_cells, runs
):
    """Occupied cells best first, in `scores`, `cells` and `sizes`; clears `cell_counts`; returns how many.

    Scores fall with the length, so the cells of one number of matches are a run already: only runs are merged.
    """
    n = 0
    n_runs = 0
    for matches in range(1, most + 1):
        runs[n_runs] = n
        first = (matches - 1) * n_ranks
        for r in range(n_ranks):
            if cell_counts[first + r]:
                scores[n] = gain[matches] / (root_songs * root_lengths[r])
                cells[n] = first + r
                n += 1
        n_runs += runs[n_runs] < n
    runs[n_runs] = n
    while n_runs > 1:
        merged = 0
        for run in range(0, n_runs, 2):
            start, middle, stop = runs[run], runs[min(run + 1, n_runs)], runs[min(run + 2, n_runs)]
            i, j = start, middle
            for k in range(start, stop):
                if j >= stop or (i < middle and scores[i] >= scores[j]):
                    spare[k], spare_cells[k] = scores[i], cells[i]
                    i += 1
                else:
                    spare[k], spare_cells[k] = scores[j], cells[j]
                    j += 1
            runs[merged] = start
            merged += 1
        runs[merged] = n
        n_runs = merged
        scores[:n] = spare[:n]
        cells[:n] = spare_cells[:n]
    for i in range(n):
        sizes[i] = cell_counts[cells[i]]
        cell_counts[cells[i]] = 0
    return n


@njit(nogil=True, cache=True)
def classify(scores, cells, sizes, n_cells, n, liked, hard, cell_class, cell_group, group_start, statistics, row):
    """Gives every cell its class and group of equal score; fills the user's statistics.

    A group that straddles a cut is mixed; there are at most two. Returns (groups, start of the group that straddles
    the liked cut, start of the one that straddles only the hard cut).
    """
    n_groups = 0
    start = 0
    mixed_liked, mixed_hard = n, n
    low_median = 0.0
    first = 0
    while first < n_cells:
        score = scores[first]
        last = first
        size = 0
        while last < n_cells and scores[last] == score:
            size += sizes[last]
            last += 1
        stop = start + size
        if stop <= liked:
            which = LIKED_PAIR
        elif start < liked:
            which = MIXED_LIKED
            mixed_liked = start
        elif stop <= liked + hard:
            which = HARD_PAIR
        elif start < liked + hard:
            which = MIXED_HARD
            mixed_hard = start
        else:
            which = EASY_PAIR
        for i in range(first, last):
            cell_class[cells[i]] = which
            cell_group[cells[i]] = n_groups
        group_start[n_groups] = start
        if start < liked <= stop:
            statistics[0, row] = score
        if hard > 0 and start < liked + hard <= stop:
            statistics[1, row] = score
        if start <= (n - 1) // 2 < stop:
            low_median = score
        if start <= n // 2 < stop:
            statistics[3, row] = (low_median + score) / 2
        n_groups += 1
        first, start = last, stop
    group_start[n_groups] = n
    statistics[2, row] = scores[n_cells - 1]
    statistics[4, row] = scores[0]
    return n_groups, mixed_liked, mixed_hard


@njit(nogil=True, cache=True)
def cut_numbers(ordered, n_cells, cell_class, first_numbers):
    """Where pairs with one match stop being liked (or mixed at that cut), hard, and mixed at the hard cut, by number.

    At one match the score falls with the length, and numbers rise with it: the classes follow each other.
    """
    n_ranks = len(first_numbers) - 1
    last = np.zeros(3, np.int64)
    for i in range(n_cells):
        cell = ordered[i]
        if cell >= n_ranks:
            continue
        which = cell_class[cell]
        if which in (LIKED_PAIR, MIXED_LIKED):
            last[0] = cell + 1
        elif which == HARD_PAIR:
            last[1] = cell + 1
        elif which == MIXED_HARD:
            last[2] = cell + 1
    last[1] = max(last[0], last[1])
    last[2] = max(last[1], last[2])
    return first_numbers[last]
