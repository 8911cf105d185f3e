"""The artists' graph on its synthetic sample: found by its folder, made, checked and published."""

import dagster as dg
import polars as pl
import pytest

from buddies_assets.definitions import build_definitions
from buddies_assets.systems.artists import stored
from buddies_assets.systems.artists.config import ArtistsConfig
from buddies_assets.systems.artists.recommender import best_lists, inputs, new_model
from buddies_assets.systems.found import FIRST, NoSuchSystemError, chosen_systems, found_systems
from buddies_core.artifact.named_arrays import read_artifact
from buddies_core.interactions.labelled_plays import LabelledPlays
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from quality.rules.catalogue import rules_by_asset

ASSETS = {"artist_plays", "artist_splits", "artist_search", "artist_model", "artist_evaluation", "served_artists"}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    settings = Settings(home=str(tmp_path_factory.mktemp("home")), search_trials=0, threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "_SYNTHETIC", (80, 60))
        job = build_definitions(settings).resolve_job_def("artists_job")
        result = job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), run_config=QUIET)
    return settings, result


def test_systems_are_found_by_their_folders_and_playlists_alone_is_made_by_default():
    assert {"artists", FIRST} <= {system.name for system in found_systems()}
    assert not any(system.missing for system in found_systems())
    with pytest.raises(NoSuchSystemError, match=r"no system is called 'films'; there are artists, .*playlists, .*and"):
        chosen_systems("films")
    whole = build_definitions(Settings()).resolve_job_def("materialise_all_job").asset_layer.executable_asset_keys
    assert not ASSETS & {key.to_user_string() for key in whole}


def test_one_job_makes_the_six_assets_and_their_checks_pass(made):
    _, result = made
    assert {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()} == ASSETS
    checks = result.get_asset_check_evaluations()
    rules = [f"{asset}.{rule.name}" for asset in ASSETS for rule in rules_by_asset()[asset]]
    assert sorted(f"{c.asset_key.to_user_string()}.{c.check_name}" for c in checks) == sorted(
        [*rules, "artist_plays.has_not_drifted"]
    )
    assert {check.asset_key.to_user_string() for check in checks} == ASSETS
    assert all(check.passed for check in checks), [check.check_name for check in checks if not check.passed]


def test_the_served_lists_hold_nothing_that_is_played_and_know_every_artist(made):
    settings, _ = made
    found = read_artifact(settings.local_home / "artists" / "lastfm")
    plays = LabelledPlays.of(DatasetStore.at(settings.home).open("artist_plays").frame())
    order = sorted(range(len(plays.users)), key=lambda place: plays.users[place].encode())
    dense = plays.matrix.toarray()[order]
    lists = found.arrays["lists"]
    assert not any(dense[row, item] for row in range(len(lists)) for item in lists[row] if item >= 0)
    assert lists[:, 0].min() >= 0
    assert found.facts["experiment"] == "lastfm"


def test_the_stored_model_is_the_fitted_one_to_the_bit(made):
    settings, _ = made
    store = DatasetStore.at(settings.home)
    model, config = stored.restored(store.open("artist_model"))
    splits, tags = store.open("artist_splits").frame(), store.open("artist_plays").part("tags")
    train = LabelledPlays.of(splits.filter(pl.col("split") == "train"))
    weights, _ = inputs(train, tags, config)
    again = stored.fitted(splits, tags, config)
    assert (best_lists(model, weights, 10).items == best_lists(again, weights, 10).items).all()


def test_rows_held_out_change_no_recommendation(made):
    settings, _ = made
    store = DatasetStore.at(settings.home)
    splits = store.open("artist_splits").frame()
    poisoned = splits.with_columns(weight=pl.when(pl.col("split") == "test").then(1e9).otherwise(pl.col("weight")))
    config = ArtistsConfig(ranked=False, als_factors=16)
    tags = store.open("artist_plays").part("tags")
    lists = []
    for frame in (splits, poisoned):
        train = LabelledPlays.of(frame.filter(pl.col("split") == "train"))
        weights, features = inputs(train, tags, config)
        lists.append(best_lists(new_model(config).fit(weights, features), weights, 10))
    assert (lists[0].items == lists[1].items).all() and (lists[0].scores == lists[1].scores).all()
