"""A softmax over one target and many shared negatives, with its gradients, in one pass over each row of products.

Row by row what is read stays in the processor's cache; as operations on whole arrays each of a dozen steps would read
and write all of [targets, negatives] anew. One thread; it lets others run.
"""

import numpy as np
from numba import njit

_FAST = {"reassoc", "contract", "nsz", "arcp", "nnan"}
_LOG2E = np.float32(1.4426950408889634)
_LEAST = np.float32(-90.0)
"""Exponent of 2 below which a share is 0; smaller ones would be subnormal, at which products are slow."""
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = (
    np.float32(c)
    for c in (1.0, 6.93147045e-1, 2.40224331e-1, 5.54909321e-2, 9.57985997e-3, 1.27554014e-3, 1.09328924e-4)
)  # fmt: skip
"""Of 2**f for f in [-1, 0], from its interpolation at Chebyshev's points."""


@njit(fastmath=_FAST, nogil=True, cache=True)
def shared_softmax(products, starts, beside, asked, scale, losses, rest, sums):
    """Softmax of each target's score among its own and those of the negatives.

    Args:
        products: float32 [targets, n], of targets and negatives; overwritten by each negative's share x scale.
        starts: int64 [playlists + 1], cuts the targets into playlists.
        beside: float32 [playlists, n], what is added to the products; -1e9 leaves a negative out.
        asked: float32 [targets], the targets' own scores.
        scale: factor on all shares.
        losses: float32 [targets], out: -log of the target's share.
        rest: float32 [targets], out: the shares of all negatives together.
        sums: float32 [playlists, n], out: shares x scale, summed over the targets of a playlist.
    """
    n = products.shape[1]
    powers, parts = np.empty(n, np.int32), np.empty(n, np.float32)
    floats = powers.view(np.float32)
    for b in range(len(starts) - 1):
        total_of = sums[b]
        total_of[:] = np.float32(0.0)
        for t in range(starts[b], starts[b + 1]):
            row, more = products[t], beside[b]
            most = asked[t]
            for j in range(n):
                row[j] += more[j]
                most = max(most, row[j])
            for j in range(n):
                x = (row[j] - most) * _LOG2E
                x = x if x > _LEAST else _LEAST
                whole = np.int32(x)
                f = x - np.float32(whole)
                powers[j] = (whole + np.int32(127)) << np.int32(23)
                parts[j] = _C0 + f * (_C1 + f * (_C2 + f * (_C3 + f * (_C4 + f * (_C5 + f * _C6)))))
            total = np.float32(0.0)
            for j in range(n):
                x = (row[j] - most) * _LOG2E
                share = floats[j] * parts[j] if x > _LEAST else np.float32(0.0)
                row[j] = share
                total += share
            own = np.exp(asked[t] - most)
            losses[t] = most + np.log(own + total) - asked[t]
            rest[t] = total / (own + total)
            factor = scale / (own + total)
            for j in range(n):
                row[j] *= factor
                total_of[j] += row[j]
