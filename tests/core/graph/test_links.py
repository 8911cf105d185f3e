"""Hidden links and their negatives; figures of a separation worked out by hand."""

import numpy as np
import pytest

from buddies_core.graph.link_metrics import auc, best_threshold, quality
from buddies_core.graph.links import TEST, TRAIN, chosen_rows, degrees, judged_links, parts_of_links
from buddies_core.graph.projection import bipartite, co_occurrence
from buddies_core.sequences.corpus import Sequences


def playlists(count: int = 60, songs: int = 80, length: int = 20) -> Sequences:
    """Playlists that hold song s with a weight of 1 / (s + 1); songs behind the most used ones are in none."""
    rows = []
    for pid in range(count):
        weights = 1 / np.arange(1, songs + 1)
        drawn = np.random.default_rng(pid).choice(songs, length, replace=False, p=weights / weights.sum())
        rows.append(drawn.astype(np.int32))
    indptr = np.arange(count + 1, dtype=np.int64) * length
    found = np.concatenate(rows)
    return Sequences(indptr, found, (found // 4).astype(np.int32), np.arange(100, 100 + count), [""] * count, songs, 20)


def test_every_playlist_is_cut_seventy_fifteen_fifteen_whatever_stands_beside_it():
    whole = playlists()
    parts = parts_of_links(whole, seed=1)
    for part, songs in ((TRAIN, 14), (1, 3), (TEST, 3)):
        assert set(np.diff(chosen_rows(whole, parts == part).indptr)) == {songs}
    few = whole.take(np.array([7, 3]))
    assert np.array_equal(parts_of_links(few, seed=1), np.concatenate([parts[140:160], parts[60:80]]))


def test_no_negative_is_in_its_playlist_nor_drawn_twice_for_it():
    whole = playlists()
    found = judged_links(whole, parts_of_links(whole, seed=1), TEST, seed=1)
    for drawn in (found.uniform, found.matched):
        assert (drawn >= 0).all()
        for playlist in range(len(whole)):
            own = drawn[found.playlists == playlist]
            assert len(set(own.tolist())) == len(own)
            assert not np.isin(own, whole.playlist(playlist)[0]).any()


def test_matched_negatives_are_as_popular_as_their_positives_and_even_ones_are_not():
    whole = playlists(count=200, songs=600)
    parts = parts_of_links(whole, seed=1)
    degree = degrees(whole, parts)
    found = judged_links(whole, parts, TEST, seed=1)
    # The commonest songs are in nearly every playlist: what is left for a negative is somewhat less common.
    assert auc(degree[found.songs], degree[found.matched]) == pytest.approx(0.5, abs=0.07)
    assert auc(degree[found.songs], degree[found.uniform]) > 0.75


def test_a_playlist_of_every_song_has_no_negative():
    indptr, songs = np.array([0, 8]), np.arange(8, dtype=np.int32)
    whole = Sequences(indptr, songs, songs, np.array([5]), [""], 8, 8)
    found = judged_links(whole, parts_of_links(whole, seed=1), TEST, seed=1)
    assert (found.uniform == -1).all() and (found.matched == -1).all()


def test_auc_counts_pairs_and_half_of_ties():
    positives, negatives = np.array([3.0, 2.0]), np.array([2.0, 1.0, 0.0])
    assert auc(positives, negatives) == (1 + 1 + 1 + 0.5 + 1 + 1) / 6
    assert np.isnan(auc(positives, negatives[:0]))


def test_the_threshold_is_where_f1_is_greatest():
    positives, negatives = np.array([3.0, 2.0, 0.0]), np.array([1.0, 0.5, -1.0])
    assert best_threshold(positives, negatives) == 2.0
    found = quality(positives, negatives, 2.0)
    assert (found.precision, found.recall) == (1.0, 2 / 3)
    assert found.f1 == pytest.approx(0.8)


def test_the_two_graphs_of_one_set_of_playlists_have_the_edges_counted_by_hand():
    indptr, songs = np.array([0, 3, 5]), np.array([0, 1, 2, 1, 2], np.int32)
    whole = Sequences(indptr, songs, songs, np.arange(2), ["", ""], 4, 4)
    assert bipartite(whole).edges == 5
    assert co_occurrence(whole).edges == 3
