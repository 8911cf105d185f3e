"""Links of a bipartite graph of playlists and songs, hidden to be predicted, and links that are not there.

Each playlist's songs are cut 70 / 15 / 15 by a hash of (playlist, song). A positive that is judged gets two negatives
of the same playlist: one drawn evenly from all songs, and one of the same popularity. Against even draws a list of
popular songs looks like a model; against equally popular ones it scores 0.5, whatever its size.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from buddies_core.kernels.randomness import CANDIDATE, SPLIT, hash_member, stream_key, uniform
from buddies_core.sequences.corpus import Sequences

TRAIN, VALIDATION, TEST = range(3)
SHARES = (0.7, 0.15, 0.15)
_UNIFORM, _MATCHED = CANDIDATE << 8 | 1, CANDIDATE << 8 | 2
_NEAREST = 32
_TRIES = 256


@dataclass(frozen=True)
class Links:
    """Some links that are to be told from others.

    Attributes:
        playlists, songs: int32, the positives.
        uniform, matched: int32, a negative song of the same playlist for each; -1 where the playlist has every song.
        degree: int32, playlists that hold the positive in `TRAIN`.
    """

    playlists: np.ndarray
    songs: np.ndarray
    uniform: np.ndarray
    matched: np.ndarray
    degree: np.ndarray

    def __len__(self) -> int:
        return len(self.songs)


def parts_of_links(sequences: Sequences, *, seed: int) -> np.ndarray:
    """Part of each row: the 70 % of a playlist's songs with the smallest hashes train, int8 [rows]."""
    row = np.repeat(np.arange(len(sequences)), sequences.lengths)
    order = np.lexsort((uniform(seed, SPLIT, sequences.pids[row], sequences.songs), row))
    place = np.empty(len(row), np.int64)
    place[order] = np.arange(len(row)) - sequences.indptr[row]
    share = (place + 0.5) / sequences.lengths[row]
    return ((share >= SHARES[0]).astype(np.int8) + (share >= SHARES[0] + SHARES[1])).astype(np.int8)


def chosen_rows(sequences: Sequences, chosen: np.ndarray) -> Sequences:
    """The same playlists with some of their rows alone; a playlist may be left without any."""
    row = np.repeat(np.arange(len(sequences)), sequences.lengths)[chosen]
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(row, minlength=len(sequences)))])
    return Sequences(
        indptr, sequences.songs[chosen], sequences.artists[chosen], sequences.pids, sequences.titles,
        sequences.n_known, sequences.n_known_artists,
    )  # fmt: skip


def degrees(sequences: Sequences, parts: np.ndarray) -> np.ndarray:
    """Playlists that hold each song in `TRAIN`, int32 [n_known]."""
    return np.bincount(sequences.songs[parts == TRAIN], minlength=sequences.n_known).astype(np.int32)


def judged_links(sequences: Sequences, parts: np.ndarray, part: int, *, seed: int) -> Links:
    """The links of one part with their negatives.

    A negative is in no part of its playlist, and no negative is drawn twice for a playlist. One of equal popularity is
    drawn among the songs of the same degree; of a degree with few songs among those next to it.
    """
    degree = degrees(sequences, parts)
    chosen = np.flatnonzero(parts == part)
    row = np.repeat(np.arange(len(sequences), dtype=np.int32), sequences.lengths)
    playlists, songs = row[chosen], sequences.songs[chosen].astype(np.int32)
    held = np.concatenate([np.sort(part) for part in np.split(sequences.songs, sequences.indptr[1:-1])])
    order = np.lexsort((np.arange(len(degree)), degree)).astype(np.int32)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    first, last = (np.searchsorted(degree[order], degree, side=side) for side in ("left", "right"))
    few = last - first < _NEAREST
    low = np.where(few, np.maximum(place - _NEAREST // 2, 0), first)
    high = np.where(few, np.minimum(place + _NEAREST // 2 + 1, len(order)), last)
    everything = np.arange(len(order), dtype=np.int32)
    none = np.zeros(len(order), np.int64)
    drawn = [
        _negatives(
            playlists, songs, sequences.pids, sequences.indptr, held.astype(np.int32), among, start, stop,
            np.uint64(seed), np.uint64(stream),
        )
        for among, start, stop, stream in (
            (everything, none, none + len(order), _UNIFORM), (order, low, high, _MATCHED),
        )
    ]  # fmt: skip
    return Links(playlists, songs, drawn[0], drawn[1], degree[songs])


@njit(nogil=True, cache=True)
def _negatives(playlists, songs, pids, indptr, held, among, low, high, seed, stream):
    """A song of `among[low[s]:high[s]]` for each positive s; where draws fail, the nearest place that does."""
    found = np.full(len(songs), -1, np.int32)
    start = 0
    for i in range(len(songs)):
        if i and playlists[i] != playlists[i - 1]:
            start = i
        p, s = playlists[i], songs[i]
        own = held[indptr[p] : indptr[p + 1]]
        key = stream_key(seed, stream, np.uint64(pids[p]))
        size = high[s] - low[s]
        for turn in range(_TRIES + len(among)):
            if turn < _TRIES:
                bits = hash_member(key, np.uint64(s) * np.uint64(_TRIES) + np.uint64(turn))
                drawn = among[low[s] + np.int64(bits % np.uint64(size))]
            else:
                drawn = among[(low[s] + turn - _TRIES) % len(among)]
            place = np.searchsorted(own, drawn)
            clash = place < len(own) and own[place] == drawn
            for j in range(start, i):
                clash |= found[j] == drawn
            if not clash:
                found[i] = drawn
                break
    return found
