"""Playlists chosen for a listener by their taste of songs: dense in songs they would play, and not the same twice.

A playlist is worth the mean chance of a play over its songs that are *new* to the listener, shrunk towards nothing
for playlists with few of them, and besides a little for each song expected to be played that no playlist before it in
the list holds: five playlists full of the same ten songs please once. In the mean, too, a song that a playlist before
it holds counts for less. The list grows by the greatest gain; gains never rise along it, since what a playlist adds
falls as the list grows.

Only playlists that hold one of the listener's most likely songs are looked at, and of each such song's playlists the
shortest, in which it weighs most; a world of a few thousand playlists is looked at nearly whole. Those of the highest
gain by these songs alone (an estimate from below: one addition a song and playlist) are then gone through song by song.

Playlists that bring a listener the very same songs gain the same, and many do: of those of one song there are dozens.
Which of them is shown is drawn by lot, a hash of seed, listener and playlist, so that the first of a kind is not what
everybody sees.
"""

import numpy as np
from numba import njit

from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.greatest import greatest
from buddies_core.kernels.randomness import TIE, hash_member, hash_pairs, stream_key

SHRINK = 0.75
"""Songs without a chance of a play that every playlist counts as having besides its own."""
VARIETY = 0.022
"""What a song expected to be played adds, beside the mean over the playlist's new songs."""
COVERED = 0.85
"""What a song counts in the mean when a playlist earlier in the list holds it, of what it counts otherwise."""
TOP_SONGS = 300
PLAYLISTS_OF_A_SONG = 400
SHORTLIST = 600
"""Playlists gone through song by song, those of the highest gain by the listener's most likely songs alone."""
POOL = 150
"""Playlists that the list is grown from, those of the highest gain at its start."""


def playlists_of_songs(playlist_songs: Library, pids: np.ndarray, *, seed: int) -> Library:
    """Songs x playlists: each song's playlists from the shortest on, equally long ones by lot; rows are not sorted."""
    holders = playlist_songs.transpose()
    rows = np.repeat(np.arange(holders.n_rows), holders.lengths)
    lots = hash_pairs(seed, TIE, pids)
    order = np.lexsort((lots[holders.indices], playlist_songs.lengths[holders.indices], rows))
    return Library(holders.indptr, holders.indices[order], holders.n_columns)


def choose_playlists(
    users: np.ndarray,
    chances: np.ndarray,
    user_songs: Library,
    playlist_songs: Library,
    holders: Library,
    owner: np.ndarray,
    *,
    keys: np.ndarray,
    pids: np.ndarray,
    seed: int,
    most: int,
    shrink: float = SHRINK,
    variety: float = VARIETY,
    covered: float = COVERED,
    top_songs: int = TOP_SONGS,
    playlists_of_a_song: int = PLAYLISTS_OF_A_SONG,
    shortlist: int = SHORTLIST,
    pool: int = POOL,
) -> tuple[Ragged, np.ndarray]:
    """At most `most` playlists a user, best first, none of their own and none without a song that is new to them.

    Args:
        users: row of each user in `user_songs`, [n].
        chances: float32 [n, n_songs], not below zero: how likely each song is to be played.
        holders: from `playlists_of_songs`.
        owner: int64 [n_playlists], row of the user who owns each playlist; -1 for nobody.
        keys, pids: uint64, what draws know these users [n] and the playlists [n_playlists] by.

    Returns:
        Lists of the users in order, and the gain of each playlist when it was taken, float32, never rising.
    """
    offsets, values, gains = _choose(
        np.asarray(users, np.int64), np.asarray(keys, np.uint64), np.asarray(pids, np.uint64), np.uint64(seed), chances,
        user_songs.indptr, user_songs.indices, playlist_songs.indptr, playlist_songs.indices,
        holders.indptr, holders.indices, owner,
        most, shrink, variety, covered, top_songs, playlists_of_a_song, max(shortlist, pool, most),
        max(pool, most),
    )  # fmt: skip
    return Ragged(offsets, values), gains


