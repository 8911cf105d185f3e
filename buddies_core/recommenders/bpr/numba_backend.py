"""BPR on the CPU: the grouped kernel's tables, and the order in which it takes the users."""

import numpy as np

from buddies_core.kernels.randomness import TRAINING, hash_pairs
from buddies_core.kernels.simd_rows import WIDTH, padded
from buddies_core.kernels.threads import use_threads
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.data import Blocks
from buddies_core.recommenders.bpr.grouped_kernel import Model, Order, StepRule, one_epoch
from buddies_core.recommenders.factors import Factors, RowKeys, aligned

_ORDER = TRAINING << 8 | 6
_HOT_ROWS = 64


class NumbaBackend:
    """Factors, and with Adagrad one sum of squares a row, trained by the grouped kernel.

    Rows are as long as whole vectors, with zeros at the end, which stay zeros; so does the row after the last
    playlist, which stands for a missing negative.
    """

    def __init__(
        self,
        config: TrainingConfig,
        factors: Factors,
        *,
        popularity: np.ndarray,
        state: dict[str, np.ndarray],
        keys: RowKeys | None = None,
    ):
        self.config = config
        self._keys = keys or RowKeys.of_rows(len(factors.users), len(factors.playlists))
        self._dimension = factors.dimension
        self._by_popularity = np.argsort(-popularity, kind="stable")
        self._number = np.empty(len(popularity) + 1, np.uint32)
        self._number[self._by_popularity] = np.arange(len(popularity), dtype=np.uint32)
        self._number[-1] = len(popularity)
        self._users = _zeros(len(factors.users), self._dimension)
        self._users[:, : self._dimension] = factors.users
        self._playlists = _zeros(len(factors.playlists) + 1, self._dimension)
        self._playlists[:-1, : self._dimension] = factors.playlists[self._by_popularity]
        adaptive = config.optimiser == "adagrad"
        self._user_square = np.zeros(len(self._users) * adaptive, np.float32)
        self._square = np.zeros(len(self._playlists) * adaptive, np.float32)
        if state:
            self._user_square[:], self._square[:-1] = state["square_users"], state["square_playlists"]

    def epoch(self, blocks: Blocks, *, rate: float, seed: int) -> tuple[float, int]:
        """One pass over a shard, users in the order of a hash of `seed` and their key."""
        blocks = _by_user(blocks)
        starts = np.flatnonzero(np.diff(blocks.users, prepend=~blocks.users[:1]))
        ids = blocks.users[starts]
        first = np.append(starts, len(blocks)).astype(np.int64)
        order = np.argsort(hash_pairs(seed, _ORDER, self._keys.users[ids]))
        threads = self.config.threads
        use_threads(threads)
        done = np.concatenate([[0], np.cumsum(np.diff(first)[order])])
        bounds = np.searchsorted(done, np.linspace(0, done[-1], threads + 1))
        hot_rows = 0 if threads == 1 else min(_HOT_ROWS, len(self._number) - 1)
        free = self._dimension - self.config.item_bias
        loss, samples = one_epoch(
            Order(order, bounds, ids, first),
            blocks.positives,
            blocks.negatives,
            Model(self._users, self._playlists, self._user_square, self._square, self._number),
            StepRule(np.float32(rate), np.float32(self.config.l2), self._dimension, free, hot_rows),
            (0,) * (blocks.negatives.shape[1] + 1),
            (0,) * (self._users.shape[1] // WIDTH),
        )
        return float(loss), int(samples)

    def factors(self) -> Factors:
        """Copy of the factors, playlists in the caller's numbering."""
        users = aligned((len(self._users), self._dimension))
        users[...] = self._users[:, : self._dimension]
        playlists = aligned((len(self._playlists) - 1, self._dimension))
        playlists[self._by_popularity] = self._playlists[:-1, : self._dimension]
        return Factors(users, playlists)

    def saved_state(self) -> dict[str, np.ndarray]:
        """Adagrad's sums of squares, if any."""
        if self.config.optimiser != "adagrad":
            return {}
        return {"square_users": self._user_square, "square_playlists": self._square[:-1]}


def _zeros(rows: int, dimension: int) -> np.ndarray:
    table = aligned((rows, padded(dimension)))
    table[:, dimension:] = 0.0
    table[-1:] = 0.0
    return table


def _by_user(blocks: Blocks) -> Blocks:
    if np.all(blocks.users[1:] >= blocks.users[:-1]):
        return blocks
    order = np.argsort(blocks.users, kind="stable")
    return Blocks(blocks.users[order], blocks.positives[order], blocks.negatives[order])
