"""Skip-gram: its determinism, and that it brings together what stands together."""

import numpy as np
import pytest
from oracles.skip_gram import plain_skip_gram

from buddies_core.errors import SequencesError
from buddies_core.sequences.skipgram import SkipGramConfig, train_skip_gram


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


@pytest.mark.parametrize("learning_rate", [0.05, 0.5])
def test_the_kernel_does_what_the_plain_loop_does(learning_rate):
    playlists = [[0, 1, 2, 3], [1, 0, 4], [0, 2, 1, 5, 3], [0, 1, 4, 2], [3, 0, 1, 2, 4], [0, 5]]
    config = SkipGramConfig(dimension=4, window=2, negatives=3, epochs=3, learning_rate=learning_rate)
    indptr = np.concatenate([[0], np.cumsum([len(playlist) for playlist in playlists])])
    found = train_skip_gram(indptr, np.concatenate(playlists).astype(np.int32), 6, config)
    inputs, outputs = plain_skip_gram(playlists, 6, config)
    assert found.inputs == pytest.approx(inputs, abs=2e-5)
    assert found.outputs == pytest.approx(outputs, abs=2e-5)


def test_a_wide_window_does_not_make_the_vectors_grow_without_bound():
    config = SkipGramConfig(dimension=8, epochs=30, window=40, learning_rate=0.05)
    assert np.linalg.norm(train_skip_gram(*two_worlds(), 40, config).outputs, axis=1).max() < 20


def test_steps_that_are_too_large_are_refused_by_their_names():
    with pytest.raises(SequencesError, match="diverged at learning_rate 1e"):
        train_skip_gram(*two_worlds(), 40, SkipGramConfig(dimension=4, epochs=1, learning_rate=1e30))
