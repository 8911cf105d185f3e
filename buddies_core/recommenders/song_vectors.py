"""Vectors of songs by who holds them: a truncated SVD of users' and playlists' libraries together."""

import numpy as np

from buddies_core.interactions.csr import Library
from buddies_core.interactions.row_sums import row_sums
from buddies_core.recommenders.factors import random_rows

_SIDE = 10
"""Tells the draws of the start from those of a model's rows."""
_OVERSAMPLED, _POWER_ITERATIONS = 16, 4
_ROWS = 1 << 17


def song_vectors(
    user_songs: Library, playlist_songs: Library, *, rank: int, seed: int, keys: np.ndarray | None = None
) -> np.ndarray:
    """Right singular vectors of both libraries' rows (each of length one), scaled, float32 [n_songs, rank].

    Randomised subspace iteration (Halko, Martinsson, Tropp 2011). Songs are weighted by 1/root of how often they
    occur, so that the vectors do not spend themselves on what everybody plays.

    Args:
        keys: what the draws of the start know the songs by, uint64 [n_songs]; their numbers without.
    """
    libraries = _stacked(user_songs, playlist_songs)
    holders = libraries.transpose()
    by_row = (1.0 / np.sqrt(np.maximum(libraries.lengths, 1))).astype(np.float32)[:, None]
    by_song = (1.0 / np.sqrt(np.maximum(holders.lengths, 1))).astype(np.float32)[:, None]
    n_songs = libraries.n_columns
    rank = min(rank, n_songs, libraries.n_rows)
    known_by = np.arange(n_songs) if keys is None else keys
    basis = random_rows(known_by, min(rank + _OVERSAMPLED, n_songs), scale=1.0, seed=seed, side=_SIDE)
    for _ in range(_POWER_ITERATIONS):
        seen = by_row * row_sums(libraries, by_song * basis)
        drawn = by_song * row_sums(holders, by_row * seen)
        basis = drawn @ _principal(drawn)
    seen = by_row * row_sums(libraries, by_song * basis)
    directions = _principal(seen)
    vectors = (basis @ (directions / np.linalg.norm(directions, axis=0)))[:, :rank] * by_song
    return np.ascontiguousarray(vectors / max(float(np.abs(vectors).mean()), 1e-12), np.float32)


def _principal(values: np.ndarray) -> np.ndarray:
    """Turn and scale that make a tall matrix orthonormal, its largest direction first, float32 [d, d].

    By the eigenvectors of its Gram matrix: a tenth of a QR decomposition's time, and as good for directions that are
    not ten thousand times smaller than the largest.
    """
    sizes, directions = np.linalg.eigh(tall_product(values, values))
    sizes, directions = sizes[::-1], directions[:, ::-1]
    return (directions / np.sqrt(np.maximum(sizes, 1e-8 * max(sizes[0], 1e-300)))).astype(np.float32)


def tall_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Left transposed times right, both tall: summed in float64, a piece of the rows at a time."""
    total = np.zeros((left.shape[1], right.shape[1]))
    for first in range(0, len(left), _ROWS):
        rows = slice(first, first + _ROWS)
        total += left[rows].astype(np.float64).T @ right[rows].astype(np.float64)
    return total


def _stacked(above: Library, below: Library) -> Library:
    indptr = np.concatenate([above.indptr, above.indptr[-1] + below.indptr[1:]])
    return Library(indptr, np.concatenate([above.indices, below.indices]), above.n_columns)
