"""The pairing kernel: nearest users one user at a time, one thread, no GIL. `pairing.nearest` is the way in.

Bound, for a user who shares songs with n others, M songs in all: M increments in an accumulator of one byte a user
(100 KB for 101,713 users: L2), then one pass over the n others that compares a number with a limit from a table of
as many entries as counts occur. What passes the limit (a few hundred of tens of thousands) is ordered exactly.
"""

import numpy as np
from numba import njit

from buddies_core.kernels.buffers import grown

_SLACK = 412


@njit(nogil=True, cache=True)
def _count_shared(counts, songs, song_indptr, song_users, touched):
    n = 0
    for song in songs:
        for i in range(song_indptr[song], song_indptr[song + 1]):
            number = song_users[i]
            count = counts[number]
            touched[n] = number
            n += count == 0
            counts[number] = count + 1
    return n


@njit(nogil=True, cache=True)
def _precedes(value, user, other_value, other_user):
    return value > other_value or (value == other_value and user < other_user)


@njit(nogil=True, cache=True)
def _keep_best(values, members, shared, n, wanted):
    """Moves the `wanted` best of n (highest value, then lowest member) to the front; returns how many are kept."""
    if n <= wanted:
        return n
    low, high = 0, n - 1
    while low < high:
        pivot, pivot_member = values[(low + high) // 2], members[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while _precedes(values[i], members[i], pivot, pivot_member):
                i += 1
            while _precedes(pivot, pivot_member, values[j], members[j]):
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                members[i], members[j] = members[j], members[i]
                shared[i], shared[j] = shared[j], shared[i]
                i += 1
                j -= 1
        if wanted - 1 <= j:
            high = j
        elif wanted - 1 >= i:
            low = i
        else:
            break
    return wanted


@njit(nogil=True, cache=True)
def _order(values, members, shared, n):
    """Shell sort of the first n by (-value, member)."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap >= 1:
        for i in range(gap, n):
            value, member, count = values[i], members[i], shared[i]
            j = i
            while j >= gap and _precedes(value, member, values[j - gap], members[j - gap]):
                values[j], members[j], shared[j] = values[j - gap], members[j - gap], shared[j - gap]
                j -= gap
            values[j], members[j], shared[j] = value, member, count
        gap //= 3


@njit(nogil=True, cache=True)
def _numbers_within(worst, n_counts, first_longer, limits):
    """For each count, one past the last user number whose count² / songs is at least `worst`."""
    longest = len(first_longer) - 1
    for count in range(1, n_counts + 1):
        square = np.float64(count) * np.float64(count)
        songs = np.int64(min(square / worst, np.float64(longest)))
        # The quotient may round to either side of a whole number; the comparison itself decides.
        while songs < longest and square / np.float64(songs + 1) >= worst:
            songs += 1
        while songs > 0 and square / np.float64(songs) < worst:
            songs -= 1
        limits[count] = first_longer[songs]


@njit(nogil=True, cache=True)
def _select(counts, touched, n, user, n_songs, original, songs_of, first_longer, limits, values, members, shared, most):
    """The best of the touched, in order, at the front of `values`, `members` and `shared`; clears `counts`."""
    limits[: n_songs + 1] = len(original)
    filled = 0
    for i in range(n):
        number = touched[i]
        count = np.int64(counts[number])
        counts[number] = 0
        if number >= limits[count]:
            continue
        member = original[number]
        if member == user:
            continue
        values[filled] = np.float64(count) * np.float64(count) / np.float64(songs_of[number])
        members[filled], shared[filled] = member, count
        filled += 1
        if filled == len(values):
            filled = _keep_best(values, members, shared, filled, most)
            worst = values[0]
            for k in range(1, filled):
                worst = min(worst, values[k])
            _numbers_within(worst, n_songs, first_longer, limits)
    filled = _keep_best(values, members, shared, filled, most)
    _order(values, members, shared, filled)
    return filled


@njit(nogil=True, cache=True)
def nearest_users(user_indptr, user_songs, start, stop, song_indptr, song_users, original, songs_of, most):
    """Nearest users of [start, stop): (how many of each, users, shared songs), best first.

    Users are numbered by songs, so that "enough in common for that many songs" is one comparison of numbers:
    `original` and `songs_of` give the user and the songs of each number.
    """
    n_users = len(original)
    longest = np.int64(songs_of[-1]) if n_users else 0
    narrow = np.zeros(n_users, np.uint8)
    wide = np.zeros(n_users if longest > 255 else 0, np.uint16)
    touched = np.empty(n_users + 1, np.uint32)
    limits = np.empty(longest + 1, np.int64)
    # first_longer[s]: the first number whose user has more than s songs.
    first_longer = np.searchsorted(songs_of, np.arange(longest + 1), side="right")
    values = np.empty(most + _SLACK)
    members, shared = np.empty(most + _SLACK, np.uint32), np.empty(most + _SLACK, np.uint32)
    found = np.zeros(stop - start, np.int64)
    all_users, all_shared = np.empty(1024, np.uint32), np.empty(1024, np.uint32)
    total = 0
    for row in range(stop - start):
        user = start + row
        songs = user_songs[user_indptr[user] : user_indptr[user + 1]]
        n_songs = len(songs)
        if n_songs <= 255:
            n = _count_shared(narrow, songs, song_indptr, song_users, touched)
            n = _select(
                narrow,
                touched,
                n,
                user,
                n_songs,
                original,
                songs_of,
                first_longer,
                limits,
                values,
                members,
                shared,
                most,
            )
        else:
            n = _count_shared(wide, songs, song_indptr, song_users, touched)
            n = _select(
                wide, touched, n, user, n_songs, original, songs_of, first_longer, limits, values, members, shared, most
            )
        all_users, all_shared = grown(all_users, total + n), grown(all_shared, total + n)
        all_users[total : total + n] = members[:n]
        all_shared[total : total + n] = shared[:n]
        total += n
        found[row] = n
    return found, all_users[:total].copy(), all_shared[:total].copy()
