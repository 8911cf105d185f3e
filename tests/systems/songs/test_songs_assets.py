"""The songs' graph on small synthetic samples: found by its folder, made, checked and published."""

import dagster as dg
import numpy as np
import polars as pl
import pytest

from buddies_assets.definitions import build_definitions
from buddies_assets.systems.songs import reading, stored
from buddies_assets.systems.songs.recommender import fit, lists_of
from buddies_assets.systems.songs.slugs import SLUGS
from buddies_core.artifact.named_arrays import read_artifact
from buddies_core.artifact.served_songs import Reason, ServedSongs
from buddies_core.settings import Settings
from buddies_core.songs.config import SongsConfig
from buddies_core.songs.source_list import SOURCES
from buddies_core.storage.datasets import DatasetStore

ASSETS = {
    *("listener_plays", "song_plays", "song_catalogue", "play_splits", *SLUGS.values(), "song_candidates"),
    *("song_ranker", "song_features", "song_evaluation", "served_songs"),
}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SMALL = SongsConfig(
    sources=tuple(s for s in SOURCES if s.name != "BPR"), candidates=120, folds=3, trees=15, all_of_best=60, threads=1
)


def _made(home, **settings):
    made = Settings(home=str(home), threads=1, **settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "config_of", lambda settings: SMALL)
        patch.setattr(reading, "_LISTENERS", 60)
        patch.setattr(reading, "_SONGS", 120)
        job = build_definitions(made).resolve_job_def("songs_job")
        result = job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), run_config=QUIET)
    return made, result


@pytest.fixture(scope="module")
def dated(tmp_path_factory):
    return _made(tmp_path_factory.mktemp("home"), song_plays_file="synthetic")


def test_one_job_makes_all_assets_and_their_checks_pass(dated):
    _, result = dated
    assert {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()} == ASSETS
    failed = [
        f"{c.asset_key.to_user_string()}.{c.check_name}" for c in result.get_asset_check_evaluations() if not c.passed
    ]
    assert failed == []


def test_what_is_served_is_new_to_its_listener_and_has_a_reason(dated):
    settings, _ = dated
    served = ServedSongs(read_artifact(settings.local_home / "songs" / "plays"))
    plays = DatasetStore.at(settings.home).open("song_plays").frame()
    for user, songs in plays.group_by("user").agg("song").iter_rows():
        row = served.find_user(user)
        assert row is not None
        known = {served.find_song(song) for song in songs}
        assert known == set(served.known(row).tolist())
        listed = served.listed(row)
        assert listed
        assert not known & {one.song for one in listed}
        for one in listed:
            if one.reason in (Reason.ARTIST, Reason.PLAYED):
                assert one.because in known
    assert served.popular(3)[0][1] >= served.popular(3)[2][1]
    assert len(served.neighbours(0, 5)) == 5


def test_hidden_plays_change_no_recommendation(dated):
    settings, _ = dated
    store = DatasetStore.at(settings.home)
    plays, catalogue, splits = (store.open(name) for name in ("song_plays", "song_catalogue", "play_splits"))

    class Louder:
        """The same plays, those that are hidden a thousand times louder."""

        def frame(self):
            hidden = (
                splits.frame().filter(pl.col("split") != "train").select("user", "song", pl.lit(True).alias("away"))
            )
            loud = plays.frame().join(hidden, on=["user", "song"], how="left")
            return loud.with_columns(weight=pl.when("away").then(1e3).otherwise("weight")).drop("away")

        def part(self, name):
            return plays.part(name)

    lists = []
    for source in (plays, Louder()):
        found = stored.material_of(source, catalogue, splits.frame())
        lists.append(lists_of(fit(found, SMALL.model_copy(update={"trees": 5})), found, 20))
    assert np.array_equal(lists[0].songs, lists[1].songs)
    assert np.array_equal(lists[0].chances, lists[1].chances)


def test_the_stored_ranker_ranks_as_the_fitted_one(dated):
    settings, _ = dated
    store = DatasetStore.at(settings.home)
    splits = store.open("play_splits").frame()
    found = stored.material_of(store.open("song_plays"), store.open("song_catalogue"), splits)
    one = stored.refit(stored.load_ranker(store.open("song_ranker")), found)
    other = fit(found, SMALL)
    assert np.array_equal(lists_of(one, found, 20).songs, lists_of(other, found, 20).songs)


def test_the_evaluation_has_every_source_the_reference_and_the_new_listeners(dated):
    settings, _ = dated
    frame = DatasetStore.at(settings.home).open("song_evaluation").frame()
    assert {"ranker", "blend", "reference's recipe", "EASE with artists", "popular"} <= set(frame["system"])
    assert {"all", "new"} <= set(frame["segment"])
    ranker = frame.filter((pl.col("system") == "ranker") & (pl.col("segment") == "all"))
    figures = dict(ranker.select("metric", "value").iter_rows())
    assert figures["novelty"] == figures["novelty_by_text"] == figures["coverage_user"] == 1.0
    assert frame.filter(pl.col("system") == "ranker")["ahead"].drop_nulls().abs().max() == 0.0


@pytest.mark.slow
def test_plays_without_dates_and_playlists_are_made_too(tmp_path):
    settings, result = _made(tmp_path, synthetic_users=120, synthetic_playlists=120)
    failed = [c.check_name for c in result.get_asset_check_evaluations() if not c.passed]
    assert failed == []
    catalogue = DatasetStore.at(settings.home).open("song_catalogue").frame()
    assert (catalogue["playlists"] > 0).any()
    assert catalogue.filter("mismatched")["title"].is_null().all()
