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

from buddies_core.interactions.csr import Library
from buddies_core.kernels.prefetch import row_to_read
from buddies_core.kernels.simd_rows import WIDTH, add_rows, dot_products, padded
from buddies_core.kernels.threads import use_threads
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.factors import Factors, aligned, aligned_copy, random_rows

_STEPS = 3
_TILE = 4
"""Members of a row that are multiplied together: what each reads of the row itself is read once for all."""
_AHEAD = 3
_ROW_WORK = 24
"""What a row costs beside its members, its products with the Gram matrix, in members."""
_PARTS = 64
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(fastmath=_FAST, nogil=True, cache=True)
def _places(members, base, line, none, places):
    """Addresses of the members' rows, and of the row of zeros up to a whole tile; returns how many there are."""
    for m in range(len(members)):
        places[m] = base + np.int64(members[m]) * line
    count = len(members)
    while count % _TILE:
        places[count] = none
        count += 1
    return count


@njit(fastmath=_FAST, nogil=True, cache=True)
def _add_members(places, count, x, out, gain, bonus, alpha, amounts, tile, vectors):
    """out += the sum of (gain + bonus * w + alpha * w * y'x) y over the members' rows y; w is 1 without amounts."""
    weights = np.empty(_TILE, np.float32)
    line = len(x) * 4
    for m in range(0, count, _TILE):
        for k in range(m + _AHEAD * _TILE, min(m + (_AHEAD + 1) * _TILE, count)):
            row_to_read(places[k], line)
        dot_products(x.ctypes.data, places[m:].ctypes.data, weights.ctypes.data, tile, vectors)  # type: ignore[call-arg]
        for k in range(_TILE):
            if amounts is None:
                weights[k] = gain + bonus + alpha * weights[k]
            else:
                # Rows of zeros fill the last tile; the weight they are given changes nothing.
                amount = amounts[min(m + k, len(amounts) - 1)]
                weights[k] = gain + amount * (bonus + alpha * weights[k])
        add_rows(out.ctypes.data, places[m:].ctypes.data, weights.ctypes.data, tile, vectors)


@njit(fastmath=_FAST, nogil=True, cache=True)
def _add_gram(gram_places, x, out, tile, vectors):
    """out += gram x, a symmetric matrix whose rows lie at the places."""
    for a in range(0, len(x), _TILE):
        add_rows(out.ctypes.data, gram_places[a:].ctypes.data, x[a:].ctypes.data, tile, vectors)  # type: ignore[call-arg]


@njit(fastmath=_FAST, nogil=True, cache=True)
def _dot(a, b):
    total = np.float32(0.0)
    for d in range(len(a)):
        total += a[d] * b[d]
    return total


@njit(fastmath=_FAST, nogil=True, cache=True)
def _solve_row(places, count, x, gram_places, alpha, amounts, steps, product, residual, direction, tile, vectors):
    """Conjugate gradient on (gram + alpha * sum of w y y') x = sum of (1 + alpha * w) y, from x on."""
    none, one = np.float32(0.0), np.float32(1.0)
    product[:] = np.float32(0.0)
    residual[:] = np.float32(0.0)
    _add_gram(gram_places, x, product, tile, vectors)
    _add_members(places, count, x, residual, one, alpha, -alpha, amounts, tile, vectors)
    for d in range(len(x)):
        residual[d] -= product[d]
        direction[d] = residual[d]
    size = _dot(residual, residual)
    for _ in range(steps):
        if size < np.float32(1e-12):
            break
        product[:] = np.float32(0.0)
        _add_gram(gram_places, direction, product, tile, vectors)
        _add_members(places, count, direction, product, none, none, alpha, amounts, tile, vectors)
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
def _solve(bounds, indptr, indices, weights, rows, other, gram, alpha, steps, tile, vectors):
    """Solve every row, those of a part by one thread; bounds are the parts', weights None where all are 1."""
    width, most = rows.shape[1], 0
    for r in range(len(rows)):
        most = max(most, indptr[r + 1] - indptr[r])
    for part in prange(len(bounds) - 1):
        gram_places = np.empty(width, np.int64)
        for a in range(width):
            gram_places[a] = gram.ctypes.data + a * width * 4
        zeros, product = np.zeros(width, np.float32), np.empty(width, np.float32)
        residual, direction = np.empty(width, np.float32), np.empty(width, np.float32)
        places = np.empty(most + _TILE, np.int64)
        for r in range(bounds[part], bounds[part + 1]):
            members = indices[indptr[r] : indptr[r + 1]]
            if not len(members):
                rows[r] = np.float32(0.0)
                continue
            count = _places(members, other.ctypes.data, width * 4, zeros.ctypes.data, places)
            _solve_row(
                places,
                count,
                rows[r],
                gram_places,
                alpha,
                _part(weights, indptr[r], indptr[r + 1]),
                steps,
                product,
                residual,
                direction,
                tile,
                vectors,
            )


def _even_parts(indptr: np.ndarray) -> np.ndarray:
    """Bounds of `_PARTS` ranges of rows that cost alike, int64 [_PARTS + 1]."""
    lengths = np.diff(indptr)
    done = np.concatenate([[0], np.cumsum(lengths + _ROW_WORK * (lengths > 0))])
    bounds = np.searchsorted(done, np.linspace(0, done[-1], _PARTS + 1))
    bounds[-1] = len(lengths)
    return bounds


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
    likers = likes.transpose()
    users, playlists = starting_rows(likes.n_rows, likes.n_columns, dimension, seed=config.seed)
    use_threads(config.threads)
    with threadpool_limits(1, user_api="blas"):
        for _ in range(config.als_iterations):
            for side, rows, other in ((likes, users, playlists), (likers, playlists, users)):
                solve_rows(side.indptr, side.indices, None, rows, other, alpha=config.als_alpha, l2=config.als_l2)
    return Factors(aligned_copy(users[:, :dimension]), aligned_copy(playlists[:, :dimension]))


def starting_rows(n_users: int, n_items: int, dimension: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random rows of both sides, as wide as the kernel wants them: columns beyond `dimension` are and stay zero."""
    width, scale = padded(dimension), float(1.0 / np.sqrt(dimension))
    users = _widened(random_rows(n_users, dimension, scale=scale, seed=seed, side=2), width)
    return users, _widened(random_rows(n_items, dimension, scale=scale, seed=seed, side=3), width)


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
    _solve(
        _even_parts(indptr), indptr, indices, weights, rows, other, gram, np.float32(alpha), steps,
        (0,) * _TILE, (0,) * (width // WIDTH),
    )  # fmt: skip


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
