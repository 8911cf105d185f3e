"""Owners for playlists that are liked, but by nobody in train who has room: whom the playlist fits best of all others.

A playlist that is liked only in validation or test, or only by users set aside, must have an owner too, or nobody could
ever be offered it; and its liker must not be that owner, since nobody is offered what they own. So every user who
shares a song with it bids, not only those who like it.

A playlist that nobody likes has no owner. Whoever is shown it is told whom it fits best, by the same bids: of these
everybody may have any number, and the two best are kept, since the best may be who is asking.

Bound: for each such playlist the users of its songs, one pass over them: 24,000 at full size, half a
millisecond of a processor.
"""

from dataclasses import dataclass

import numpy as np
from numba import get_num_threads, njit, prange

from buddies_assets.systems.playlists.ownership import NOBODY
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged


@dataclass(frozen=True)
class Bidders:
    """Everybody who may own, with what a bid is made of.

    Attributes:
        users: their libraries.
        exploration: coefficient of each, float64; songs: their lengths.
        barred: users who may own nothing (those set aside), bool.
        owned: playlists each owns already.
    """

    users: Library
    exploration: np.ndarray
    songs: np.ndarray
    barred: np.ndarray
    owned: np.ndarray


def adopt(
    playlists: np.ndarray, library: Library, songs: np.ndarray, held_out: Ragged, bidders: Bidders, *, cap: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gives each playlist, in the order given, to the bidder of highest score / √songs (ties: lower user) with room.

    Args:
        playlists: index of each playlist to give away, [n].
        library: the songs of all playlists; songs: their lengths.
        held_out: for each playlist to give away, the users of whom it is a validation or test positive: not theirs.

    Returns:
        (owner uint32 [n], NOBODY where no bidder has room; priority float64 [n], NaN there).
    """
    return _adopt(
        _arrays(playlists, library, songs, bidders.users),
        held_out.offsets,
        held_out.values,
        np.asarray(bidders.exploration, np.float64),
        np.sqrt(np.asarray(bidders.songs, np.float64)),
        np.asarray(bidders.barred, np.bool_),
        np.array(bidders.owned, np.int64),
        cap,
    )


def _arrays(playlists: np.ndarray, library: Library, songs: np.ndarray, users: Library) -> tuple:
    """What both kernels read: playlists, rows of their songs, roots of lengths, rows of the users of each song."""
    by_song = users.transpose()
    roots = np.sqrt(np.asarray(songs, np.float64))
    return np.asarray(playlists, np.int64), library.indptr, library.indices, roots, by_song.indptr, by_song.indices


FITS = 2
"""Listeners that are kept for a playlist which nobody owns."""


def best_fits(playlists: np.ndarray, library: Library, songs: np.ndarray, bidders: Bidders) -> np.ndarray:
    """The users whom each playlist fits best, uint32 [n, FITS], best first; NOBODY where no more share a song with it.

    Args:
        playlists, library, songs: as of `adopt`; nothing is given away.
    """
    # A bid of whoever may own nothing is 0, which is never kept.
    root_songs = np.where(bidders.barred, np.inf, np.sqrt(np.asarray(bidders.songs, np.float64)))
    return _best_fits(
        _arrays(playlists, library, songs, bidders.users),
        np.asarray(bidders.exploration, np.float64),
        root_songs,
        int(library.lengths.max(initial=0)),
        get_num_threads(),
    )


@njit(parallel=True, nogil=True, cache=True)
def _best_fits(arrays, exploration, root_songs, longest, threads):
    """Thread t takes playlists t, t + threads, …, with a count of matches for each user: 4 MB at full size."""
    playlists, indptr, indices, root_lengths, song_indptr, song_users = arrays
    fits = np.full((len(playlists), FITS), NOBODY, np.uint32)
    logs = np.log1p(np.arange(longest + 1).astype(np.float64))
    for thread in prange(threads):
        matches = np.zeros(len(root_songs), np.int32)
        met = np.empty(len(root_songs), np.int64)
        bids = np.empty(FITS)
        for i in range(thread, len(playlists), threads):
            playlist = playlists[i]
            n = _count_matches(playlist, indptr, indices, song_indptr, song_users, matches, met)
            bids[:] = 0.0
            for at in range(n):
                user = met[at]
                bid = _bid(logs[matches[user]], exploration[user], root_songs[user], root_lengths[playlist])
                matches[user] = 0
                place = FITS
                while place > 0 and (
                    bid > bids[place - 1] or (bid == bids[place - 1] and bid > 0 and user < fits[i, place - 1])
                ):
                    if place < FITS:
                        bids[place], fits[i, place] = bids[place - 1], fits[i, place - 1]
                    place -= 1
                if place < FITS:
                    bids[place], fits[i, place] = bid, user
    return fits


@njit(nogil=True, cache=True)
def _bid(shared, e, root_songs, root_length):
    """The score of a user and a playlist, by ln(1 + shared songs), over the root of the user's songs."""
    score = np.float32(((1.0 - e) * shared + e) / (root_songs * root_length))
    return np.float64(score) / root_songs


@njit(nogil=True, cache=True)
def _count_matches(playlist, indptr, indices, song_indptr, song_users, matches, met):
    """Counts the songs that users share with a playlist; how many users, who are put into `met`."""
    n = 0
    for place in range(indptr[playlist], indptr[playlist + 1]):
        song = indices[place]
        for at in range(song_indptr[song], song_indptr[song + 1]):
            user = np.int64(song_users[at])
            if matches[user] == 0:
                met[n] = user
                n += 1
            matches[user] += 1
    return n


@njit(nogil=True, cache=True)
def _adopt(arrays, held_indptr, held_users, exploration, root_songs, barred, owned, cap):
    playlists, indptr, indices, root_lengths, song_indptr, song_users = arrays
    owner = np.full(len(playlists), NOBODY, np.uint32)
    priority = np.full(len(playlists), np.nan)
    matches = np.zeros(len(owned), np.int32)
    met = np.empty(len(owned), np.int64)
    for i in range(len(playlists)):
        playlist = playlists[i]
        n = _count_matches(playlist, indptr, indices, song_indptr, song_users, matches, met)
        for user in held_users[held_indptr[i] : held_indptr[i + 1]]:
            matches[user] = 0
        best, best_user = -np.inf, np.int64(-1)
        for at in range(n):
            user = met[at]
            if matches[user] > 0 and owned[user] < cap and not barred[user]:
                shared = np.log1p(np.float64(matches[user]))
                bid = _bid(shared, exploration[user], root_songs[user], root_lengths[playlist])
                if bid > best or (bid == best and user < best_user):
                    best, best_user = bid, user
            matches[user] = 0
        if best_user >= 0:
            owner[i], priority[i] = best_user, best
            owned[best_user] += 1
    return owner, priority
