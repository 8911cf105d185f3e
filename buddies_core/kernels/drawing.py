"""Uniform draws inside kernels, each from (key, counter)."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from buddies_core.kernels.randomness import hash_member, hash_pairs, stream_key

MISSING = np.uint32(0xFFFFFFFF)
"""Stands where a negative could not be had; never a playlist."""
ATTEMPTS = 64
EMPTY = np.iinfo(np.int64).min
"""Stamp of a cell without a playlist."""
CELLS = 0x4345
"""Stream of the cells, which have no seed: they are made once for all draws."""


@dataclass(frozen=True)
class Catalogue:
    """All playlists to draw from, by pid and not by row: one more changes few of the draws made before it came.

    Each playlist has one of a power of two of cells, from a hash of its pid; a draw takes a cell, and another one when
    that is empty. Between a quarter and half of the cells are taken, so a draw needs two to four attempts. When the
    playlists pass a power of two, the cells double, and about half of the draws change.

    Attributes:
        pids: uint32 [n_playlists].
        cells: uint32, a power of two of them; the playlist of each cell, MISSING where there is none.
        cell_of: uint32 [n_playlists].
    """

    pids: np.ndarray
    cells: np.ndarray
    cell_of: np.ndarray

    @classmethod
    def of(cls, pids: np.ndarray) -> "Catalogue":
        """The catalogue of the playlists with these pids, which are distinct."""
        pids = np.ascontiguousarray(pids, np.uint32)
        bits = max(1, len(pids)).bit_length() + 1
        hashes = hash_pairs(0, CELLS, pids)
        # By hash and not by row, so that who finds a cell taken and goes on does not depend on the order either.
        cells, cell_of = _fill_cells(hashes, np.argsort(hashes), bits)
        return cls(pids, cells, cell_of)

    @property
    def n_playlists(self) -> int:
        """Number of playlists."""
        return len(self.pids)


@njit(nogil=True, cache=True)
def _fill_cells(hashes, order, bits):
    """The playlist of each of 2^bits cells and the cell of each playlist: the first free one from its hash's on."""
    cells = np.full(1 << bits, MISSING, np.uint32)
    cell_of = np.empty(len(hashes), np.uint32)
    for playlist in order:
        cell = np.int64(hashes[playlist] >> np.uint64(64 - bits))
        while cells[cell] != MISSING:
            cell = (cell + 1) & (len(cells) - 1)
        cells[cell], cell_of[playlist] = playlist, cell
    return cells, cell_of


@njit(nogil=True, cache=True)
def empty_stamps(cells):
    """Stamps of all cells for `draw_from_catalogue`: 0 where there is a playlist, EMPTY where there is none."""
    stamps = np.zeros(len(cells), np.int64)
    for cell in range(len(cells)):
        if cells[cell] == MISSING:
            stamps[cell] = EMPTY
    return stamps


@njit(nogil=True, cache=True)
def below(key, counter, n):
    """A number in [0, n) for n < 2**32; the bias is below n / 2**32."""
    return np.int64((hash_member(key, np.uint64(counter)) >> np.uint64(32)) * np.uint64(n) >> np.uint64(32))


@njit(nogil=True, cache=True)
def pair_key(seed, stream, user_key, pid):
    """Key of the stream of one (user, playlist) pair."""
    return hash_member(stream_key(np.uint64(seed), np.uint64(stream), user_key), np.uint64(pid))


@njit(nogil=True, cache=True)
def draw_members(key, counter, pool, wanted, out, filled):
    """Appends `wanted` <= len(pool) distinct members of `pool` to `out[filled:]`, by Floyd's subset algorithm."""
    first = filled
    for top in range(len(pool) - wanted, len(pool)):
        chosen = pool[below(key, counter + filled - first, top + 1)]
        for i in range(first, filled):
            if out[i] == chosen:
                chosen = pool[top]
                break
        out[filled] = chosen
        filled += 1
    return filled


@njit(nogil=True, cache=True)
def draw_from_catalogue(key, counter, cells, stamps, barred, taken, wanted, out, filled):
    """Appends `wanted` distinct playlists whose cell's stamp is neither `barred` nor `taken`; stamps them `taken`.

    The caller makes sure that so many exist. After 64 misses for one draw, the next free cell (cyclic) is taken, so
    that a crowded catalogue ends too.
    """
    n = len(stamps)
    for _ in range(wanted):
        for _attempt in range(ATTEMPTS):
            cell = below(key, counter, n)
            counter += 1
            stamp = stamps[cell]
            if stamp != EMPTY and stamp != barred and stamp != taken:
                break
        while stamps[cell] == EMPTY or stamps[cell] == barred or stamps[cell] == taken:
            cell = (cell + 1) % n
        stamps[cell] = taken
        out[filled] = cells[cell]
        filled += 1
    return filled
