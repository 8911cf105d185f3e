"""The evaluation of cold users as a table, with somebody set aside and with nobody."""

import numpy as np
import polars as pl
import pytest

from benchmarks.data_defects.world.clean import clean_world
from benchmarks.data_defects.world.stored import store_world
from buddies_assets.systems.playlists.cold_listeners import listened_table
from buddies_assets.systems.playlists.cold_users import cold_user_table
from buddies_assets.systems.playlists.steps.cold import (
    COLUMNS,
    RANKED,
    cold_table,
    fold_in_of,
    positives_of,
    positives_of_cold_users,
)
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.factors import Factors, RowKeys
from buddies_core.recommenders.fold_in import FoldIn, first_known
from quality.rules.catalogue import rules_by_asset

INPUTS = ("cold_users", "liked_playlists", "splits", "user_library", "playlist_library", "taste_positives")


def test_cold_users_are_asked_for_what_others_were_taught_and_are_not_taught_it(tmp_path):
    world = clean_world(1)
    store = store_world(world, tmp_path)
    _, liked, splits, users, playlists, taste = (store.open(name) for name in INPUTS)
    set_aside = set(world["cold_users"]["user"].to_list())
    rows = world["taste_positives"].select("user", "positive").rows()
    train = positives_of("taste", splits, taste, users, playlists)
    pairs = {(user, playlist) for user in range(train.n_rows) for playlist in train.row(user).tolist()}
    assert pairs == {row for row in rows if row[0] not in set_aside}
    asked = set(positives_of_cold_users("taste", liked, taste).collect().rows())
    assert asked == {row for row in rows if row[0] in set_aside} != set()


@pytest.mark.parametrize("learnt", ["likes", "taste"])
@pytest.mark.parametrize("somebody", [True, False])
def test_the_table_has_its_columns_and_passes_its_checks_whoever_was_set_aside(learnt, somebody, tmp_path, monkeypatch):
    given = []

    def noted(*arguments, **options):
        given.extend(cold_user_table(*arguments, **options))
        return given

    monkeypatch.setattr("buddies_assets.systems.playlists.steps.cold.cold_user_table", noted)
    world = clean_world(1)
    if not somebody:
        world |= {"cold_users": world["cold_users"].clear()}
    store = store_world(world, tmp_path)
    cold, liked, splits, users, playlists, taste = (store.open(name) for name in INPUTS)
    train = positives_of(learnt, splits, taste, users, playlists)
    factors = Factors(world["user_vectors"], world["playlist_vectors"])
    fold_in = fold_in_of(factors, train, users, playlists)
    asked = positives_of_cold_users(learnt, liked, taste)
    hidden = Library.from_pairs(np.zeros(0), np.zeros(0), train.n_rows, fold_in.songs.shape[0])
    frame = cold_table(fold_in, factors, cold, asked, train, users, playlists, hidden, seed=1)
    assert (frame.height > 0) is somebody
    assert frame.schema == COLUMNS
    assert pl.DataFrame(given, infer_schema_length=None).schema == (RANKED if somebody else pl.Schema())
    rules = rules_by_asset()["cold_user_evaluation"]
    failing = [rule.name for rule in rules if not rule.judge({"cold_user_evaluation": frame}).passed]
    assert set(failing) <= ({"knowing_more_songs_helps"} if somebody else set())


def test_lists_of_cold_users_are_judged_by_the_songs_that_were_not_told_and_the_hidden_ones():
    """A listener with songs 0 and 1 and hidden plays 2 and 3; the fold-in scores playlists by songs 0 to 3 in them."""
    held = [[0, 2], [1, 4], [4], [5], [3], [4, 5], [5]]
    rows = np.repeat(np.arange(7), [len(songs) for songs in held])
    playlist_songs = Library.from_pairs(rows, np.array([song for songs in held for song in songs]), 7, 6)
    user_songs = Library.from_pairs(np.array([0, 0]), np.array([0, 1]), 2, 6)
    hidden = Library.from_pairs(np.array([0, 0]), np.array([2, 3]), 2, 6)
    # Whatever is known, the listener's vector is 1; the playlists' factors put 4, 0, 1, 2 and 3 first, in that order.
    factors = np.array([[6.0], [5.0], [4.0], [3.0], [7.0], [0.0], [0.0]], np.float32)
    maps = np.zeros((4, 6 + 3, 2), np.float32)
    maps[:, -1, 0] = 1.0
    fold_in = FoldIn(np.eye(6, dtype=np.float32), maps, np.zeros((9, 1), np.float32), np.zeros(7, np.float32))
    popularity = np.array([0, 0, 1, 5, 0, 6, 7])
    table = listened_table(
        fold_in, factors, np.array([0, 1]), user_songs, hidden, playlist_songs, popularity,
        known=(1, None), keys=RowKeys.of_rows(2, 7, 6), seed=1,
    )  # fmt: skip
    assert table["known_songs"].to_list() == [1, None]
    assert table["listeners"].to_list() == [1, 1]  # nothing is known of the other listener
    # All known: new are 3 (hidden), 2 (hidden), 4, 4, 5: two of five. The most liked, 6, 5, 3, 2 and 0, bring song 2.
    assert table["precision"][1] == pytest.approx(2 / 5)
    assert table["precision_gain"][1] == pytest.approx(2 / 5 - 1 / 5)
    # One known, 0 or 1: the other one is new too. Known 0: [1, 4] has one of two. Known 1: [0, 2] has both.
    told = first_known(user_songs, 1, keys=RowKeys.of_rows(2, 7, 6), seed=1).row(0).tolist()
    assert table["precision"][0] == pytest.approx((1 + 1 + 0.5) / 5 if told == [0] else (1 + 1) / 5)
