"""The playlists laid out for scoring: song -> playlists, with the playlists numbered by length."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from buddies_core.errors import BuddiesError
from buddies_core.interactions.csr import Library

LONGEST_PLAYLIST = 65_535


class PlaylistTooLongError(BuddiesError, ValueError):
    """A playlist holds more songs than a 16-bit count of matches can reach."""


@dataclass(frozen=True)
class PlaylistIndex:
    """Song -> playlists, the playlists renumbered by (length, playlist); a playlist's length is the songs it counts.

    Numbered by length, the playlists of a song lie in order of the score they get when it is the only match. So the
    liked, the hard and the easy among them are three stretches of the list, and what it adds to the histogram of
    (one match, length) is known beforehand: its runs. The order is stable: at one length, number order is index order.

    Attributes:
        song_indptr: int64 [n_songs + 1].
        song_numbers: uint32; numbers of the playlists that hold each song, ascending.
        song_pids: uint32; pids of the same playlists, so that a draw for each of them reads in sequence too.
        run_indptr: int64 [n_songs + 1]; run_ranks, run_sizes: uint16 and uint32; a song's playlists of one length.
        original: uint32 [n_playlists]; playlist index of each number.
        pids: uint32 [n_playlists]; pid of each number.
        lengths: int64; the distinct lengths, ascending.
        first_numbers: int64 [len(lengths) + 1]; first number of each length.
        coarse_rank: uint16; position in `lengths` of the length of numbers 0, 256, 512, …
        longest: most songs of one playlist in the library, which bounds the matches.
    """

    song_indptr: np.ndarray
    song_numbers: np.ndarray
    song_pids: np.ndarray
    run_indptr: np.ndarray
    run_ranks: np.ndarray
    run_sizes: np.ndarray
    original: np.ndarray
    pids: np.ndarray
    lengths: np.ndarray
    first_numbers: np.ndarray
    coarse_rank: np.ndarray
    longest: int

    @property
    def n_songs(self) -> int:
        """Number of songs."""
        return len(self.song_indptr) - 1


def index_playlists(playlists: Library, pids: np.ndarray, songs: np.ndarray) -> PlaylistIndex:
    """The index of a playlist library, in one counting sort.

    Args:
        pids: pid of each playlist, [n_rows].
        songs: songs that each playlist counts, [n_rows]: at least those in the library.

    Raises:
        PlaylistTooLongError: a playlist has more than 65,535 songs.
    """
    lengths, songs = playlists.lengths, np.asarray(songs, np.int64)
    if len(lengths) and lengths.max() > LONGEST_PLAYLIST:
        worst = int(lengths.argmax())
        raise PlaylistTooLongError(
            f"playlist {worst} holds {lengths[worst]} songs; at most {LONGEST_PLAYLIST} can be counted: leave it out"
        )
    order, song_indptr, song_numbers = rows_by_length(playlists, songs)
    distinct, rank, sizes = np.unique(songs[order], return_inverse=True, return_counts=True)
    rank = rank.astype(np.uint16)
    own_pids = np.asarray(pids, np.uint32)[order]
    return PlaylistIndex(
        song_indptr,
        song_numbers,
        own_pids[song_numbers],
        *_runs(song_indptr, song_numbers, rank),
        order,
        own_pids,
        distinct,
        np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
        rank[::256].copy(),
        int(lengths.max(initial=0)),
    )


def rows_by_length(library: Library, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows numbered by (length, row), and the transpose over those numbers.

    Returns:
        (row of each number uint32, indptr of each column int64, numbers of the rows that hold it uint32, ascending).
    """
    order = np.argsort(lengths, kind="stable").astype(np.uint32)
    return order, *_transpose_in_order(library.indptr, library.indices, order, library.n_columns)


@njit(nogil=True, cache=True)
def _transpose_in_order(indptr, indices, order, n_columns):
    """Column -> positions in `order`, ascending: (indptr, positions)."""
    column_indptr = np.zeros(n_columns + 1, np.int64)
    for i in range(len(indices)):
        column_indptr[np.int64(indices[i]) + 1] += 1
    for column in range(n_columns):
        column_indptr[column + 1] += column_indptr[column]
    cursor = column_indptr[:-1].copy()
    positions = np.empty(len(indices), np.uint32)
    for position in range(len(order)):
        row = np.int64(order[position])
        for i in range(indptr[row], indptr[row + 1]):
            column = np.int64(indices[i])
            positions[cursor[column]] = position
            cursor[column] += 1
    return column_indptr, positions


@njit(nogil=True, cache=True)
def _runs(song_indptr, song_numbers, rank):
    """Each song's playlists counted by rank of length: (indptr, ranks, sizes)."""
    run_indptr = np.zeros_like(song_indptr)
    n = 0
    for song in range(len(song_indptr) - 1):
        for i in range(song_indptr[song], song_indptr[song + 1]):
            n += i == song_indptr[song] or rank[song_numbers[i]] != rank[song_numbers[i - 1]]
        run_indptr[song + 1] = n
    ranks, sizes = np.empty(n, np.uint16), np.zeros(n, np.uint32)
    run = -1
    for song in range(len(song_indptr) - 1):
        for i in range(song_indptr[song], song_indptr[song + 1]):
            if i == song_indptr[song] or rank[song_numbers[i]] != rank[song_numbers[i - 1]]:
                run += 1
                ranks[run] = rank[song_numbers[i]]
            sizes[run] += 1
    return run_indptr, ranks, sizes
