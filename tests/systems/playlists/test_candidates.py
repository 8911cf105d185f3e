"""Candidates against sets."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.candidates import candidates_of

from buddies_assets.systems.playlists.pairing.candidates import draw_candidates
from buddies_core.interactions.ragged import Ragged

N_USERS, N_PLAYLISTS = 6, 30


def ragged(lists: list[list[int]]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in lists])])
    return Ragged(offsets, np.array([v for part in lists for v in part], np.uint32))


def parts(lists: Ragged) -> list[list[int]]:
    return [part.tolist() for part in np.split(lists.values, lists.offsets[1:-1])]


@settings(deadline=None, max_examples=60)
@given(
    owners=st.lists(st.integers(-1, N_USERS - 1), min_size=N_PLAYLISTS, max_size=N_PLAYLISTS),
    neighbours=st.lists(st.sets(st.integers(0, N_USERS - 1)), min_size=N_USERS, max_size=N_USERS),
    liked=st.lists(st.sets(st.integers(0, N_PLAYLISTS + 5)), min_size=N_USERS, max_size=N_USERS),
    keys=st.lists(st.integers(0, 2**64 - 1), min_size=N_USERS, max_size=N_USERS),
    pids=st.sets(st.integers(0, 2**32 - 1), min_size=N_PLAYLISTS, max_size=N_PLAYLISTS).map(sorted),
    seed=st.integers(0, 2**63),
    draw=st.integers(0, 5),
    most=st.integers(0, 12),
)
def test_candidates_are_those_of_the_twin(owners, neighbours, liked, keys, pids, seed, draw, most):
    owned = [{p for p, owner in enumerate(owners) if owner == user} for user in range(N_USERS)]
    neighbours = [sorted(part - {user}) for user, part in enumerate(neighbours)]
    found = draw_candidates(
        np.arange(N_USERS),
        ragged(neighbours),
        ragged([sorted(part) for part in owned]),
        ragged([sorted(part) for part in liked]),
        keys=np.array(keys, np.uint64),
        pids=np.array(pids, np.uint32),
        seed=seed,
        draw=draw,
        most=most,
    )
    common = {"pids": pids, "seed": seed, "draw": draw, "most": most}
    assert parts(found) == [
        candidates_of(user, neighbours[user], owned, liked[user], key=keys[user], **common) for user in range(N_USERS)
    ]


def test_another_draw_offers_other_playlists_and_the_same_draw_the_same():
    owned = ragged([[], list(range(1_000))])

    def draw(number: int) -> list[int]:
        known = {"keys": np.array([77]), "pids": np.arange(1_000)}
        return parts(draw_candidates(np.array([0]), ragged([[1]]), owned, ragged([[]]), seed=1, draw=number, **known))[
            0
        ]

    assert draw(1) == draw(1) and len(draw(1)) == 75
    assert len(set(draw(1)) & set(draw(2))) < 30


def test_users_asked_for_apart_get_the_same_as_together():
    owned = ragged([[0, 1], [2, 3], [4, 5, 6]])
    keys, same = np.array([71, 72]), {"pids": np.arange(9), "seed": 3, "most": 3}
    both = draw_candidates(np.array([0, 1]), ragged([[1, 2], [0, 2]]), owned, ragged([[], [4]]), keys=keys, **same)
    alone = draw_candidates(np.array([1]), ragged([[0, 2]]), owned, ragged([[4]]), keys=keys[1:], **same)
    assert parts(both)[1] == parts(alone)[0]
