"""The graph networks that the benchmark of continuation adds to its table."""

import numpy as np
from small_sequences import small_corpus

from benchmarks.continuation import graph_networks
from benchmarks.measure import Report
from buddies_core.sequences.query import Query


def test_each_names_every_song_that_the_playlist_lacks_once_and_the_reference_s_order_is_one_for_all():
    songs, train = small_corpus()
    report = Report("continuation")
    rankings = graph_networks(report, train, songs)
    shown = [Query(*train.playlist(i), train.titles[i]) for i in (0, 7)]
    for ranking in rankings.values():
        for query in shown:
            assert np.array_equal(np.sort(ranking(query)), np.setdiff1d(np.arange(len(songs)), query.songs))
    (row,) = report.rows
    assert row.system == "GraphSAGE"

    additive = rankings["the reference's model as written (additive)"]
    first, second = (additive(query) for query in shown)
    both = np.intersect1d(first, second)
    assert np.array_equal(first[np.isin(first, both)], second[np.isin(second, both)])
