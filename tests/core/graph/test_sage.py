"""GraphSAGE on four tastes: inductive, blind to its target, the same each time, gone on with after a stop."""

import subprocess
import sys

import numpy as np
import pytest

from buddies_core.errors import SequencesError
from buddies_core.graph.link_metrics import auc
from buddies_core.graph.links import TEST, TRAIN, VALIDATION, chosen_rows, judged_links, parts_of_links
from buddies_core.graph.sage import PlaylistGraph, SageModel, degree_step, link_scores
from buddies_core.graph.sage_config import SageConfig
from buddies_core.graph.sage_training import train_sage
from buddies_core.sequences.corpus import Sequences

CONFIG = SageConfig(dimension=8, epochs=6, playlists=20, targets=6, negatives=40, learning_rate=0.05)
SONGS, ARTISTS = 160, 40


def world() -> Sequences:
    """120 playlists of 16 songs of one of four tastes; song s is of taste s % 4 and artist s // 4."""
    rows = [
        4 * np.random.default_rng(pid).choice(SONGS // 4, 16, replace=False).astype(np.int32) + pid % 4
        for pid in range(120)
    ]
    songs = np.concatenate(rows)
    indptr = np.arange(121, dtype=np.int64) * 16
    return Sequences(indptr, songs, songs // 4, np.arange(120), [""] * 120, SONGS, ARTISTS)


def graph_of(sequences: Sequences) -> PlaylistGraph:
    return PlaylistGraph(
        sequences.indptr, sequences.songs, (np.arange(SONGS) // 4).astype(np.int32),
        np.zeros(len(sequences), np.float32), ARTISTS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained():
    whole = world()
    parts = parts_of_links(whole, seed=1)
    graph = graph_of(chosen_rows(whole, parts == TRAIN))
    epochs = []
    model = train_sage(graph, CONFIG, validation=judged_links(whole, parts, VALIDATION, seed=1), progress=epochs.append)
    return graph, model, judged_links(whole, parts, TEST, seed=1), epochs


def test_links_are_told_from_equally_popular_others_and_the_curve_has_every_figure(trained):
    graph, model, links, epochs = trained
    right = link_scores(model, graph, links.playlists, links.songs)
    assert auc(right, link_scores(model, graph, links.playlists, links.matched)) > 0.9
    assert [epoch.number for epoch in epochs] == list(range(6))
    last = epochs[-1].validation
    assert last.auc > 0.9 and 0 < last.f1 <= 1 and last.loss > 0


def test_a_playlist_that_was_never_seen_is_continued_in_its_taste(trained):
    _, model, _, _ = trained
    for taste in range(4):
        songs = np.array([taste, taste + 8, taste + 40])
        scores = model.all_scores(songs, songs // 4)
        scores[songs] = -np.inf
        assert np.mean(np.argsort(-scores)[:10] % 4 == taste) >= 0.9


def test_the_order_of_songs_differs_between_playlists(trained):
    _, model, _, _ = trained
    ranks = [np.argsort(np.argsort(model.all_scores(s, s // 4))) for s in (np.array([0, 4]), np.array([1, 5]))]
    assert np.corrcoef(*ranks)[0, 1] < 0.9


def test_scores_of_pairs_are_those_of_whole_playlists(trained):
    graph, model, _, _ = trained
    songs = graph.songs[graph.indptr[3] : graph.indptr[4]]
    others = np.setdiff1d(np.arange(SONGS), songs)
    pairs = link_scores(model, graph, np.full(len(others), 3), others)
    assert np.allclose(pairs, model.all_scores(songs, songs // 4)[others], atol=1e-4)


def test_an_unknown_song_counts_by_its_artist_and_an_unknown_artist_changes_no_known_ones_score_to_nan(trained):
    _, model, _, _ = trained
    by_artist = model.all_scores(np.array([SONGS + 3]), np.array([5]))
    assert np.isfinite(by_artist).all()
    assert np.isfinite(model.all_scores(np.array([SONGS + 3]), np.array([ARTISTS + 9]))).all()


def test_the_same_graph_gives_the_same_network_and_it_comes_back_from_its_arrays(trained):
    graph, model, _, _ = trained
    short = CONFIG.model_copy(update={"epochs": 2})
    first, second = (train_sage(graph, short).arrays() for _ in range(2))
    assert all(np.array_equal(array, second[name]) for name, array in first.items())
    again = SageModel.from_arrays(model.arrays())
    songs = np.array([2, 6])
    assert np.array_equal(again.all_scores(songs, songs // 4), model.all_scores(songs, songs // 4))


def test_a_training_that_stops_goes_on_to_the_same_network_on_any_number_of_threads(trained, tmp_path):
    graph, _, _, _ = trained
    config = CONFIG.model_copy(update={"epochs": 4})
    whole = train_sage(graph, config).arrays()

    class Stop(Exception):
        pass

    def stop(epoch):
        if epoch.number == 2:
            raise Stop

    path = tmp_path / "state.pt"
    with pytest.raises(Stop):
        train_sage(graph, config, progress=stop, checkpoint=path)
    numbers = []
    more = config.model_copy(update={"threads": 2})
    resumed = train_sage(graph, more, progress=lambda e: numbers.append(e.number), checkpoint=path).arrays()
    assert numbers == [2, 3]
    assert all(np.array_equal(array, resumed[name]) for name, array in whole.items())
    with pytest.raises(SequencesError, match="another training"):
        train_sage(graph, config.model_copy(update={"seed": 1}), checkpoint=path)


def test_what_is_asked_never_includes_the_edge_that_is_asked_for():
    """Each song is in one playlist: nothing but its own edge tells that it belongs, so nothing can be learned."""
    indptr = np.arange(41, dtype=np.int64) * 8
    songs = np.random.default_rng(1).permutation(320).astype(np.int32)
    whole = Sequences(indptr, songs, songs, np.arange(40), [""] * 40, 320, 320)
    parts = parts_of_links(whole, seed=1)
    kept = chosen_rows(whole, parts == TRAIN)
    graph = PlaylistGraph(kept.indptr, kept.songs, np.arange(320, dtype=np.int32), np.zeros(40, np.float32), 320)
    model = train_sage(graph, replace_epochs(CONFIG, 8))
    links = judged_links(whole, parts, TEST, seed=1)
    score = auc(
        link_scores(model, graph, links.playlists, links.songs),
        link_scores(model, graph, links.playlists, links.matched),
    )
    assert 0.35 < score < 0.65


def test_two_threads_give_the_bits_of_one(trained):
    graph, _, _, _ = trained
    config = CONFIG.model_copy(update={"epochs": 2})
    one, two = (train_sage(graph, config.model_copy(update={"threads": threads})).arrays() for threads in (1, 2))
    assert all(np.array_equal(array, two[name]) for name, array in one.items())


def test_a_process_of_its_own_gives_the_same_network_to_the_bit(trained):
    # What two threads add up in either order differs in the last bits, and only in a process's first training.
    code = """
import hashlib
import numpy as np
from buddies_core.graph.sage import PlaylistGraph
from buddies_core.graph.sage_config import SageConfig
from buddies_core.graph.sage_training import train_sage
songs = np.concatenate([np.random.default_rng(pid).choice(200, 16, replace=False) for pid in range(300)])
graph = PlaylistGraph(np.arange(301) * 16, songs, np.arange(200) // 4, np.zeros(300, np.float32), 50)
arrays = train_sage(graph, SageConfig(dimension=16, epochs=2)).arrays()
print(hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest())
"""
    # Both load ALS from the cache, where the module's own training left it: code just compiled may differ in last bits.
    printed = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)]
    assert printed[0] == printed[1]


def replace_epochs(config: SageConfig, epochs: int) -> SageConfig:
    return config.model_copy(update={"epochs": epochs})


def test_a_graph_without_a_pair_of_songs_teaches_nothing():
    graph = PlaylistGraph(np.array([0, 1]), np.array([0], np.int32), np.zeros(1, np.int32), np.zeros(1, np.float32), 1)
    with pytest.raises(SequencesError, match="two songs"):
        train_sage(graph, CONFIG)


def test_a_step_of_popularity_is_twice_an_octave():
    assert degree_step(np.array([0, 1, 2, 3, 4, 8, 10**9])).tolist() == [0, 1, 2, 3, 4, 6, 23]
