"""The songs recommender: nothing known is named, nothing hidden is seen, and a request is ranked as a list is."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from song_worlds import LISTENERS, SMALL, SONGS, facts, fitted, hashes, plays

from buddies_core.recommenders.bpr.errors import TrainingError
from buddies_core.songs.histories import Histories
from buddies_core.songs.lessons import folds
from buddies_core.songs.model import SongsModel
from buddies_core.songs.sources import restored_sources, source_arrays


@pytest.fixture(scope="module")
def model() -> SongsModel:
    return fitted()


def test_no_list_names_a_song_that_the_listener_has_or_one_twice(model):
    lists = model.lists(Histories(plays()), 20)
    for row, known in zip(lists.songs.tolist(), plays().toarray(), strict=True):
        named = [song for song in row if song >= 0]
        assert len(named) == len(set(named)) == min(20, int((known == 0).sum()), SMALL.candidates)
        assert not known[named].any()


def test_chances_fall_within_a_list_and_lie_between_0_and_1(model):
    chances = model.lists(Histories(plays()), 10).chances
    assert ((chances > 0) & (chances < 1)).all()
    assert (np.diff(chances, axis=1) <= 0).all()


def test_songs_of_the_listeners_kind_come_first(model):
    lists = model.lists(Histories(plays()), 5).songs
    same = (lists % 2) == (np.arange(LISTENERS)[:, None] % 2)
    assert same.mean() > 0.9


def test_a_request_gets_the_features_that_a_list_is_ranked_by_to_the_bit(model):
    everybody = Histories(plays())
    offline = model.proposed(everybody)
    together = model.features(everybody, offline)
    for listener in (0, 7, 31):
        row = plays()[[listener]]
        alone = Histories(csr_array((row.data.copy(), row.indices.copy(), row.indptr.copy()), shape=row.shape))
        found = model.proposed(alone)
        assert found.songs[0].tolist() == offline.songs[listener].tolist()
        assert np.array_equal(model.features(alone, found)[0], together[listener], equal_nan=True)


def test_what_was_just_played_counts_at_the_next_request(model):
    before = np.zeros((1, SONGS), np.float32)
    before[0, [0, 2]] = 1
    after = before.copy()
    after[0, [1, 3, 5, 7]] = 1
    first, second = (model.lists(Histories(csr_array(row)), 8).songs[0] for row in (before, after))
    assert 1 not in second
    assert (second % 2 == 1).sum() > (first % 2 == 1).sum()


def test_songs_of_one_group_are_one_song(model):
    groups = np.full(SONGS, -1)
    groups[[2, 4, 6, 8]] = 0
    lists = model.lists(Histories(plays()), 20, groups).songs
    have = plays().toarray()[:, [2, 4, 6, 8]].any(axis=1)
    named = np.isin(lists, [2, 4, 6, 8]).sum(axis=1)
    assert have.any()
    assert not named[have].any()
    assert (named <= 1).all()


def test_a_stranger_and_a_listener_who_knows_nearly_all_get_lists(model):
    rows = np.ones((2, SONGS), np.float32)
    rows[0] = 0
    rows[1, 5] = 0
    lists = model.lists(Histories(csr_array(rows)), 10)
    assert (lists.songs[0] >= 0).all()
    assert lists.songs[1].tolist() == [5, *[-1] * 9]
    assert lists.chances[1, 1:].tolist() == [0.0] * 9


def test_two_fits_are_equal_to_the_bit(model):
    again = fitted()
    one, other = (found.lists(Histories(plays()), 10) for found in (again, model))
    assert np.array_equal(one.songs, other.songs)
    assert np.array_equal(one.chances, other.chances)


def test_sources_come_back_from_their_arrays(model):
    names = tuple(source for source, _ in model.models)
    again = restored_sources(names, source_arrays(model.models))
    for (_, one), (_, other) in zip(model.models, again, strict=True):
        assert np.array_equal(one.scores(plays()), other.scores(plays()))


def test_training_says_what_ranked_best_and_what_it_used(model):
    found = model.learning
    assert {"blend", "lambdarank", "classifier"} <= set(found.figures)
    assert sum(found.importances["classifier"].values()) == pytest.approx(1.0)
    assert set(found.shap["lambdarank"]) == set(model.feature_names)
    assert 0.5 < found.recall <= 1.0


def test_a_hidden_play_changes_no_fit_of_its_fold():
    histories = Histories(plays())
    parts = {"count": 3, "share": 0.5, "most": 1_000, "seed": 0}
    fold = next(iter(folds(histories, hashes(LISTENERS), hashes(SONGS), **parts)))
    row = np.repeat(np.arange(LISTENERS), fold.hidden.lengths)
    assert not (fold.seen.plays.toarray() > 0)[row, fold.hidden.plays.indices].any()
    louder = plays()
    place = {(r, c): at for at, (r, c) in enumerate(zip(*louder.tocoo().coords, strict=True))}
    for one in zip(row.tolist(), fold.hidden.plays.indices.tolist(), strict=True):
        louder.data[place[one]] = 99
    again = next(iter(folds(Histories(louder), hashes(LISTENERS), hashes(SONGS), **parts)))
    assert np.array_equal(again.seen.plays.data, fold.seen.plays.data)
    assert np.array_equal(again.seen.plays.indices, fold.seen.plays.indices)


def test_every_listener_with_enough_songs_is_asked_in_one_fold_and_keeps_a_half():
    histories = Histories(plays())
    found = list(folds(histories, hashes(LISTENERS), hashes(SONGS), count=3, share=0.5, most=1_000, seed=0))
    asked = np.concatenate([fold.listeners for fold in found])
    assert sorted(asked.tolist()) == np.flatnonzero(histories.lengths >= 6).tolist()
    for fold in found:
        kept, gone = fold.seen.lengths[fold.listeners], fold.hidden.lengths[fold.listeners]
        assert (gone == histories.lengths[fold.listeners] // 2).all()
        assert (kept + gone == histories.lengths[fold.listeners]).all()


def test_nothing_to_learn_from_is_a_named_error():
    with pytest.raises(TrainingError, match="no play to learn from"):
        SongsModel(SMALL).fit(Histories(csr_array((2, SONGS), dtype=np.float32)), facts(), hashes(2), hashes(SONGS))


def test_dated_folds_hide_what_anybody_met_last_and_tell_ages_as_of_then():
    matrix = plays()
    met = np.random.default_rng(0).permutation(np.linspace(0, 400, matrix.nnz, dtype=np.float32))
    histories = Histories(matrix, met / 2, met)
    found = list(folds(histories, hashes(LISTENERS), hashes(SONGS), count=2, share=0.5, most=1_000, seed=0))
    assert len(found) == 2
    assert found[0].seen is found[1].seen
    assert found[0].seen.met.min() >= 0
    assert found[0].seen.plays.nnz + found[0].hidden.plays.nnz == matrix.nnz
    assert found[0].hidden.met.max() < np.quantile(met, 0.26)
    assert not set(found[0].listeners) & set(found[1].listeners)
