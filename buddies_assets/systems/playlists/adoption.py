"""Owners for playlists that are liked, but by nobody in train who has room: whom the playlist fits best of all others.

A playlist that is liked only in validation or test, or only by users set aside, must have an owner too, or nobody could
ever be offered it; and its liker must not be that owner, since nobody is offered what they own. So every user who
shares a song with it bids, not only those who like it.

A playlist that nobody likes has no owner. Whoever is shown it is told whom it fits best, by the same bids: of these
everybody may have any number, and the two best are kept, since the best may be who is asking.

Bound: for each such playlist the users of its songs, one pass over them: 24,000 at full size, some 0.1 ms.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

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
    by_song = bidders.users.transpose()
    return _adopt(
        np.asarray(playlists, np.int64),
        library.indptr,
        library.indices,
        np.sqrt(np.asarray(songs, np.float64)),
        held_out.offsets,
        held_out.values,
        by_song.indptr,
        by_song.indices,
        np.asarray(bidders.exploration, np.float64),
        np.sqrt(np.asarray(bidders.songs, np.float64)),
        np.asarray(bidders.barred, np.bool_),
        np.array(bidders.owned, np.int64),
        cap,
    )


FITS = 2
"""Listeners that are kept for a playlist which nobody owns."""


def best_fits(playlists: np.ndarray, library: Library, songs: np.ndarray, bidders: Bidders) -> np.ndarray:
    """The users whom each playlist fits best, uint32 [n, FITS], best first; NOBODY where no more share a song with it.

    Args:
        playlists, library, songs: as of `adopt`; nothing is given away.
    """
    everyone = Bidders(bidders.users, bidders.exploration, bidders.songs, bidders.barred, np.zeros_like(bidders.owned))
    found = np.full((len(playlists), FITS), NOBODY, np.uint32)
    for place in range(FITS):
        before = found[:, :place]
        known = before != NOBODY
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(known.sum(axis=1))])
        told = Ragged(offsets, before[known])
        found[:, place], _ = adopt(playlists, library, songs, told, everyone, cap=len(playlists) + 1)
    return found


@njit(nogil=True, cache=True)
def _adopt(
    playlists, indptr, indices, root_lengths, held_indptr, held_users, song_indptr, song_users, exploration, root_songs,
    barred, owned, cap,
):  # fmt: skip
    owner = np.full(len(playlists), NOBODY, np.uint32)
    priority = np.full(len(playlists), np.nan)
    matches = np.zeros(len(owned), np.int32)
    met = np.empty(len(owned), np.int64)
    for i in range(len(playlists)):
        playlist = playlists[i]
        n = 0
        for place in range(indptr[playlist], indptr[playlist + 1]):
            song = indices[place]
            for at in range(song_indptr[song], song_indptr[song + 1]):
                user = np.int64(song_users[at])
                if matches[user] == 0:
                    met[n] = user
                    n += 1
                matches[user] += 1
        for user in held_users[held_indptr[i] : held_indptr[i + 1]]:
            matches[user] = 0
        best, best_user = -np.inf, np.int64(-1)
        for at in range(n):
            user = met[at]
            if matches[user] > 0 and owned[user] < cap and not barred[user]:
                e = exploration[user]
                gain = (1.0 - e) * np.log1p(np.float64(matches[user])) + e
                score = np.float32(gain / (root_songs[user] * root_lengths[playlist]))
                bid = np.float64(score) / root_songs[user]
                if bid > best or (bid == best and user < best_user):
                    best, best_user = bid, user
            matches[user] = 0
        if best_user >= 0:
            owner[i], priority[i] = best_user, best
            owned[best_user] += 1
    return owner, priority
