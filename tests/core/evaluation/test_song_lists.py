"""Metrics of long lists: by hand on three listeners, and equal to the challenge's own sums on drawn ones."""

import numpy as np
import pytest

from buddies_core.evaluation.song_lists import beyond, evaluate_songs, of_list, of_segment, paired_songs

HELD = {"ann": {"a", "b"}, "bob": {"c"}, "zoe": {"d", "e", "f"}}
LISTS = {"ann": ["x", "a", "b"], "bob": ["x", "y"]}


def test_figures_are_those_of_a_hand():
    found = evaluate_songs(LISTS, HELD)
    ann = (1 / 2 + 2 / 3) / 2
    assert found.users == ["ann", "bob", "zoe"]
    assert found.figures["map500"].value == pytest.approx(ann / 3)
    assert found.figures["precision"].value == pytest.approx(0.2 / 3)
    assert found.figures["recall500"].value == pytest.approx(1 / 3)
    gains = 1 / np.log2([2, 3, 4])
    assert found.figures["ndcg"].value == pytest.approx((gains[1] + gains[2]) / (gains[0] + gains[1]) / 3)


def test_a_listener_without_a_list_counts_zero_and_one_who_holds_nothing_out_is_not_judged():
    found = evaluate_songs({}, {"ann": {"a"}, "bob": set()})
    assert found.users == ["ann"]
    assert all(figure.value == 0.0 for figure in found.figures.values())


def test_order_matters_within_the_first_ten():
    wanted = {"a"}
    first, last = of_list(["a", *"bcdefghij"], wanted), of_list([*"bcdefghij", "a"], wanted)
    assert first["precision"] == last["precision"]
    assert first["map500"] > last["map500"]
    assert first["ndcg"] > last["ndcg"]


def test_what_comes_after_five_hundred_counts_nothing():
    songs = [str(n) for n in range(600)]
    assert of_list(songs[:500], {"550"})["recall500"] == 0.0
    assert evaluate_songs({"ann": songs}, {"ann": {"550", "3"}}).figures["recall500"].value == 0.5


def test_a_song_that_comes_twice_counts_once():
    found = evaluate_songs({"ann": ["a", "a", "b"]}, {"ann": {"a", "b"}})
    assert found.figures["recall"].value == 1.0
    assert found.figures["map500"].value == 1.0
    assert beyond({"ann": ["a", "a"]}, {}, {"ann": {"a"}}).duplicates == 1


def test_the_paired_interval_of_equal_lists_is_nothing_and_of_better_ones_is_above_it():
    one, other = evaluate_songs(LISTS, HELD), evaluate_songs({**LISTS, "bob": ["c"]}, HELD)
    assert paired_songs(one, one)["map500"].high == 0.0
    assert paired_songs(other, one)["map500"].value == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="different listeners"):
        paired_songs(one, evaluate_songs(LISTS, {"ann": {"a"}}))


def test_a_segment_is_judged_by_its_own_listeners():
    found = of_segment(evaluate_songs(LISTS, HELD), np.array([0]))
    assert found["recall"].value == 1.0


def test_novelty_by_text_sees_a_song_under_a_second_id():
    lists, train = {"ann": ["a2", "b"]}, {"ann": {"a"}, "bob": {"b", "c"}}
    found = beyond(lists, train, {"ann": {"b"}}, text={"a": "one", "a2": "one"}, artist={"a2": "x", "b": "x"})
    assert (found.novelty, found.novelty_by_text) == (1.0, 0.5)
    assert (found.coverage_item, found.artists, found.ceiling) == (2 / 3, 1.0, 1.0)
    assert beyond({"ann": ["a"]}, train, {"ann": {"b"}}).novelty == 0.0
