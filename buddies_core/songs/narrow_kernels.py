"""Compiled pieces of `narrow`: the best songs of sparse scores, what factors say of some songs, and unions of lists.

Everywhere CSR arrays are (indptr, indices, values) or (indptr, indices); a list is filled up with -1.
"""

import numpy as np
from numba import njit

from buddies_core.kernels.greatest import greatest
from buddies_core.kernels.ordering import falling_order


@njit(nogil=True, cache=True)
def best_of_sparse(rows, known, away, n_songs, count):
    """Best songs of sparse scores, int32 [n, count], and mean and deviation over all that is not known, float64 [n].

    What is not stored scores 0 and is never among the best. Equal ones go to the lower song.
    """
    indptr, indices, values = rows
    n = len(indptr) - 1
    songs = np.full((n, count), -1, np.int32)
    means, deviations = np.zeros(n), np.zeros(n)
    mark = np.zeros(n_songs, np.uint8)
    for row in range(n):
        for at in range(away[0][row], away[0][row + 1]):
            mark[away[1][at]] = 1
        for at in range(known[0][row], known[0][row + 1]):
            mark[known[1][at]] = 2
        first, last = indptr[row], indptr[row + 1]
        total, squares, m = 0.0, 0.0, 0
        open_songs, open_values = np.empty(last - first, np.int32), np.empty(last - first, np.float32)
        for at in range(first, last):
            song, value = indices[at], values[at]
            if mark[song] != 2:
                total += value
                squares += np.float64(value) * value
            if mark[song] == 0 and value != 0.0:
                open_songs[m], open_values[m] = song, value
                m += 1
        left = max(n_songs - (known[0][row + 1] - known[0][row]), 1)
        means[row] = total / left
        deviations[row] = np.sqrt(max(squares / left - means[row] * means[row], 0.0))
        open_songs, open_values = open_songs[:m], open_values[:m]
        if m > count:
            least = _least_of_best(open_values, count)
            open_songs, open_values = open_songs[open_values >= least], open_values[open_values >= least]
        by_song = np.argsort(open_songs)
        open_songs, open_values = open_songs[by_song], open_values[by_song]
        order = np.empty(len(open_songs), np.int32)
        falling_order(open_values, order)
        for place in range(min(len(order), count)):
            songs[row, place] = open_songs[order[place]]
        for at in range(away[0][row], away[0][row + 1]):
            mark[away[1][at]] = 0
        for at in range(known[0][row], known[0][row + 1]):
            mark[known[1][at]] = 0
    return songs, means, deviations


@njit(nogil=True, cache=True)
def _least_of_best(values, count):
    """The count-th greatest of more than `count` values."""
    above = values[values > 0.0]
    if len(above) >= count:
        return greatest(above, count)
    return np.partition(values, len(values) - count)[len(values) - count]


@njit(nogil=True, cache=True)
def sparse_at(rows, n_songs, songs):
    """Sparse scores of some songs, float32 as `songs` [n, c]; -1 scores 0."""
    indptr, indices, values = rows
    found = np.zeros(songs.shape, np.float32)
    score = np.zeros(n_songs, np.float32)
    for row in range(len(songs)):
        for at in range(indptr[row], indptr[row + 1]):
            score[indices[at]] = values[at]
        for place in range(songs.shape[1]):
            if songs[row, place] >= 0:
                found[row, place] = score[songs[row, place]]
        for at in range(indptr[row], indptr[row + 1]):
            score[indices[at]] = 0.0
    return found


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def factors_at(left, right, songs):
    """Products of factors for some songs, float32 as `songs` [n, c]; -1 scores 0."""
    found = np.zeros(songs.shape, np.float32)
    for row in range(len(songs)):
        for place in range(songs.shape[1]):
            song = songs[row, place]
            if song >= 0:
                total = np.float32(0.0)
                for factor in range(left.shape[1]):
                    total += left[row, factor] * right[song, factor]
                found[row, place] = total
    return found


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def sums_of_known(left, right, known):
    """Sum and sum of squares of the products of factors over the songs known, float64 [n, 2]."""
    found = np.zeros((len(left), 2))
    for row in range(len(left)):
        for at in range(known[0][row], known[0][row + 1]):
            total = 0.0
            for factor in range(left.shape[1]):
                total += np.float64(left[row, factor]) * right[known[1][at], factor]
            found[row, 0] += total
            found[row, 1] += total * total
    return found


@njit(nogil=True, cache=True)
def first_open(order, away, n_songs, count):
    """The first songs of one order that are not away, int32 [n, count]."""
    n = len(away[0]) - 1
    songs = np.full((n, count), -1, np.int32)
    mark = np.zeros(n_songs, np.uint8)
    for row in range(n):
        for at in range(away[0][row], away[0][row + 1]):
            mark[away[1][at]] = 1
        place = 0
        for song in order:
            if place == count:
                break
            if mark[song] == 0:
                songs[row, place] = song
                place += 1
        for at in range(away[0][row], away[0][row + 1]):
            mark[away[1][at]] = 0
    return songs


@njit(nogil=True, cache=True)
def united(lists, n_songs):
    """Songs of several lists of each listener, each once, and its best place: int32 and float32 [n, lists x count].

    Args:
        lists: int32 [n, s, count], songs best first.
    """
    n, s, count = lists.shape
    songs = np.full((n, s * count), -1, np.int32)
    places = np.full((n, s * count), np.inf, np.float32)
    seen = np.zeros(n_songs, np.uint8)
    for row in range(n):
        m = 0
        for place in range(count):
            for one in range(s):
                song = lists[row, one, place]
                if song >= 0 and seen[song] == 0:
                    seen[song] = 1
                    songs[row, m], places[row, m] = song, place
                    m += 1
        for at in range(m):
            seen[songs[row, at]] = 0
    return songs, places


@njit(nogil=True, cache=True)
def entered(places, blend, most, ahead):
    """Columns of the songs that enter, int64 [n, at most `most`]: by their best place in a list, then by the blend.

    The blend's own list is followed `ahead` times as far. They are returned by falling blend, equal ones in order.

    Args:
        places: float32 [n, width], whole numbers, or infinity where there is no song.
        blend: float32 [n, width], minus infinity there.
    """
    n, width = blend.shape
    count = min(width, most)
    found = np.empty((n, count), np.int64)
    order, keys = np.empty(width, np.int32), np.empty(width, np.int64)
    for row in range(n):
        falling_order(blend[row], order)
        sizes = np.zeros(width + 1, np.int64)
        for rank in range(width):
            place = places[row, order[rank]] * ahead
            key = np.int64(min(place, np.float32(rank))) if np.isfinite(place) else width
            keys[rank] = key
            sizes[key] += 1
        last, before = 0, 0
        while before + sizes[last] < count:
            before += sizes[last]
            last += 1
        of_last, filled = count - before, 0
        for rank in range(width):
            if keys[rank] < last or (keys[rank] == last and of_last > 0):
                of_last -= keys[rank] == last
                found[row, filled] = order[rank]
                filled += 1
    return found
