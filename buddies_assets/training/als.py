"""Alternating least squares on train likes, alone or together with libraries: where BPR best begins.

With libraries, songs are further columns of the same matrix: what a user plays then helps to place the user, which is
worth more than any refinement of the likes alone. Song columns are dropped afterwards.

Implicit feedback as by Hu, Koren and Volinsky (2008): every cell counts 1 towards 0, a like counts 1 + alpha towards 1.
Each row is a small positive definite system, solved by a few steps of conjugate gradient from the last sweep's row, so
a like costs O(d) a step and no d x d matrix is made for a row. Rows are independent: the result does not depend on the
number of threads.
"""

import numpy as np
from numba import njit, prange

from buddies_assets.algorithms.libraries import Library
from buddies_assets.training.config import TrainingConfig
from buddies_assets.training.factors import Factors, aligned, aligned_copy, random_rows
from buddies_assets.training.group_rows import padded
from buddies_assets.training.threads import use_threads

_STEPS = 3
_GATHERED = 1_024
"""Members of a row that are copied to one place first (half a megabyte, as the second cache holds): each is then
fetched from memory once a sweep and not five times."""
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(fastmath=_FAST, nogil=True, cache=True)
def _times(gram, members, other, alpha, x, out):
    """out = (gram + alpha * sum of y y') x over the members' rows y."""
    dimension = len(x)
    for a in range(dimension):
        out[a] = np.float32(0.0)
    for a in range(dimension):
        xa = x[a]
        for b in range(dimension):
            out[b] += xa * gram[a, b]
    for m in members:
        row = other[m]
        dot = np.float32(0.0)
        for d in range(dimension):
            dot += row[d] * x[d]
        dot *= alpha
        for d in range(dimension):
            out[d] += dot * row[d]


@njit(parallel=True, fastmath=_FAST, nogil=True, cache=True)
def _solve(indptr, indices, rows, other, gram, alpha, steps):
    dimension = rows.shape[1]
    first_few = np.arange(_GATHERED)
    for r in prange(len(rows)):
        count = indptr[r + 1] - indptr[r]
        x = rows[r]
        if not count:
            x[:] = np.float32(0.0)
            continue
        members, table = indices[indptr[r] : indptr[r + 1]].astype(np.int64), other
        if count <= _GATHERED:
            table = np.empty((count, dimension), np.float32)
            for m in range(count):
                for d in range(dimension):
                    table[m, d] = other[members[m], d]
            members = first_few[:count]
        product = np.empty(dimension, np.float32)
        _times(gram, members, table, alpha, x, product)
        residual = -product
        for m in members:
            for d in range(dimension):
                residual[d] += (np.float32(1.0) + alpha) * table[m, d]
        direction = residual.copy()
        size = np.float32(0.0)
        for d in range(dimension):
            size += residual[d] * residual[d]
        for _ in range(steps):
            if size < np.float32(1e-12):
                break
            _times(gram, members, table, alpha, direction, product)
            curvature = np.float32(0.0)
            for d in range(dimension):
                curvature += direction[d] * product[d]
            step = size / curvature
            after = np.float32(0.0)
            for d in range(dimension):
                x[d] += step * direction[d]
                residual[d] -= step * product[d]
                after += residual[d] * residual[d]
            turn = after / size
            size = after
            for d in range(dimension):
                direction[d] = residual[d] + turn * direction[d]


def als_factors(likes: Library, config: TrainingConfig, *, user_songs: Library | None = None) -> Factors:
    """ALS factors of train likes, in as many columns as the model has beside its bias.

    Rows without likes are zero. Uses of the configuration: dimension, item_bias, als_*, threads, seed.

    Args:
        likes: users x playlists, train alone.
        user_songs: libraries to factorise together with the likes; those of users without likes are left out, so
            that users set aside stay unseen.
    """
    if user_songs is not None:
        joined = als_factors(_beside(likes, user_songs), config)
        return Factors(joined.users, aligned_copy(joined.playlists[: likes.n_columns]))
    from threadpoolctl import threadpool_limits

    dimension = config.dimension - config.item_bias
    width = padded(dimension)
    likers = likes.transpose()
    scale = float(1.0 / np.sqrt(dimension))
    users = _widened(random_rows(likes.n_rows, dimension, scale=scale, seed=config.seed, side=2), width)
    playlists = _widened(random_rows(likes.n_columns, dimension, scale=scale, seed=config.seed, side=3), width)
    use_threads(config.threads)
    alpha = np.float32(config.als_alpha)
    with threadpool_limits(1, user_api="blas"):
        for _ in range(config.als_iterations):
            for side, rows, other in ((likes, users, playlists), (likers, playlists, users)):
                gram = other.T @ other + np.eye(width, dtype=np.float32) * np.float32(config.als_l2)
                _solve(side.indptr, side.indices, rows, other, np.ascontiguousarray(gram), alpha, _STEPS)
    return Factors(aligned_copy(users[:, :dimension]), aligned_copy(playlists[:, :dimension]))


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
