"""Calibration, mixing, facts and candidates of songs, each by hand."""

import numpy as np
import polars as pl
from scipy.sparse import csr_array
from song_worlds import facts, plays

from buddies_core.songs.calibration import Calibration
from buddies_core.songs.candidates import best_places, named, propose
from buddies_core.songs.facts import no_facts, rows_of, song_facts
from buddies_core.songs.histories import Histories
from buddies_core.songs.judged import JudgedList
from buddies_core.songs.lists import Groups, same_group
from buddies_core.songs.mixing import average_precision, best_mix, row_standard
from buddies_core.songs.narrow_kernels import entered
from buddies_core.songs.source_list import SOURCES
from buddies_core.songs.sources import fitted_sources


def test_chances_are_the_shares_that_were_played():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=20_000)
    true = 1 / (1 + np.exp(-(1.5 * scores - 2)))
    hits = rng.random(20_000) < true
    found = Calibration.of(scores, hits, np.ones(20_000), np.full(20_000, 9))
    np.testing.assert_allclose(
        found.chances(np.array([-1.0, 0.0, 2.0]), 9), 1 / (1 + np.exp(-np.array([-3.5, -2, 1]))), atol=0.03
    )


def test_scores_that_say_nothing_still_rise():
    found = Calibration.of(np.array([1.0, 2.0]), np.array([True, False]), np.ones(2), np.array([5, 5]))
    assert found.slope > 0


def test_the_mix_that_ranks_best_is_taken():
    good, bad = np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])
    hits = np.array([True, False, False])
    lists = [JudgedList({"blend": bad, "one": good, "two": bad}, hits, np.ones(3), 5, 1)]
    mix, figures = best_mix(lists, ("one", "two"))
    assert mix.weights == {"one": 1.0}
    assert figures["one"] == figures["mix"] == 1.0
    assert figures["two"] == figures["blend"] == 1 / 3


def test_average_precision_divides_by_what_was_hidden():
    assert average_precision(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]), 4) == (1 + 2 / 3) / 4


def test_what_is_barred_stays_last_and_does_not_move_the_others():
    found = row_standard(np.array([[1.0, -np.inf, 3.0], [2.0, 2.0, 2.0]]))
    assert found[0].tolist() == [-1.0, -2.0, 1.0]
    assert found[1].tolist() == [0.0, 0.0, 0.0]


def test_a_row_is_a_number_that_several_songs_share():
    assert rows_of(np.array([1, -1, 0, 1, -1])).toarray().tolist() == [[1, 0, 0, 1, 0]]
    assert rows_of(np.array([-1, -1])).shape == (0, 2)


def test_songs_without_text_have_no_side_rows():
    assert no_facts(3).side_rows().shape == (0, 3)
    texts = pl.DataFrame(
        schema={
            "song": pl.String,
            "artist_key": pl.String,
            "title_key": pl.String,
            "release": pl.String,
            "year": pl.UInt16,
        }
    )
    assert song_facts(["a", "b"], texts).descriptions().nnz == 0


def test_places_are_those_of_the_best_and_never_of_what_is_barred():
    found = best_places(np.array([[5.0, -np.inf, 7.0, 1.0]], np.float32), 3)
    assert found.tolist() == [[1.0, np.inf, 0.0, 2.0]]


def test_every_source_brings_its_best_songs_and_the_union_is_cut():
    models = fitted_sources(SOURCES, Histories(plays()), facts(), half_life=60.0)
    histories = Histories(plays())
    found = propose(models, histories, 15, half_life=1.0)
    assert found.songs.shape == (len(plays().toarray()), 15)
    known = plays().toarray() > 0
    for row, songs in enumerate(found.songs.tolist()):
        assert not known[row][songs].any()
        for _, model in models:
            best = np.where(known[row], -np.inf, model.scores(histories.of(np.array([row])).weights(1.0))[0]).argmax()
            assert best in songs


def test_a_source_that_reads_playlists_is_left_out_where_there_are_none():
    fitted = fitted_sources(SOURCES, Histories(plays()), no_facts(plays().shape[1]), half_life=60.0)
    names = {source.name for source, _ in fitted}
    assert not {"MPD playlists", "artists known", "popular lately"} & names
    assert "EASE with artists" in names


def test_lately_is_what_was_played_in_the_last_days_and_nothing_where_plays_have_no_date():
    matrix = csr_array(np.array([[2.0, 3.0, 0.0], [0.0, 1.0, 1.0]], np.float32))
    dated = Histories(matrix, np.array([31.0, 30.0, 0.0, 400.0], np.float32))
    assert dated.lately(30.0).toarray().tolist() == [[0, 1, 0], [0, 1, 0]]
    assert Histories(matrix).lately(30.0).nnz == 0


def test_a_source_names_no_song_of_which_it_says_the_least():
    scores = np.array([[0.0, 3.0, 0.0, 9.0, 5.0], [1.0, 1.0, 1.0, 1.0, 1.0]], np.float32)
    away = np.array([[False, False, False, True, False], [False] * 5])
    assert named(scores, away).tolist() == [[-np.inf, 3.0, -np.inf, -np.inf, 5.0], [-np.inf] * 5]


def test_an_old_play_weighs_less_and_never_nothing():
    matrix = csr_array(np.ones((1, 3), np.float32))
    found = Histories(matrix, np.array([0.0, 10.0, 1e6], np.float32)).weights(10.0)
    assert found.data.tolist() == [1.0, 0.5, np.float32(0.1)]
    assert Histories(matrix).weights(10.0).data.tolist() == [1.0, 1.0, 1.0]


def test_what_ranks_other_listeners_well_is_added_to_the_mix():
    one, other = np.array([3.0, 2.0, 1.0, 0.0]), np.array([0.0, 1.0, 2.0, 3.0])
    first, last = np.array([True, False, False, False]), np.array([False, False, False, True])
    lists = [
        JudgedList({"blend": one, "a": one, "b": other * 0.1}, first, np.ones(4), 5, 1),
        JudgedList({"blend": one * 0.1, "a": one * 0.1, "b": other}, last, np.ones(4), 5, 1),
    ]
    mix, figures = best_mix(lists, ())
    assert figures["mix"] == 1.0 > figures["a"]
    assert "b" in mix.weights


def test_songs_of_one_text_as_a_known_song_are_all_found():
    groups = Groups.of(np.array([5, -1, 5, 2, -1, 2, 5]))
    known = csr_array(np.array([[1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0, 1]], np.float32))
    found = same_group(Histories(known), groups).toarray() > 0
    assert [np.flatnonzero(row).tolist() for row in found] == [[0, 2, 6], [], [0, 2, 3, 5, 6]]


def test_songs_enter_by_their_best_place_and_then_by_the_blend():
    rng = np.random.default_rng(4)
    for width, most in ((60, 20), (12, 20), (20, 20)):
        places = rng.integers(0, 25, (7, width)).astype(np.float32)
        blend = rng.integers(-4, 5, (7, width)).astype(np.float32)
        places[:, width - 3 :], blend[:, width - 3 :] = np.inf, -np.inf
        found = entered(places, blend, most, np.float32(2.0))
        assert found.shape == (7, min(width, most))
        for row in range(7):
            by_blend = sorted(range(width), key=lambda at: -blend[row, at])
            rank = {at: place for place, at in enumerate(by_blend)}
            best = {at: min(2 * places[row, at], rank[at] if np.isfinite(blend[row, at]) else np.inf) for at in rank}
            kept = sorted(range(width), key=lambda at: (best[at], rank[at]))[:most]
            assert found[row].tolist() == sorted(kept, key=lambda at: rank[at])
