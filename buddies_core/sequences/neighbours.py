"""Which songs (or artists) stand near one another in playlists, and how often: counted over a window, the most kept.

`weight(x, y)` sums, over every place where y stands `g` <= window steps after x, decay^(g - 1), and over places before
it `backward` times that; it is divided by (n_x n_y)^norm, n being the rows of each, so that what is common everywhere
is not everybody's neighbour. Rows are counted one x at a time: memory holds one row and the result, never a matrix.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Neighbours:
    """A sparse square matrix, the greatest weights of each row.

    Attributes:
        indptr: int64 [n + 1].
        items: int32, by weight within a row, greatest first.
        weights: float32 of the same length, above 0.
        counts: int32, how many playlists show the pair.
    """

    indptr: np.ndarray
    items: np.ndarray
    weights: np.ndarray
    counts: np.ndarray

    def row(self, x: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Items, weights and counts of one row."""
        part = slice(self.indptr[x], self.indptr[x + 1])
        return self.items[part], self.weights[part], self.counts[part]


@dataclass(frozen=True)
class Postings:
    """Where each item stands: playlist and place of its rows.

    Attributes:
        indptr: int64 [n_items + 1].
        playlists, places: int32; those of one item ascend by playlist and place.
    """

    indptr: np.ndarray
    playlists: np.ndarray
    places: np.ndarray


def postings(indptr: np.ndarray, items: np.ndarray, n_items: int) -> Postings:
    """Postings of sequences; ids from `n_items` on are left out."""
    playlists = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
    places = (np.arange(len(items)) - np.repeat(indptr[:-1], np.diff(indptr))).astype(np.int32)
    known = items < n_items
    order = np.flatnonzero(known)[np.argsort(items[known], kind="stable")]
    starts = np.zeros(n_items + 1, np.int64)
    np.cumsum(np.bincount(items[known], minlength=n_items), out=starts[1:])
    return Postings(starts, playlists[order], places[order])


def near(
    indptr: np.ndarray,
    items: np.ndarray,
    n_items: int,
    *,
    window: int,
    decay: float,
    backward: float,
    norm: float,
    most: int,
) -> Neighbours:
    """Items within a window of each item, the `most` of greatest weight, an item never its own neighbour.

    Args:
        indptr, items: sequences; ids from `n_items` on stand for nothing but take a place.
        window: steps looked at either side; `decay` is the factor a step, `backward` that of what stands before.
        norm: exponent of popularity.
        most: kept of a row.
    """
    where = postings(indptr, items, n_items)
    popularity = np.maximum(np.diff(where.indptr), 1).astype(np.float64) ** -norm
    room = np.minimum(np.diff(where.indptr) * 2 * window, most)
    starts = np.zeros(n_items + 1, np.int64)
    np.cumsum(room, out=starts[1:])
    found, weights = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    counts, used = np.empty(starts[-1], np.int32), np.zeros(n_items, np.int64)
    _count(
        indptr, items.astype(np.int32), where.indptr, where.playlists, where.places, popularity, window, decay,
        backward, starts, found, weights, counts, used,
    )  # fmt: skip
    return _packed(starts, found, weights, counts, used)


def _packed(
    starts: np.ndarray, found: np.ndarray, weights: np.ndarray, counts: np.ndarray, used: np.ndarray
) -> Neighbours:
    """The rows without the room that they did not need."""
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(used)])
    rows = np.repeat(starts[:-1] - indptr[:-1], used) + np.arange(indptr[-1])
    return Neighbours(indptr, found[rows], weights[rows], counts[rows])


@njit(nogil=True, cache=True)
def _count(
    indptr, items, where, playlists, places, popularity, window, decay, backward, starts, found, weights, counts, used
):
    n = len(where) - 1
    total, shows = np.zeros(n, np.float64), np.zeros(n, np.int32)
    touched = np.empty(n, np.int32)
    for x in range(n):
        filled = 0
        for i in range(where[x], where[x + 1]):
            first, last = indptr[playlists[i]], indptr[playlists[i] + 1]
            place = first + places[i]
            for other in range(max(first, place - window), min(last, place + window + 1)):
                y = items[other]
                if y == x or y >= n:
                    continue
                gap = other - place
                weight = decay ** (gap - 1) if gap > 0 else backward * decay ** (-gap - 1)
                if weight == 0.0:
                    continue
                if shows[y] == 0:
                    touched[filled] = y
                    filled += 1
                total[y] += weight
                shows[y] += 1
        mine = touched[:filled]
        scores = np.empty(filled, np.float64)
        for k in range(filled):
            scores[k] = -total[mine[k]] * popularity[mine[k]] * popularity[x]
        order = np.argsort(scores, kind="mergesort")
        kept = min(filled, starts[x + 1] - starts[x])
        for k in range(kept):
            y = mine[order[k]]
            found[starts[x] + k], weights[starts[x] + k], counts[starts[x] + k] = y, -scores[order[k]], shows[y]
        used[x] = kept
        for k in range(filled):
            total[mine[k]] = 0.0
            shows[mine[k]] = 0
