"""Every user's score against every playlist that shares a song, of which the liked and a sample of the rest are kept.

The table of all pairs (22.7 billion rows at full size) is never made: a kernel takes one user at a time.

Bound, for a user with n pairs, M = sum of matches (about 1.1 n): M increments in an accumulator of one byte a playlist
(946 KB at full size: it stays in a 1 MiB L2), M x 4 bytes of lists read in sequence and once more from L2, M hashes of
6 operations, and a memset of the accumulator. Nothing is stored for a pair that is not kept. Ranking costs almost
nothing: a score depends on (matches, playlist length) alone, so pairs are counted in cells of that grid and the few
hundred occupied cells are ordered instead of the pairs. Most pairs match once; those are counted by the runs of their
lists, and each list is cut into liked, hard and easy by three binary searches. Only pairs that match more often are
looked at one by one.
"""

from dataclasses import dataclass

import numpy as np

from buddies_assets.systems.playlists.scoring.kernel import score_users
from buddies_assets.systems.playlists.scoring.playlist_index import PlaylistIndex
from buddies_core.errors import BuddiesError
from buddies_core.interactions.csr import Library


class ScoringInputError(BuddiesError, ValueError):
    """The libraries, the coefficients or the rules do not fit together."""


@dataclass(frozen=True)
class ScoringRules:
    """Where the cuts lie and how much is kept; shares in thousandths, so that a cut is exact integer arithmetic.

    Attributes:
        liked_per_mille: share of a user's pairs that is liked (rounded up, at least one pair).
        hard_per_mille: share of the other pairs that is hard (rounded up).
        pool_size: most members kept of each of a user's hard and easy pools.
    """

    liked_per_mille: int = 15
    hard_per_mille: int = 200
    pool_size: int = 256

    def __post_init__(self) -> None:
        if not (0 <= self.liked_per_mille <= 1000 and 0 <= self.hard_per_mille <= 1000 and self.pool_size >= 0):
            raise ScoringInputError(f"shares lie between 0 and 1000 and the pool size is not negative: {self}")


RETAIN_ALL = ScoringRules(liked_per_mille=1000, pool_size=0)
"""Every pair is 'liked': the whole table, best first, for tests and small data."""


@dataclass(frozen=True)
class ScoreShard:
    """Scores of the users [start, start + len(songs)): flat arrays, with offsets for what is a list per user.

    Attributes:
        songs, pairs: uint32; songs that the user counts, playlists that share at least one.
        exploration, liked_cut, hard_cut, score_min, score_median, score_max: float64; NaN where there is nothing.
            A cut is the lowest score on its good side.
        liked_offsets, liked_playlists, liked_matches, liked_scores: best first, equal scores by playlist;
            uint32/uint16/float32.
        hard_offsets, hard, easy_offsets, easy: the sampled pools, by playlist; uint32.
    """

    start: int
    songs: np.ndarray
    pairs: np.ndarray
    exploration: np.ndarray
    liked_cut: np.ndarray
    hard_cut: np.ndarray
    score_min: np.ndarray
    score_median: np.ndarray
    score_max: np.ndarray
    liked_offsets: np.ndarray
    liked_playlists: np.ndarray
    liked_matches: np.ndarray
    liked_scores: np.ndarray
    hard_offsets: np.ndarray
    hard: np.ndarray
    easy_offsets: np.ndarray
    easy: np.ndarray

    def to_frame(self):
        """The shard as a polars frame, one row a user, in the columns of the `scores` dataset."""
        import polars as pl
        import pyarrow as pa

        def lists(offsets: np.ndarray, values: np.ndarray) -> pl.Series:
            return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))))

        users = np.arange(self.start, self.start + len(self.songs), dtype=np.uint32)
        statistics = ("liked_cut", "hard_cut", "score_min", "score_median", "score_max")
        return pl.DataFrame(
            {"user": users, "songs": self.songs, "pairs": self.pairs, "exploration": self.exploration}
            | {name: pl.Series(getattr(self, name)).fill_nan(None) for name in statistics}
            | {
                "liked": lists(self.liked_offsets, self.liked_playlists),
                "liked_matches": lists(self.liked_offsets, self.liked_matches),
                "liked_scores": lists(self.liked_offsets, self.liked_scores),
                "hard": lists(self.hard_offsets, self.hard),
                "easy": lists(self.easy_offsets, self.easy),
            }
        )


