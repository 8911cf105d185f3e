"""Playlists chosen by a taste of songs: by hand, beside its definition, and what a blend learns."""

import numpy as np
import pytest
from oracles.taste import chosen
from scipy.sparse import csr_array

from buddies_assets.sources.steps.hidden import hashes
from buddies_assets.systems.playlists.taste.choice import VARIETY, choose_playlists, playlists_of_songs
from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import TIE, hash_pairs
from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.recommenders.song_taste import SongTaste, artist_rows


def library(rows: list[list[int]], n_columns: int) -> Library:
    row = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    return Library.from_pairs(row, np.array([c for r in rows for c in r], int), len(rows), n_columns)


SEED = 5


def choose(chances, user_songs, playlists, owner=None, pids=None, **settings):
    n_songs = np.shape(chances)[1]
    pids = np.arange(len(playlists)) if pids is None else np.asarray(pids)
    held = library(playlists, n_songs)
    nobody = np.full(len(playlists), -1)
    lists, gains = choose_playlists(
        np.arange(len(user_songs)),
        np.asarray(chances, np.float32),
        library(user_songs, n_songs),
        held,
        playlists_of_songs(held, pids, seed=SEED),
        nobody if owner is None else np.asarray(owner),
        keys=user_keys(len(user_songs)),
        pids=pids,
        seed=SEED,
        **{"most": 5, **settings},
    )
    cut = [(lists.offsets[u], lists.offsets[u + 1]) for u in range(len(user_songs))]
    return [lists.values[a:b].tolist() for a, b in cut], [gains[a:b].tolist() for a, b in cut]


def user_keys(n: int) -> np.ndarray:
    return hashes(f"user {number}" for number in range(n))


def test_the_mean_is_over_new_songs_and_shrunk_by_hand():
    # User has song 0. Playlist 0: new songs 1, 2: (0.6 + 0.2) / (2 + 1) = 0.267. Playlist 1: song 1: 0.6 / 2 = 0.3.
    lists, gains = choose([[0.9, 0.6, 0.2]], [[0]], [[0, 1, 2], [1]], shrink=1.0, variety=0.0, covered=1.0)
    assert lists == [[1, 0]]
    assert gains[0] == pytest.approx([0.3, 0.8 / 3])


def test_variety_prefers_songs_that_no_playlist_before_holds():
    # Playlists 0 and 1 hold the same song; 2 holds a slightly less likely one that is another.
    chances, playlists = [[0.5, 0.4]], [[0], [0], [1]]
    assert choose(chances, [[]], playlists, variety=0.0, covered=1.0)[0][0][2] == 2
    assert choose(chances, [[]], playlists, variety=1.0, covered=1.0)[0][0][1] == 2


def test_a_song_that_is_in_the_list_already_counts_for_less_in_the_mean():
    # After playlist 0 the twin counts 0.5 x 0.7 / 1 = 0.35 and the other song 0.4; without the discount 0.5.
    lists, gains = choose([[0.5, 0.4]], [[]], [[0], [0], [1]], shrink=0.0, variety=0.0, covered=0.7)
    assert lists[0][1] == 2
    assert gains[0] == pytest.approx([0.5, 0.4, 0.35])


def test_of_playlists_that_bring_the_same_each_is_shown_to_as_many_and_rows_do_not_matter():
    # Ten playlists of one song, in rows one way and the other round: each first for a tenth of 2,000 listeners.
    chances, nobody, pids = [[0.5]] * 2_000, [[]] * 2_000, np.arange(40, 50)
    first = np.array(choose(chances, nobody, [[0]] * 10, pids=pids, most=1, shortlist=4, pool=2)[0])[:, 0]
    turned = np.array(choose(chances, nobody, [[0]] * 10, pids=pids[::-1], most=1, shortlist=4, pool=2)[0])[:, 0]
    assert np.array_equal(pids[first], pids[::-1][turned])
    assert np.bincount(first, minlength=10) == pytest.approx(200, abs=5 * (2_000 * 0.1 * 0.9) ** 0.5)


def test_the_first_of_a_long_list_are_the_short_list():
    generator = np.random.default_rng(3)
    chances = generator.random((6, 30)) / 4
    playlists = [np.flatnonzero(generator.random(30) < 0.2).tolist() for _ in range(60)]
    short, long = (choose(chances, [[]] * 6, playlists, most=most) for most in (10, 40))
    assert short[0] == [found[:10] for found in long[0]]
    assert short[1] == [gains[:10] for gains in long[1]]


