"""The two graphs that playlists may be kept as: playlists with songs, or songs with the songs beside them.

The bipartite graph has an edge for each row. The co-occurrence graph has one for each pair of songs that share a
playlist, and a playlist that is added touches every pair of its songs.
"""

import time
from dataclasses import dataclass

import numpy as np
from numba import njit

from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.neighbours import postings

_ADDED = 200


@dataclass(frozen=True)
class GraphSize:
    """One form of the graph.

    Attributes:
        edges: distinct.
        bytes: as compressed rows of int32, both directions; the co-occurrence graph also counts, in int32.
        seconds_to_add: a playlist, the mean of some.
    """

    edges: int
    bytes: int
    seconds_to_add: float


def bipartite(sequences: Sequences) -> GraphSize:
    """Playlists with songs."""
    edges = len(sequences.songs)
    held: dict[int, list[int]] = {}
    started = time.perf_counter()
    chosen = _some(sequences)
    for i in chosen:
        for song in sequences.playlist(i)[0].tolist():
            held.setdefault(song, []).append(i)
    seconds = (time.perf_counter() - started) / max(len(chosen), 1)
    return GraphSize(edges, 2 * 4 * edges + 8 * (len(sequences) + sequences.n_known + 2), seconds)


def co_occurrence(sequences: Sequences) -> GraphSize:
    """Songs with the songs that share a playlist with them."""
    where = postings(sequences.indptr, sequences.songs, sequences.n_known)
    edges = int(_distinct_neighbours(sequences.indptr, sequences.songs, where.indptr, where.playlists)) // 2
    weights: dict[int, dict[int, int]] = {}
    started = time.perf_counter()
    chosen = _some(sequences)
    for i in chosen:
        songs = sequences.playlist(i)[0].tolist()
        for song in songs:
            row = weights.setdefault(song, {})
            for other in songs:
                if other != song:
                    row[other] = row.get(other, 0) + 1
    seconds = (time.perf_counter() - started) / max(len(chosen), 1)
    return GraphSize(edges, 2 * 8 * edges + 8 * (sequences.n_known + 1), seconds)


def _some(sequences: Sequences) -> list[int]:
    """Playlists spread over all of them."""
    return np.unique(np.linspace(0, len(sequences) - 1, min(_ADDED, len(sequences))).astype(np.int64)).tolist()


@njit(nogil=True, cache=True)
def _distinct_neighbours(indptr, songs, where, playlists):
    n = len(where) - 1
    seen = np.full(n, -1, np.int64)
    total = 0
    for song in range(n):
        seen[song] = song
        for i in range(where[song], where[song + 1]):
            for row in range(indptr[playlists[i]], indptr[playlists[i] + 1]):
                other = songs[row]
                if other < n and seen[other] != song:
                    seen[other] = song
                    total += 1
    return total
