"""Candidates, rankers and whole models of a corpus in which the next song is plain to see."""

import numpy as np
import pytest
from small_sequences import CONFIG, SMALL

from buddies_core.artifact.errors import ServedModelError
from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.evaluation import evaluate_continuation, evaluate_next_track
from buddies_core.sequences.feature_names import FEATURES
from buddies_core.sequences.features import Featuriser
from buddies_core.sequences.fit import fit_index
from buddies_core.sequences.models import CONTINUE, NEXT, SequenceModels
from buddies_core.sequences.query import Query
from buddies_core.sequences.ranker_training import Example, RankerConfig, train_ranker
from buddies_core.sequences.tasks import LAST, next_track_questions
from buddies_core.sequences.training import fit_models


def test_candidates_are_new_songs_with_finite_features_and_tables_are_clean_afterwards(corpus):
    songs, sequences = corpus
    featuriser = Featuriser(fit_index(sequences, catalogue_of(songs), SMALL))
    held, artists = sequences.playlist(0)
    query = Query(held[:4], artists[:4], "artist 0")
    first = featuriser.candidates(query)
    assert not np.isin(first.songs, held[:4]).any()
    assert first.features.shape == (len(first.songs), len(FEATURES))
    assert np.isfinite(first.features).all()
    featuriser.candidates(Query(held[::-1], artists[::-1], "something else"))
    again = featuriser.candidates(query)
    assert np.array_equal(first.features, again.features)


def test_nothing_known_still_names_what_is_popular(corpus):
    songs, sequences = corpus
    featuriser = Featuriser(fit_index(sequences, catalogue_of(songs), SMALL))
    unknown = np.array([len(songs) + 3])
    for query in (Query(unknown, np.array([len(songs.artists) + 1])), Query(unknown[:0], unknown[:0])):
        candidates = featuriser.candidates(query)
        assert len(candidates.songs) > 0
        assert np.isfinite(candidates.features).all()


def test_a_song_by_a_known_artist_that_is_not_known_itself_finds_the_artist(corpus):
    songs, sequences = corpus
    featuriser = Featuriser(fit_index(sequences, catalogue_of(songs), SMALL))
    candidates = featuriser.candidates(Query(np.array([len(songs)]), np.array([2])))
    own = songs.artist_of[candidates.songs] == 2
    assert candidates.column("artist_is_last")[own].tolist() == [1.0] * 5
    assert candidates.column("artist_is_last")[~own].sum() == 0


def test_the_served_blend_names_the_next_song_of_the_run(corpus, models):
    _songs, sequences = corpus
    answerer = models.answerer(NEXT)
    hits = []
    for question in next_track_questions(sequences, seed=1, kinds=(LAST,)):
        candidates, scores = answerer.ranked(question.query)
        hits.append(candidates.songs[scores.argmax()] == question.right[0])
    assert np.mean(hits) > 0.8


def test_models_from_their_arrays_answer_to_the_bit(corpus, models):
    _, sequences = corpus
    again = SequenceModels.from_arrays(models.arrays())
    held, artists = sequences.playlist(3)
    for task in (NEXT, CONTINUE):
        first, second = (m.answerer(task).ranked(Query(held[:3], artists[:3], "x"))[1] for m in (models, again))
        assert np.array_equal(first, second)


def test_the_same_playlists_give_the_same_models_to_the_bit(corpus, models):
    songs, sequences = corpus
    again = fit_models(sequences, catalogue_of(songs), CONFIG).arrays()
    assert all(np.array_equal(array, again[name]) for name, array in models.arrays().items())


def test_a_ranker_learns_which_feature_tells():
    generator = np.random.default_rng(1)
    examples = []
    for _ in range(200):
        features = generator.normal(size=(30, 3)).astype(np.float32)
        examples.append(Example(features, np.arange(30) == features[:, 1].argmax()))
    ranker = train_ranker(examples[:150], RankerConfig(epochs=30, dropout=0.0))
    right = [example.right[ranker.scores(example.features).argmax()] for example in examples[150:]]
    assert np.mean(right) > 0.8


def test_reports_hold_every_baseline_and_unknown_answers_stay_in_the_denominator(corpus, models):
    songs, sequences = corpus
    report = evaluate_next_track(models, sequences, seed=1)
    assert report.value("most popular", "last", "hit@100") == 1.0
    assert set(report.rows["queries"]) == {40}
    beyond = sequences.songs.copy()
    beyond[sequences.indptr[1:] - 1] = len(songs) + 5
    from dataclasses import replace

    lost = evaluate_next_track(models, replace(sequences, songs=beyond), seed=1)
    assert lost.value("blend (served)", "last", "hit@100") == 0.0
    whole = evaluate_continuation(models, sequences, seed=1, of_each=5)
    assert {"0", "mean"} <= set(whole.rows["kind"])


def test_what_an_older_version_stored_is_told_to_be_fitted_again(models):
    older = {name: array for name, array in models.arrays().items() if name != "forward_songs"}
    with pytest.raises(ServedModelError, match="lacks forward_songs: fit it again"):
        SequenceModels.from_arrays(older)
