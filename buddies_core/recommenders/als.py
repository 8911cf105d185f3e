"""Alternating least squares on train likes, alone or together with libraries: where BPR best begins.

With libraries, songs are further columns of the same matrix: what a user plays then helps to place the user, which is
worth more than any refinement of the likes alone. Song columns are dropped afterwards.

Implicit feedback as by Hu, Koren and Volinsky (2008): every cell counts 1 towards 0, a like counts 1 + alpha towards 1.
Each row is a small positive definite system, solved by a few steps of conjugate gradient from the last sweep's row, so
a like costs O(d) a step and no d x d matrix is made for a row. Rows are independent: the result does not depend on the
number of threads.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from buddies_core.interactions.csr import Library
from buddies_core.kernels.buffers import read_only
from buddies_core.kernels.randomness import TRAINING, hash_pairs
from buddies_core.kernels.simd_rows import padded
from buddies_core.kernels.threads import use_threads
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.factors import Factors, RowKeys, aligned, aligned_copy, random_rows

_STEPS = 3
"""Of conjugate gradient a sweep."""
_ROW_WORK = 24
"""What a row costs beside its members, its products with the Gram matrix, in members."""
_PARTS = 64
_FAST = {"reassoc", "contract", "nsz", "arcp"}


class _Workspace(NamedTuple):
    """What conjugate gradient needs beside a row x, each float32 [width], overwritten."""

    product: np.ndarray
    residual: np.ndarray
    direction: np.ndarray


@njit(fastmath=_FAST, nogil=True, cache=True, forceinline=True)
def _add_members(other, members, amounts, x, out, gain, bonus, alpha):
    """out += the sum of (gain + bonus * w + alpha * w * y'x) y over the members' rows y; w is 1 without amounts.

    Args:
        other: float32 [n, width]; `members` uint32 are rows of it, `amounts` their weights float32, or None.
        x, out: float32 [width].
    """
    for m in range(len(members)):
        row = other[members[m]]
        weight = np.float32(0.0)
        for d in range(len(x)):
            weight += x[d] * row[d]
        amount = np.float32(1.0) if amounts is None else amounts[m]
        weight = gain + amount * (bonus + alpha * weight)
        for d in range(len(x)):
            out[d] += weight * row[d]


@njit(fastmath=_FAST, nogil=True, cache=True, forceinline=True)
def _add_gram(gram, x, out):
    """out += gram x; gram is float32 [width, width] and symmetric."""
    for a in range(len(x)):
        row, by = gram[a], x[a]
        for d in range(len(x)):
            out[d] += by * row[d]


@njit(fastmath=_FAST, nogil=True, cache=True, forceinline=True)
def _dot(a, b):
    total = np.float32(0.0)
    for d in range(len(a)):
        total += a[d] * b[d]
    return total


@njit(fastmath=_FAST, nogil=True, cache=True, forceinline=True)
def _solve_row(other, members, amounts, gram, alpha, steps, x, workspace):
    """Conjugate gradient on (gram + alpha * sum of w y y') x = sum of (1 + alpha * w) y, from x on, float32 [width]."""
    product, residual, direction = workspace
    none, one = np.float32(0.0), np.float32(1.0)
    product[:] = none
    residual[:] = none
    _add_gram(gram, x, product)
    _add_members(other, members, amounts, x, residual, one, alpha, -alpha)
    for d in range(len(x)):
        residual[d] -= product[d]
        direction[d] = residual[d]
    size = _dot(residual, residual)
    for _ in range(steps):
        if size < np.float32(1e-12):
            break
        product[:] = none
        _add_gram(gram, direction, product)
        _add_members(other, members, amounts, direction, product, none, none, alpha)
        step = size / _dot(direction, product)
        for d in range(len(x)):
            x[d] += step * direction[d]
            residual[d] -= step * product[d]
        after = _dot(residual, residual)
        turn = after / size
        size = after
        for d in range(len(x)):
            direction[d] = residual[d] + turn * direction[d]


@njit(nogil=True, cache=True, inline="always")
def _part(weights, first, last):
    return None if weights is None else weights[first:last]


@njit(parallel=True, fastmath=_FAST, nogil=True, cache=True)
def _solve(bounds, indptr, indices, weights, rows, other, gram, alpha, steps):
    """Solve every row, those of a part by one thread; bounds are the parts', weights None where all are 1."""
    width = rows.shape[1]
    for part in prange(len(bounds) - 1):
        workspace = _Workspace(np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32))
        for r in range(bounds[part], bounds[part + 1]):
            first, last = indptr[r], indptr[r + 1]
            if first == last:
                rows[r] = np.float32(0.0)
                continue
            amounts = _part(weights, first, last)
            _solve_row(other, indices[first:last], amounts, gram, alpha, steps, rows[r], workspace)


def _even_parts(indptr: np.ndarray) -> np.ndarray:
    """Bounds of `_PARTS` ranges of rows that cost alike, int64 [_PARTS + 1]."""
    lengths = np.diff(indptr)
    done = np.concatenate([[0], np.cumsum(lengths + _ROW_WORK * (lengths > 0))])
    bounds = np.searchsorted(done, np.linspace(0, done[-1], _PARTS + 1))
    bounds[-1] = len(lengths)
    return bounds


def als_factors(
    likes: Library, config: TrainingConfig, *, user_songs: Library | None = None, keys: RowKeys | None = None
) -> Factors:
    """ALS factors of train likes, in as many columns as the model has beside its bias.

    Rows without likes are zero. Uses of the configuration: dimension, item_bias, als_*, threads, seed.

    Args:
        likes: users x playlists, train alone.
        user_songs: libraries to factorise together with the likes; those of users without likes are left out, so
            that users set aside stay unseen.
        keys: what the starting rows are drawn by; the rows' numbers without.
    """
    keys = keys or RowKeys.of_rows(likes.n_rows, likes.n_columns, user_songs.n_columns if user_songs else 0)
    if user_songs is not None:
        columns = RowKeys(keys.users, np.concatenate([keys.playlists, _apart(keys.songs)]), keys.songs[:0])
        joined = als_factors(_beside(likes, user_songs), config, keys=columns)
        return Factors(joined.users, aligned_copy(joined.playlists[: likes.n_columns]))
    from threadpoolctl import threadpool_limits

    dimension = config.dimension - config.item_bias
    likers = likes.transpose()
    users, playlists = starting_rows(keys, dimension, seed=config.seed)
    use_threads(config.threads)
    with threadpool_limits(1, user_api="blas"):
        for _ in range(config.als_iterations):
            for side, rows, other in ((likes, users, playlists), (likers, playlists, users)):
                solve_rows(side.indptr, side.indices, None, rows, other, alpha=config.als_alpha, l2=config.als_l2)
    return Factors(aligned_copy(users[:, :dimension]), aligned_copy(playlists[:, :dimension]))


def _apart(song_keys: np.ndarray) -> np.ndarray:
    """Keys of songs that no pid is: the pids are small numbers, and so may the songs' be."""
    return hash_pairs(0, TRAINING << 8 | 4, song_keys)


def starting_rows(keys: RowKeys, dimension: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random rows of both sides, as wide as the kernel wants them: columns beyond `dimension` are and stay zero."""
    width, scale = padded(dimension), float(1.0 / np.sqrt(dimension))
    users = _widened(random_rows(keys.users, dimension, scale=scale, seed=seed, side=2), width)
    return users, _widened(random_rows(keys.playlists, dimension, scale=scale, seed=seed, side=3), width)


def solve_rows(
    indptr: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray | None,
    rows: np.ndarray,
    other: np.ndarray,
    *,
    alpha: float,
    l2: float,
    steps: int = _STEPS,
) -> None:
    """Half a sweep: every row is moved, in place, towards its weighted ridge regression on the other side's rows.

    Args:
        indptr, indices, weights: members of each row, and float32 weights of them; None: all are 1.
        rows, other: of `starting_rows`; `rows` holds where conjugate gradient begins.
        alpha: a member counts 1 + alpha times its weight.
        steps: of conjugate gradient.
    """
    width = rows.shape[1]
    gram = aligned_copy(other.T @ other + np.eye(width, dtype=np.float32) * np.float32(l2))
    _solve(_even_parts(indptr), indptr, indices, weights, rows, read_only(other), gram, np.float32(alpha), steps)


def _widened(rows: np.ndarray, width: int) -> np.ndarray:
    """Rows with columns of zeros, which ALS leaves zero: loops over whole vectors have no rest."""
    wide = aligned((len(rows), width))
    wide[:, : rows.shape[1]] = rows
    wide[:, rows.shape[1] :] = 0.0
    return wide


def _beside(likes: Library, user_songs: Library) -> Library:
    """One matrix of playlists and songs, for the users with likes; beside it nothing of its size is made."""
    lengths = likes.lengths
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.where(lengths > 0, lengths + user_songs.lengths, 0))])
    indices = np.empty(indptr[-1], np.uint32)
    _join(indptr, indices, likes.indptr, likes.indices, user_songs.indptr, user_songs.indices, likes.n_columns)
    return Library(indptr, indices, likes.n_columns + user_songs.n_columns)


@njit(nogil=True, cache=True)
def _join(indptr, indices, like_ptr, likes, song_ptr, songs, n_playlists):
    for row in range(len(indptr) - 1):
        place = indptr[row]
        if indptr[row + 1] == place:
            continue
        for i in range(like_ptr[row], like_ptr[row + 1]):
            indices[place] = likes[i]
            place += 1
        for i in range(song_ptr[row], song_ptr[row + 1]):
            indices[place] = songs[i] + n_playlists
            place += 1


def warm_start(als: Factors, config: TrainingConfig) -> Factors:
    """ALS factors made fit for SGD: sides of equal size, scores scaled, and the bias columns added.

    ALS leaves one side several times larger than the other. A step on the small side is then multiplied by the large
    one and SGD diverges; equalising the root mean square lengths changes no score.
    """
    sizes = [
        max(float(np.sqrt(np.square(side, dtype=np.float64).mean())), 1e-12) for side in (als.users, als.playlists)
    ]
    balance = (sizes[1] / sizes[0]) ** 0.5
    root = config.als_scale**0.5
    users, playlists = als.users * np.float32(balance * root), als.playlists * np.float32(root / balance)
    if not config.item_bias:
        return Factors(aligned_copy(users), aligned_copy(playlists))
    wide = Factors(aligned((len(users), config.dimension)), aligned((len(playlists), config.dimension)))
    wide.users[:, :-1], wide.users[:, -1] = users, 1.0
    wide.playlists[:, :-1], wide.playlists[:, -1] = playlists, 0.0
    return wide
