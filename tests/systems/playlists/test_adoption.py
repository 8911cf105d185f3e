"""Owners for what is liked, but by nobody in train who has room."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import adoption as twin

from buddies_assets.systems.playlists.adoption import Bidders, adopt, best_fits
from buddies_assets.systems.playlists.ownership import NOBODY
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged

N_SONGS = 8
sets = st.sets(st.integers(0, N_SONGS - 1))


def library(rows: list[set[int]]) -> Library:
    lengths = [len(row) for row in rows]
    songs = np.array([song for row in rows for song in sorted(row)], np.int64)
    return Library.from_pairs(np.repeat(np.arange(len(rows)), lengths), songs, len(rows), N_SONGS)


def ragged(lists: list[list[int]]) -> Ragged:
    return Ragged(np.cumsum([0, *map(len, lists)]), np.array([v for part in lists for v in part], np.uint32))


@settings(deadline=None, max_examples=80)
@given(data=st.data(), users=st.lists(sets, min_size=1, max_size=7), held=st.lists(sets, min_size=1, max_size=9))
def test_owners_are_those_of_the_twin(data, users, held):
    n = len(users)
    more = data.draw(st.lists(st.integers(0, 5), min_size=n + len(held), max_size=n + len(held)))
    songs = [len(user) + 1 + extra for user, extra in zip(users, more[:n], strict=True)]
    lengths = [len(playlist) + 1 + extra for playlist, extra in zip(held, more[n:], strict=True)]
    exploration = data.draw(st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=n, max_size=n))
    barred = data.draw(st.sets(st.integers(0, n - 1)))
    owned = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    playlists = sorted(data.draw(st.sets(st.integers(0, len(held) - 1))))
    held_out = [data.draw(st.sets(st.integers(0, n - 1))) for _ in playlists]
    cap = data.draw(st.integers(1, 4))
    expected = twin.adopt(playlists, held, lengths, held_out, users, songs, exploration, barred, owned, cap)
    bidders = Bidders(
        library(users), np.array(exploration), np.array(songs), np.isin(np.arange(n), list(barred)), np.array(owned)
    )
    theirs = ragged([sorted(part) for part in held_out])
    owner, priority = adopt(np.array(playlists), library(held), np.array(lengths), theirs, bidders, cap=cap)
    assert [None if who == NOBODY else int(who) for who in owner] == expected
    assert np.array_equal(np.isnan(priority), owner == NOBODY)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), users=st.lists(sets, min_size=1, max_size=7), held=st.lists(sets, min_size=1, max_size=9))
def test_whom_playlists_fit_best_are_those_who_would_adopt_them_one_after_the_other(data, users, held):
    n = len(users)
    songs = [len(user) + 1 for user in users]
    lengths = [len(playlist) + 1 for playlist in held]
    exploration = data.draw(st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=n, max_size=n))
    barred = data.draw(st.sets(st.integers(0, n - 1)))
    # However many somebody owns already: nothing is given away.
    owned = data.draw(st.lists(st.integers(0, 200), min_size=n, max_size=n))
    playlists = sorted(data.draw(st.sets(st.integers(0, len(held) - 1))))
    bidders = Bidders(
        library(users), np.array(exploration), np.array(songs), np.isin(np.arange(n), list(barred)), np.array(owned)
    )
    found = best_fits(np.array(playlists, np.int64), library(held), np.array(lengths), bidders)
    for playlist, fits in zip(playlists, found.tolist(), strict=True):
        before: set[int] = set()
        for fit in fits:
            one = (users, songs, exploration, barred, [0] * n, 1)
            (expected,) = twin.adopt([playlist], held, lengths, [before], *one)
            assert (None if fit == NOBODY else fit) == expected
            before |= set() if expected is None else {expected}


def test_a_playlist_goes_to_whom_it_fits_and_not_to_whose_positive_it_is():
    bidders = Bidders(library([{0, 1}, {0}, {5}]), np.zeros(3), np.array([2, 9, 1]), np.zeros(3, bool), np.zeros(3))
    one = library([{0, 1}])
    # User 0 bids ln 3 / 2, user 1 ln 2 / 9, user 2 nothing.
    assert adopt(np.array([0]), one, np.array([2]), ragged([[]]), bidders, cap=1)[0].tolist() == [0]
    assert adopt(np.array([0]), one, np.array([2]), ragged([[0]]), bidders, cap=1)[0].tolist() == [1]
    assert adopt(np.array([0]), one, np.array([2]), ragged([[0, 1]]), bidders, cap=1)[0].tolist() == [NOBODY]
