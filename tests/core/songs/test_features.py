"""Features of a (listener, song), worked out by hand on four songs and one listener."""

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from buddies_core.songs.facts import song_facts
from buddies_core.songs.features import FeatureWorld, candidate_features, features_of
from buddies_core.songs.histories import Histories


def world(dated=False):
    """Songs a, b, c are by X, c and d on one record; d is by Y; nothing is known of e."""
    texts = pl.DataFrame(
        {
            "song": ["a", "b", "c", "d"],
            "artist_key": ["x", "x", "x", "y"],
            "title_key": ["one", "two", "three", "one"],
            "release": ["r", None, "s", None],
            "year": [1990, 2000, 2010, None],
        },
        schema_overrides={"year": pl.UInt16},
    )
    facts = song_facts(["a", "b", "c", "d", "e"], texts)
    plays = csr_array(np.array([[4, 0, 1, 0, 0], [1, 1, 0, 1, 0], [0, 1, 0, 1, 1]], np.float32))
    ages = (np.array([1, 5, 2, 9, 40, 3, 8, 60], np.float32),) * 2 if dated else (None, None)
    histories = Histories(plays, *ages)
    return FeatureWorld.of(histories, facts), histories


def of_first(dated=False):
    """Features of songs b, d, e for the first listener, who has a (four plays) and c, by name."""
    found, histories = world(dated)
    scores = {"one": np.array([[3, 2, 1]], np.float32)}
    rows = candidate_features(found, histories.of(np.array([0])), np.array([[1, 3, 4]]), scores, scores["one"])
    names = [feature.name for feature in features_of(["one"], dated=dated)]
    assert rows.shape == (1, 3, len(names))
    return {name: rows[0, :, place] for place, name in enumerate(names)}


def test_what_is_counted_is_what_a_hand_counts():
    found = of_first()
    assert found["one: score"].tolist() == [3, 2, 1]
    assert found["one: rank"].tolist() == np.log1p([0, 1, 2]).astype(np.float32).tolist()
    assert found["song listeners"].tolist() == np.log1p([2, 2, 1]).astype(np.float32).tolist()
    assert found["song text"].tolist() == [1, 1, 0]
    assert found["artist listeners"].tolist() == np.log1p([5, 2, 0]).astype(np.float32).tolist()
    assert found["artist songs"].tolist() == [3, 1, 0]
    assert found["songs"].tolist() == [2, 2, 2]
    assert found["breadth"].tolist() == [0.5] * 3
    assert found["artist known"].tolist() == [2, 0, 0]
    assert found["artist share"].tolist() == [1, 0, 0]
    assert found["artist plays"].tolist() == [1, 0, 0]
    np.testing.assert_allclose(found["artist explored"], [2 / 3, 0, 0], rtol=1e-6)
    assert found["title known"].tolist() == [0, 1, 0]
    assert found["release known"].tolist() == [0, 0, 0]


def test_a_year_that_is_unknown_is_missing_and_not_far_away():
    found = of_first()
    assert found["years away"][0] == 0.0
    assert np.isnan(found["years away"][1:]).all()
    assert np.isnan(found["song year"][1:]).all()


def test_the_nearest_song_known_is_the_one_with_the_most_common_listeners():
    found = of_first()
    # b and a meet at one listener: 1 / (root 2 root 2 + 3); d likewise with a, and e meets neither.
    np.testing.assert_allclose(found["nearest"], [0.2, 0.2, 0.0], rtol=1e-6)
    assert found["near songs"].tolist() == [1, 1, 0]
    assert found["second nearest"].tolist() == [0, 0, 0]


def test_a_listener_who_was_silent_for_a_month_keeps_all_features():
    found = of_first(dated=True)
    assert found["songs in 7 days"].tolist() == [2, 2, 2]
    assert found["silent"].tolist() == [1, 1, 1]
    quiet, histories = world(dated=True)
    silent = Histories(histories.plays, histories.age + 100, histories.met + 100)
    rows = candidate_features(quiet, silent.of(np.array([0])), np.array([[1]]), {}, np.zeros((1, 1), np.float32))
    by_name = dict(zip([f.name for f in features_of([], dated=True)], rows[0, 0].tolist(), strict=True))
    assert (by_name["songs in 7 days"], by_name["silent"], by_name["songs"]) == (0.0, 101.0, 2.0)
    assert by_name["artist known"] == 2.0


def test_a_stranger_has_features_too():
    found, _ = world()
    nobody = Histories(csr_array((1, 5), dtype=np.float32))
    rows = candidate_features(found, nobody, np.array([[0, 1]]), {}, np.zeros((1, 2), np.float32))
    by_name = dict(zip([f.name for f in features_of([], dated=False)], rows[0].T.tolist(), strict=True))
    assert by_name["artist known"] == [0, 0]
    assert np.isnan(by_name["years away"]).all()
    assert np.isfinite([v for name, v in by_name.items() if name not in ("years away", "song year")]).all()


def test_every_feature_has_its_own_name_a_unit_and_a_sentence():
    found = features_of(["one", "two"], dated=True)
    assert len({feature.name for feature in found}) == len(found)
    assert all(feature.unit and feature.what for feature in found)
