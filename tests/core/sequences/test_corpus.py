"""Playlists become sequences of canonical songs, in order, and copies stay on one side of a split."""

import numpy as np
import polars as pl
from oracles.playlists import rows_of

from buddies_core.sequences.corpus import encoded, keyed_rows, vocabulary
from buddies_core.sequences.order_statistics import order_statistics
from buddies_core.sequences.splits import content_hashes, folds_of, parts_of, without_copies

TWO = {7: [("A", "x"), ("B", "y"), ("A - Live", "The X"), ("C", "z")], 3: [("C", "z"), ("D", "x"), ("B", "y")]}
NAMES = pl.DataFrame({"pid": pl.Series([3, 7], dtype=pl.UInt32), "name": ["three", None]})


def test_a_song_in_two_versions_counts_once_at_its_first_place_and_playlists_come_by_pid():
    rows = keyed_rows(rows_of(TWO))
    songs = vocabulary(rows)
    assert songs.table["key"].to_list() == ["a\tx", "b\ty", "c\tz", "d\tx"]
    sequences = encoded(rows, NAMES, songs)
    assert sequences.pids.tolist() == [3, 7]
    assert sequences.playlist(0)[0].tolist() == [2, 3, 1]
    assert sequences.playlist(1)[0].tolist() == [0, 1, 2]
    assert sequences.titles == ["three", ""]
    assert songs.artist_of.tolist() == [0, 1, 2, 0]


def test_the_order_of_the_rows_in_the_file_does_not_matter_but_pos_does():
    rows = rows_of(TWO)
    assert keyed_rows(rows.sample(fraction=1, shuffle=True, seed=1)).equals(keyed_rows(rows))
    turned = rows.with_columns((100 - pl.col("pos")).alias("pos"))
    songs = vocabulary(keyed_rows(rows))
    assert encoded(keyed_rows(turned), NAMES, songs).playlist(0)[0].tolist() == [1, 3, 2]


def test_songs_and_artists_that_the_vocabulary_lacks_get_ids_behind_it():
    songs = vocabulary(keyed_rows(rows_of({3: TWO[3]})))
    sequences = encoded(keyed_rows(rows_of(TWO)), NAMES, songs)
    assert sequences.n_known == 3
    assert sequences.playlist(1)[0].tolist() == [3, 0, 1]
    assert sequences.playlist(1)[1].tolist() == [0, 1, 2]


def test_copies_of_a_playlist_in_any_order_have_one_hash_and_are_left_out_of_a_test(corpus):
    _songs, sequences = corpus
    shuffled = sequences.shuffled(1)
    assert np.array_equal(content_hashes(sequences), content_hashes(shuffled))
    assert len(without_copies(shuffled, sequences)) == 0
    some = sequences.take(np.arange(10))
    kept = without_copies(sequences, some)
    assert not np.isin(content_hashes(kept), content_hashes(some)).any()


def test_parts_are_four_fifths_and_two_tenths_and_equal_contents_share_a_fold():
    hashes = np.arange(100_000, dtype=np.uint64)
    assert np.allclose(np.bincount(parts_of(hashes, seed=1)) / 100_000, [0.8, 0.1, 0.1], atol=0.005)
    assert np.array_equal(folds_of(hashes, seed=1, folds=4), folds_of(hashes[::-1], seed=1, folds=4)[::-1])


def test_order_statistics_of_playlists_in_order_and_shuffled(corpus):
    _, sequences = corpus
    found, lost = order_statistics(sequences, seed=1), order_statistics(sequences.shuffled(2), seed=1)
    assert found.next_by_same_artist > lost.next_by_same_artist
    # Every playlist runs upwards through an artist's songs: no pair of one half stands reversed in the other.
    assert found.forward > 20
    assert found.backward == 0
