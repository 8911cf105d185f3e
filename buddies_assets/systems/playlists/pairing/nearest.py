"""Who has a taste close to whose: nearest users by cosine of their binary libraries, and which of them to follow."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit

from buddies_assets.systems.playlists.pairing.kernel import nearest_users
from buddies_assets.systems.playlists.scoring.playlist_index import rows_by_length
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.randomness import PAIRING, hash_pairs

NEAREST, MOST_NEIGHBOURS, ENOUGH_PLAYLISTS = 100, 50, 20
SHARD = 2_048


@dataclass(frozen=True)
class Neighbours:
    """Each user's neighbours, by (−similarity, user index) unless shuffled on purpose.

    Attributes:
        offsets: int64 [n_users + 1]; the rest are flat, [offsets[-1]].
        neighbour: uint32 user index. similarity: float32, cosine. shared: uint32, songs in common.
    """

    offsets: np.ndarray
    neighbour: np.ndarray
    similarity: np.ndarray
    shared: np.ndarray

    @property
    def ranks(self) -> np.ndarray:
        """Position of each neighbour in its user's list, from 0, uint32."""
        lengths = np.diff(self.offsets)
        return (np.arange(len(self.neighbour)) - np.repeat(self.offsets[:-1], lengths)).astype(np.uint32)

    @property
    def lists(self) -> Ragged:
        """The neighbours alone, one list a user."""
        return Ragged(self.offsets, self.neighbour)


@dataclass(frozen=True)
class UserIndex:
    """What the kernel walks: users numbered by (songs, user), and for each song the numbers of those who have it."""

    numbered: np.ndarray
    song_indptr: np.ndarray
    song_users: np.ndarray
    songs_of: np.ndarray


def index_users(users: Library) -> UserIndex:
    """The index of a library; made once, it serves any number of shards."""
    numbered, song_indptr, song_users = rows_by_length(users, users.lengths)
    return UserIndex(numbered, song_indptr, song_users, users.lengths[numbered].astype(np.uint32))


def nearest(
    users: Library,
    *,
    most: int = NEAREST,
    threads: int = 1,
    start: int = 0,
    stop: int | None = None,
    index: UserIndex | None = None,
) -> Neighbours:
    """The `most` users nearest to each of the users [start, stop), among all users with a song in common.

    Exact: similarities are compared as shared² / songs of the other, a quotient of integers, so that equal
    cosines are equal; ties go to the lower user index. The same for any number of threads. `index` is that of `users`,
    when there is one already.
    """
    stop = users.n_rows if stop is None else stop
    index = index or index_users(users)
    n_songs = users.lengths

    def work(first: int):
        return nearest_users(
            users.indptr,
            users.indices,
            first,
            min(first + SHARD, stop),
            index.song_indptr,
            index.song_users,
            index.numbered,
            index.songs_of,
            most,
        )

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(work, range(start, stop, SHARD)))
    counts = np.concatenate([np.zeros(1, np.int64), *[part[0] for part in parts]])
    neighbour, shared = (
        np.concatenate([np.zeros(0, np.uint32), *[part[i] for part in parts]]).astype(np.uint32) for i in (1, 2)
    )
    own = np.repeat(n_songs[start:stop], counts[1:]).astype(np.float64)
    similarity = shared / np.sqrt(own * n_songs[neighbour])
    return Neighbours(np.cumsum(counts), neighbour, similarity.astype(np.float32), shared)


def shuffled(neighbours: Neighbours, seed: int, *, keys: np.ndarray, start: int = 0) -> Neighbours:
    """The same lists in random order, as the reference took them: its neighbours were not the nearest.

    `keys` are those of all users, uint64; the lists are of the users from `start` on.
    """
    rows = np.repeat(np.arange(len(neighbours.offsets) - 1), np.diff(neighbours.offsets))
    hashes = hash_pairs(seed, PAIRING, keys[rows + start], keys[neighbours.neighbour])
    order = np.lexsort((hashes, rows))
    return Neighbours(
        neighbours.offsets, neighbours.neighbour[order], neighbours.similarity[order], neighbours.shared[order]
    )


def take_owners(
    neighbours: Neighbours,
    owned: np.ndarray,
    *,
    most: int = MOST_NEIGHBOURS,
    enough: int = ENOUGH_PLAYLISTS,
) -> Neighbours:
    """The neighbours to follow: owners in the order given, until both limits are reached or the list runs out.

    Args:
        owned: playlists each user owns, [n_users]; a neighbour with none is skipped.
        most: neighbours after which to stop, once `enough` playlists are reachable too.
    """
    kept = _take(neighbours.offsets, neighbours.neighbour, np.asarray(owned, np.int64), most, enough)
    counts = np.add.reduceat(np.append(kept, False).astype(np.int64), neighbours.offsets[:-1])
    counts[np.diff(neighbours.offsets) == 0] = 0
    return Neighbours(
        np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        neighbours.neighbour[kept],
        neighbours.similarity[kept],
        neighbours.shared[kept],
    )


@njit(nogil=True, cache=True)
def _take(offsets, neighbour, owned, most, enough):
    kept = np.zeros(len(neighbour), np.bool_)
    for row in range(len(offsets) - 1):
        n = 0
        playlists = 0
        for i in range(offsets[row], offsets[row + 1]):
            if n >= most and playlists >= enough:
                break
            count = owned[neighbour[i]]
            if count > 0:
                kept[i] = True
                n += 1
                playlists += count
    return kept