def score_shard(
    users: Library,
    playlists: PlaylistIndex,
    exploration: np.ndarray,
    start: int,
    stop: int,
    *,
    keys: np.ndarray,
    songs: np.ndarray,
    seed: int,
    rules: ScoringRules = ScoringRules(),
) -> ScoreShard:
    """Scores users [start, stop); releases the GIL, so shards may be mapped over threads.

    A sampled pool holds the members with the smallest hashes of (seed, user id, pid), and of pairs of equal score at a
    cut those with the smaller hash are on its good side: for each song the index holds the pids beside the numbers, so
    that a draw reads memory in sequence.

    Args:
        users: the whole user library.
        playlists: the index of the playlist library over the same songs.
        exploration: coefficient of each user, float64 [users.n_rows], in [0, 1].
        keys: key of each user, uint64 [users.n_rows].
        songs: songs that each user counts, [users.n_rows]: at least those in the library.
        start, stop: the shard; results are the same however users are cut into shards.

    Raises:
        ScoringInputError: the song indexes differ, or a coefficient is missing or outside [0, 1].
    """
    if users.n_columns != playlists.n_songs:
        raise ScoringInputError(
            f"users are over {users.n_columns} songs, playlists over {playlists.n_songs}: use one song index"
        )
    if not 0 <= start <= stop <= users.n_rows:
        raise ScoringInputError(f"users [{start}, {stop}) are not in a library of {users.n_rows}")
    exploration = np.ascontiguousarray(exploration, np.float64)
    if len(exploration) != users.n_rows:
        raise ScoringInputError(f"{len(exploration)} exploration coefficients for {users.n_rows} users")
    own = exploration[start:stop]
    if len(own) and not (own.min() >= 0 and own.max() <= 1):
        raise ScoringInputError("exploration coefficients lie in [0, 1]")
    for name, values in (("keys", keys), ("counts of songs", songs)):
        if len(values) != users.n_rows:
            raise ScoringInputError(f"{len(values)} {name} for {users.n_rows} users")
    counted = np.asarray(songs[start:stop], np.int64)
    held = np.diff(users.indptr[start : stop + 1])
    if np.any(counted < held):
        worst = start + int(np.argmax(counted < held))
        raise ScoringInputError(f"user {worst} counts fewer songs than the library holds: count all of them")
    most = int(min(held.max(initial=0), playlists.longest))
    statistics, liked_offsets, packed, liked_scores, hard_offsets, hard, easy_offsets, easy, pairs = score_users(
        users.indptr,
        users.indices,
        start,
        stop,
        own,
        np.ascontiguousarray(keys[start:stop], np.uint64),
        np.sqrt(counted.astype(np.float64)),
        playlists.song_indptr,
        playlists.song_numbers,
        playlists.song_pids,
        playlists.run_indptr,
        playlists.run_ranks,
        playlists.run_sizes,
        playlists.original,
        playlists.pids,
        playlists.coarse_rank,
        playlists.first_numbers,
        np.sqrt(playlists.lengths.astype(np.float64)),
        np.log1p(np.arange(most + 1, dtype=np.float64)),
        rules.liked_per_mille,
        rules.hard_per_mille,
        rules.pool_size,
        np.uint64(seed),
        np.zeros(len(playlists.original), np.uint16) if most > 255 else np.zeros(0, np.uint8),
    )
    return ScoreShard(
        start=start,
        songs=counted.astype(np.uint32),
        pairs=pairs,
        exploration=own.copy(),
        liked_cut=statistics[0],
        hard_cut=statistics[1],
        score_min=statistics[2],
        score_median=statistics[3],
        score_max=statistics[4],
        liked_offsets=liked_offsets,
        liked_playlists=(packed >> np.uint64(16)).astype(np.uint32),
        liked_matches=packed.astype(np.uint16),
        liked_scores=liked_scores,
        hard_offsets=hard_offsets,
        hard=hard,
        easy_offsets=easy_offsets,
        easy=easy,
    )
