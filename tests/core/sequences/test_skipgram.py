"""Skip-gram: its alias table, its determinism, and that it brings together what stands together."""

import numpy as np
import pytest

from buddies_core.sequences.skipgram import SkipGramConfig, alias_table, train_skip_gram


def test_an_alias_table_holds_the_shares_it_was_made_of():
    weights = np.array([1.0, 5.0, 0.5, 3.5])
    threshold, alias = alias_table(weights)
    share = np.zeros(4)
    for slot in range(4):
        share[slot] += threshold[slot] / 4
        share[alias[slot]] += (1 - threshold[slot]) / 4
    assert share == pytest.approx(weights / weights.sum(), rel=1e-6)


def two_worlds() -> tuple[np.ndarray, np.ndarray]:
    """Playlists of ten songs, each of songs 0-19 alone or of songs 20-39 alone."""
    generator = np.random.default_rng(3)
    songs = np.concatenate([generator.permutation(20)[:10] + 20 * (k % 2) for k in range(400)]).astype(np.int32)
    return np.arange(0, 4_001, 10), songs


def test_a_song_scores_those_of_its_own_world_above_the_others():
    model = train_skip_gram(*two_worlds(), 40, SkipGramConfig(dimension=8, epochs=10))
    scores = model.inputs @ model.outputs.T
    same = np.equal.outer(np.arange(40) // 20, np.arange(40) // 20)
    assert scores[same].mean() > scores[~same].mean() + 1
    assert (scores[:20, :20].mean(1) > scores[:20, 20:].mean(1)).all()


def test_one_thread_gives_the_same_vectors_each_time_and_another_seed_others():
    config = SkipGramConfig(dimension=8, epochs=2)
    first, again = (train_skip_gram(*two_worlds(), 40, config) for _ in range(2))
    other = train_skip_gram(*two_worlds(), 40, config.model_copy(update={"seed": 1}))
    assert np.array_equal(first.inputs, again.inputs)
    assert np.array_equal(first.outputs, again.outputs)
    assert not np.array_equal(first.inputs, other.inputs)


def test_songs_below_the_least_count_and_songs_unheard_have_no_vector():
    indptr, songs = np.array([0, 3, 6]), np.array([0, 1, 2, 0, 1, 3], np.int32)
    model = train_skip_gram(indptr, songs, 5, SkipGramConfig(dimension=4, least=2, epochs=1))
    assert (np.abs(model.inputs).sum(1) > 0).tolist() == [True, True, False, False, False]
