"""What a training reads: shards of user-blocks, the users' negative pools and the validation cases."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from buddies_core.interactions.csr import Library
from buddies_core.kernels.drawing import MISSING
from buddies_core.recommenders.bpr.errors import BlocksError
from buddies_core.recommenders.factors import RowKeys

NO_PLAYLIST = MISSING
"""Fills the place of a negative that a block lacks (a listener was shown fewer than five); such a sample is skipped."""

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Blocks:
    """User-blocks: `users` uint32 [n], `positives` uint32 [n], `negatives` uint32 [n, k] (may hold NO_PLAYLIST).

    `explicit` negatives were shown to the user and not liked (feedback): no mix replaces them.
    """

    users: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    explicit: bool = False

    def __len__(self) -> int:
        return len(self.users)


def even_places(n: int, most: int) -> np.ndarray:
    """At most `most` of n places, evenly over all: int64, ascending."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class EvaluationCases:
    """Evaluation batches: `users` uint32 [n], `positives` uint32 [n], `negatives` uint32 [n, 50]."""

    users: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    def head(self, n: int) -> "EvaluationCases":
        """`n` cases spread evenly over all."""
        if len(self) <= n:
            return self
        take = even_places(len(self), n)
        return EvaluationCases(self.users[take], self.positives[take], self.negatives[take])


Loader = Callable[[], Blocks]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Everything a training reads. Shards are loaded one at a time, and again in each epoch.

    `keys` are what draws know users, playlists and songs by: the rows' own numbers where the data has no ids.
    `hard` and `easy` are the users' sampled pools, needed only by a mix that draws them anew; `user_songs` are the
    users' libraries, needed only by the joint start. `fingerprint` names the data in the state of an interrupted
    training, so that it is not resumed on other data.
    """

    n_users: int
    n_playlists: int
    shards: Sequence[Loader]
    validation: EvaluationCases
    hard: Library | None = None
    easy: Library | None = None
    fingerprint: str = field(default="")
    user_songs: Library | None = None
    keys: RowKeys | None = None

    @classmethod
    def from_blocks(
        cls,
        blocks: Blocks,
        *,
        n_users: int,
        n_playlists: int,
        validation: EvaluationCases,
        hard: Library | None = None,
        easy: Library | None = None,
        fingerprint: str = "",
        user_songs: Library | None = None,
        keys: RowKeys | None = None,
    ) -> "TrainingData":
        """Data of one shard that is in memory already."""
        return cls(n_users, n_playlists, [lambda: blocks], validation, hard, easy, fingerprint, user_songs, keys)

    def row_keys(self) -> RowKeys:
        """What draws know the rows by."""
        n_songs = self.user_songs.n_columns if self.user_songs else 0
        return self.keys or RowKeys.of_rows(self.n_users, self.n_playlists, n_songs)

    def load(self, shard: int) -> Blocks:
        """Blocks of a shard, checked to lie within the model.

        Raises:
            BlocksError: An index is out of range or the columns disagree in length.
        """
        blocks = self.shards[shard]()
        if not len(blocks.users) == len(blocks.positives) == len(blocks.negatives):
            raise BlocksError(shard=shard, field="positives", problem="columns of different lengths")
        for name, column, bound in (
            ("users", blocks.users, self.n_users),
            ("positives", blocks.positives, self.n_playlists),
        ):
            if len(column) and int(column.max()) >= bound:
                raise BlocksError(shard=shard, field=name, problem=f"index {int(column.max())} is not below {bound}")
        wrong = (blocks.negatives >= self.n_playlists) & (blocks.negatives != NO_PLAYLIST)
        if wrong.any():
            worst = int(blocks.negatives[wrong].max())
            raise BlocksError(shard=shard, field="negatives", problem=f"index {worst} is not below {self.n_playlists}")
        return blocks

    def each(self) -> Iterator[Blocks]:
        """The shards in order."""
        return (self.load(shard) for shard in range(len(self.shards)))

    def train_likes(self) -> Library:
        """Positives of each user over all shards, without repetition: users x playlists."""
        pairs = [(blocks.users, blocks.positives) for blocks in self.each()]
        return Library.from_parts(pairs, self.n_users, self.n_playlists)


def parquet_shard(path: Path | str, *, explicit: bool = False) -> Loader:
    """Loader of a Parquet file with the columns user, positive and negatives (a list or array of playlists)."""

    def load() -> Blocks:
        import polars as pl

        frame = pl.read_parquet(path, columns=["user", "positive", "negatives"])
        return blocks_from_frame(frame, explicit=explicit)

    return load


def blocks_from_frame(frame: "pl.DataFrame", *, explicit: bool = False) -> Blocks:
    """Blocks of a polars frame with the columns user, positive and negatives; without the last there are none."""
    negatives = np.empty((frame.height, 0), np.uint32)
    if "negatives" in frame.columns:
        negatives = _table(frame["negatives"].explode().fill_null(int(NO_PLAYLIST)), frame.height)
    return Blocks(frame["user"].to_numpy(), frame["positive"].to_numpy(), negatives, explicit)


def cases_from_frame(frame: "pl.DataFrame") -> EvaluationCases:
    """Cases of a polars frame with the columns user, positive and negatives (all of the same length)."""
    return EvaluationCases(
        frame["user"].to_numpy(),
        frame["positive"].to_numpy(),
        _table(frame["negatives"].explode(), frame.height),
    )


def _table(flat: Any, rows: int) -> np.ndarray:
    values = flat.to_numpy().astype(np.uint32, copy=False) if rows else np.empty(0, np.uint32)
    return values.reshape(rows, len(values) // max(rows, 1))
