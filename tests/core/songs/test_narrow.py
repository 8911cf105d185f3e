"""Candidates without a score for every song, beside those that score everything."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from song_worlds import LISTENERS, SONGS, facts, hashes, plays

from buddies_core.recommenders.random_walk import RandomWalk, RandomWalkConfig
from buddies_core.songs.candidates import propose
from buddies_core.songs.config import SongsConfig
from buddies_core.songs.histories import Histories
from buddies_core.songs.lessons import folds
from buddies_core.songs.model import SongsModel
from buddies_core.songs.narrow import narrowed, propose_narrow
from buddies_core.songs.source_list import NARROW
from buddies_core.songs.sources import fitted_sources

BARRED = csr_array((np.ones(2, np.float32), ([0, 3], [5, 7])), shape=(LISTENERS, SONGS))


@pytest.fixture(scope="module")
def models():
    return fitted_sources(NARROW, Histories(plays()), facts(), half_life=60.0)


def test_where_the_union_is_cut_nowhere_songs_scores_and_blend_are_those_of_the_dense_form(models):
    histories = Histories(plays())
    dense = propose(models, histories, SONGS, half_life=60.0, barred=BARRED)
    narrow = propose_narrow(narrowed(models), histories, SONGS, half_life=60.0, barred=BARRED)
    for row in range(LISTENERS):
        there = np.isfinite(narrow.blend[row])
        songs, place = narrow.songs[row, there], {song: at for at, song in enumerate(dense.songs[row].tolist())}
        at = [place[song] for song in songs.tolist()]
        assert np.isfinite(dense.blend[row, at]).all()
        np.testing.assert_allclose(narrow.blend[row, there], dense.blend[row, at], atol=1e-4)
        for name, values in narrow.scores.items():
            np.testing.assert_allclose(values[row, there], dense.scores[name][row, at], atol=1e-4, err_msg=name)


def test_nothing_known_or_barred_is_proposed_and_every_source_of_neighbours_brings_its_best(models):
    histories = Histories(plays())
    found = propose_narrow(narrowed(models), histories, 12, half_life=60.0, barred=BARRED)
    away = (plays().toarray() > 0) | (BARRED.toarray() > 0)
    by_name = {source.name: model for source, model in models}
    for row in range(LISTENERS):
        songs = found.songs[row, np.isfinite(found.blend[row])]
        assert len(set(songs.tolist())) == len(songs)
        assert not away[row, songs].any()
        for name in ("item neighbours", "popular", "EASE with artists"):
            scores = np.where(away[row], -np.inf, by_name[name].scores(histories.of(np.array([row])).known)[0])
            if len(songs) == 12 and scores.max() > 0:
                assert scores.argmax() in songs, name


def test_walks_that_keep_all_ends_score_as_the_graph_does():
    graph = RandomWalk(RandomWalkConfig(beta=0.3)).fit(plays())
    kept = RandomWalk(RandomWalkConfig(beta=0.3, exact_rows=0, neighbours=SONGS)).fit(plays())
    known = plays().toarray() > 0
    one, other = graph.scores(plays()), kept.scores(plays())
    np.testing.assert_allclose(other[~known], one[~known], rtol=1e-4, atol=1e-7)
    again = RandomWalk.from_arrays(kept.config, kept.arrays())
    assert np.array_equal(again.scores(plays()), other)


def test_a_large_catalogue_is_learnt_from_and_listed_without_a_score_for_every_song():
    config = SongsConfig(candidates=24, trees=12, all_of_best=10, thin=2, threads=1)
    assert config.at_size(1_000, 1_000) is config
    large = config.at_size(1_019_318, 384_546)
    assert large.narrow
    model = SongsModel(large).fit(Histories(plays()), facts(), hashes(LISTENERS), hashes(SONGS))
    lists = model.lists(Histories(plays()), 8)
    known = plays().toarray() > 0
    for row, songs in enumerate(lists.songs.tolist()):
        named = [song for song in songs if song >= 0]
        assert len(named) == len(set(named)) > 4
        assert not known[row, named].any()
    assert ((lists.songs % 2) == (np.arange(LISTENERS)[:, None] % 2)).mean() > 0.8


def test_where_few_are_asked_every_fold_hides_at_once():
    histories = Histories(plays())
    parts = {"count": 2, "share": 0.5, "seed": 0}
    found = list(folds(histories, hashes(LISTENERS), hashes(SONGS), most=4, **parts))
    asked = np.concatenate([fold.listeners for fold in found])
    assert len(asked) == 4 == len(set(asked.tolist()))
    assert all(fold.seen is found[0].seen for fold in found)
    assert sum(fold.hidden.plays.nnz for fold in found) + found[0].seen.plays.nnz == histories.plays.nnz