def test_own_playlists_and_those_without_a_new_song_are_left_out():
    lists, _ = choose([[0.5, 0.5, 0.5]], [[0]], [[0], [1], [2]], owner=[-1, 0, -1])
    assert lists == [[2]]


def test_it_takes_what_its_definition_takes_on_random_worlds():
    generator = np.random.default_rng(11)
    chances = np.where(generator.random((12, 40)) < 0.4, 0, generator.random((12, 40)) / 4)
    user_songs = [np.flatnonzero(generator.random(40) < 0.15).tolist() for _ in range(12)]
    playlists = [np.flatnonzero(generator.random(40) < 0.12).tolist() for _ in range(50)]
    owner = generator.integers(-1, 12, 50)
    found, gains = choose(chances, user_songs, playlists, owner, most=8, shrink=0.7, variety=0.2, covered=0.6)
    for user, key in enumerate(user_keys(12).tolist()):
        lots = hash_pairs(SEED, TIE, key, np.arange(50)).tolist()
        own = set(np.flatnonzero(owner == user).tolist())
        expected = chosen(
            np.asarray(chances[user], np.float32), set(user_songs[user]), [set(p) for p in playlists], own,
            most=8, shrink=0.7, variety=0.2, covered=0.6, lots=lots,
        )  # fmt: skip
        assert found[user] == expected[0]
        assert gains[user] == pytest.approx(expected[1], rel=1e-5)
        assert gains[user] == sorted(gains[user], reverse=True)


def test_a_short_list_keeps_what_is_dense_in_songs_new_to_the_listener():
    # Playlist 0 has one likely song among ten known ones, playlist 1 the same among ten that nobody plays: only the
    # first is dense in what is new, and the estimate that shortens the list knows it. The owner's own is not counted.
    known, others = list(range(1, 11)), list(range(11, 21))
    chances = [[0.5] + [0.0] * 20]
    lists, gains = choose(
        chances, [known], [[0, *known], [0, *others], [0]], [-1, -1, 0], most=1, pool=1, shortlist=2, shrink=0.5
    )
    assert lists == [[0]]
    assert gains[0] == pytest.approx([0.5 / 1.5 + VARIETY * 0.5])


def two_kinds(n_users: int = 60, n_songs: int = 30) -> csr_array:
    """Users of even number play even songs, the others odd ones, each most of them."""
    generator = np.random.default_rng(2)
    same = (np.arange(n_users)[:, None] + np.arange(n_songs)) % 2 == 0
    return csr_array((same & (generator.random(same.shape) < 0.7)).astype(np.float32))


def fitted(plays: csr_array) -> SongTaste:
    users, songs = (hashes(f"{side}{i}" for i in range(n)) for side, n in zip("us", plays.shape, strict=True))
    nothing = csr_array((1, plays.shape[1]), dtype=np.float32)
    return SongTaste.fit(plays, nothing, nothing, user_hashes=users, song_hashes=songs, seed=1)


def test_what_listeners_of_a_kind_play_is_likelier_than_all_else():
    plays = two_kinds()
    scores = fitted(plays).scores(plays)
    scores[plays.toarray() > 0] = np.nan
    same = (np.arange(60)[:, None] + np.arange(30)) % 2 == 0
    assert np.nanmin(np.where(same, scores, np.nan)) > np.nanmax(np.where(same, np.nan, scores))


def test_the_stored_arrays_are_the_model_to_the_bit_and_two_fits_are_equal():
    plays = two_kinds()
    model = fitted(plays)
    again = SongTaste.from_arrays(model.arrays(), model.blend)
    assert np.array_equal(again.scores(plays), model.scores(plays))
    assert np.array_equal(fitted(plays).scores(plays), model.scores(plays))


def test_artists_are_told_apart_whatever_their_case_and_need_two_songs():
    assert artist_rows(["Air", "Blur", "AIR", "Cake"]).toarray().tolist() == [[1, 0, 1, 0]]


def test_without_any_play_there_is_nothing_to_learn():
    with pytest.raises(TrainingError, match="no listener has a song"):
        fitted(csr_array((3, 4), dtype=np.float32))