@njit(nogil=True, cache=True)
def _choose(
    users, keys, pids, seed, chances, user_ptr, user_songs, playlist_ptr, playlist_songs, holder_ptr, holders, owner,
    most, shrink, variety, share, top_songs, playlists_of_a_song, shortlist, pool,
):  # fmt: skip
    n_songs, n_playlists = chances.shape[1], len(playlist_ptr) - 1
    known = np.zeros(n_songs, np.bool_)
    # Of each playlist the chances of its likely songs, added up, and how many of its songs are new.
    estimates = np.zeros((n_playlists, 2), np.float32)
    estimates[:, 1] = np.diff(playlist_ptr)
    offsets = np.zeros(len(users) + 1, np.int64)
    values, gains = np.empty(len(users) * most, np.uint32), np.empty(len(users) * most, np.float32)
    for row in range(len(users)):
        user = users[row]
        chance = chances[row].copy()
        mine = user_songs[user_ptr[user] : user_ptr[user + 1]]
        for song in mine:
            known[song] = True
            chance[song] = np.float32(0.0)
        least = np.float32(0.0)
        if n_songs > top_songs:
            least = greatest(chance, top_songs)
        _count_known(estimates, mine, holder_ptr, holders, playlists_of_a_song, np.float32(-1.0))
        found = _found(estimates, chance, least, holder_ptr, holders, playlists_of_a_song)
        key = stream_key(seed, np.uint64(TIE), keys[row])
        offered = _shortlisted(found, estimates, owner, user, shrink, variety, shortlist, key, pids)
        estimates[found, 0] = 0.0
        _count_known(estimates, mine, holder_ptr, holders, playlists_of_a_song, np.float32(1.0))
        n = len(offered)
        sizes, totals = np.empty(n), np.zeros(n)
        for at in range(n):
            new = 0
            for song in playlist_songs[playlist_ptr[offered[at]] : playlist_ptr[offered[at] + 1]]:
                totals[at] += chance[song]
                new += not known[song]
            sizes[at] = new + shrink
        if n > pool:
            gain = totals / sizes + variety * totals
            kept = np.argsort(-gain, kind="mergesort")[:pool]
            offered, sizes, totals = offered[kept], sizes[kept], totals[kept]
        count = _grow(
            offered, sizes, totals, chance, playlist_ptr, playlist_songs, variety, share,
            values[offsets[row] : offsets[row] + most], gains[offsets[row] : offsets[row] + most],
        )  # fmt: skip
        offsets[row + 1] = offsets[row] + count
        for song in mine:
            known[song] = False
    return offsets, values[: offsets[-1]].copy(), gains[: offsets[-1]].copy()


@njit(nogil=True, cache=True)
def _count_known(estimates, mine, holder_ptr, holders, most, change):
    """Adds `change` to the new songs of each playlist for each song of the listener that it holds."""
    for song in mine:
        for playlist in holders[holder_ptr[song] : min(holder_ptr[song] + most, holder_ptr[song + 1])]:
            estimates[playlist, 1] += change


@njit(nogil=True, cache=True)
def _found(estimates, chance, least, holder_ptr, holders, most):
    """Playlists that hold a likely song, and their estimates made: the sum of such songs' chances."""
    likely = np.flatnonzero((chance >= least) & (chance > 0.0))
    found = np.empty(np.minimum(holder_ptr[likely + 1] - holder_ptr[likely], most).sum(), np.int64)
    n = 0
    for song in likely:
        for playlist in holders[holder_ptr[song] : min(holder_ptr[song] + most, holder_ptr[song + 1])]:
            if estimates[playlist, 0] == 0.0:
                found[n] = playlist
                n += 1
            estimates[playlist, 0] += chance[song]
    return found[:n]


@njit(nogil=True, cache=True)
def _shortlisted(found, estimates, owner, user, shrink, variety, most, key, pids):
    """At most `most` of the playlists found that the user does not own, those of the highest gain, in order of lot."""
    gains = np.empty(len(found), np.float32)
    for at in range(len(found)):
        likely, new = estimates[found[at]]
        gains[at] = likely * (1.0 / (new + shrink) + variety)
    kept = found
    if len(found) > most:
        least = greatest(gains, most)
        above = found[gains > least]
        ties = _by_lot(found[gains == least], key, pids)
        kept = np.concatenate((above, ties[: most - len(above)]))
    return _by_lot(kept[owner[kept] != user], key, pids)


@njit(nogil=True, cache=True)
def _by_lot(playlists, key, pids):
    lots = np.empty(len(playlists), np.uint64)
    for at in range(len(playlists)):
        lots[at] = hash_member(key, pids[playlists[at]])
    return playlists[np.argsort(lots)]


@njit(nogil=True, cache=True)
def _grow(offered, sizes, totals, chance, playlist_ptr, playlist_songs, variety, share, values, gains):
    """Takes playlist after playlist by the greatest gain, the first offered among equal ones; returns how many.

    Gains fall as the list grows, so the gain of before bounds that of now: only who leads by it is gone through again.
    """
    n = len(offered)
    covered, gone_through = np.zeros(len(chance), np.bool_), np.zeros(n, np.int64)
    gain = totals / sizes + variety * totals
    highest = np.inf
    for place in range(min(n, len(values))):
        best = np.argmax(gain)
        while gone_through[best] < place:
            fresh, again = 0.0, 0.0
            for song in playlist_songs[playlist_ptr[offered[best]] : playlist_ptr[offered[best] + 1]]:
                if covered[song]:
                    again += chance[song]
                else:
                    fresh += chance[song]
            gain[best] = (fresh + share * again) / sizes[best] + variety * fresh
            gone_through[best] = place
            best = np.argmax(gain)
        highest = min(highest, gain[best])
        values[place], gains[place] = offered[best], np.float32(highest)
        gain[best] = -1.0
        for song in playlist_songs[playlist_ptr[offered[best]] : playlist_ptr[offered[best] + 1]]:
            covered[song] = True
    return min(n, len(values))
