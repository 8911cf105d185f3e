"""The evaluation of cold users as a table, with somebody set aside and with nobody."""

import polars as pl
import pytest

from benchmarks.data_defects.world.clean import clean_world
from benchmarks.data_defects.world.stored import store_world
from buddies_assets.systems.playlists.cold_users import cold_user_table
from buddies_assets.systems.playlists.steps.cold import (
    COLUMNS,
    cold_table,
    fold_in_of,
    positives_of,
    positives_of_cold_users,
)
from buddies_core.recommenders.factors import Factors
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
    frame = cold_table(fold_in, factors, cold, asked, train, users, playlists, seed=1)
    assert (frame.height > 0) is somebody
    assert frame.schema == COLUMNS
    assert pl.DataFrame(given, infer_schema_length=None).schema == (COLUMNS if somebody else pl.Schema())
    rules = rules_by_asset()["cold_user_evaluation"]
    failing = [rule.name for rule in rules if not rule.judge({"cold_user_evaluation": frame}).passed]
    assert set(failing) <= ({"knowing_more_songs_helps"} if somebody else set())
