"""Feedback in the graph: days as partitions, the window in a run, and what the checkpoint says it has seen."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from buddies_assets.definitions import build_definitions
from buddies_assets.feedback.day_jobs import DAILY
from buddies_assets.resources.loop_database import connected
from buddies_assets.sources.steps.hidden import HiddenPlays
from buddies_assets.systems.playlists.readers import checkpoint_inputs
from buddies_core.artifact.listeners import stand_in
from buddies_core.interactions.numbers import stored_register
from buddies_core.postgres.schema import execute
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

_EVENT = (
    "INSERT INTO feedback.listener_events"
    " (event_id, created_at, received_at, user_id, user_key, kind, song_id, playlist)"
    " VALUES (gen_random_uuid(), %(at)s, %(at)s, %(user)s, %(key)s, %(kind)s, %(song)s, %(pid)s)"
)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def with_feedback(tiny_world, loop_settings: Settings) -> Settings:
    """The tiny world with 40 sessions two days ago, of its own users and playlists, and two that give no block."""
    made, _ = tiny_world
    shutil.copytree(made.home, loop_settings.home)
    store = DatasetStore.at(loop_settings.home)
    users = store.open("user_library").frame()["user_id"].to_list()
    pids = store.open("playlist_library").frame()["pid"].to_list()
    at = datetime.now(UTC) - timedelta(days=2)
    with connected(loop_settings.postgres_url or "") as connection:
        for number in range(42):
            shown = pids[number * 5 : number * 5 + 5]
            execute(
                connection,
                "INSERT INTO feedback.sessions (session_id, created_at, received_at, user_id, user_key, liked, shown,"
                " model_version, arm) VALUES (gen_random_uuid(), %(at)s, %(at)s, %(user)s, %(key)s, %(liked)s,"
                " %(shown)s, '000001-a-b', 'champion')",
                {
                    "at": at,
                    "user": number,
                    "key": users[number] if number < 40 else "f" * 40,
                    "liked": shown[0],
                    "shown": shown,
                },
            )
    return loop_settings.model_copy(update={"search_trials": 0, "shard_users": 150, "threads": 2})


def test_feedback_is_partitioned_by_day_and_outside_of_what_one_run_materialises():
    specs = {spec.key.to_user_string(): spec for spec in build_definitions(Settings()).resolve_all_asset_specs()}
    by_day = {"feedback_blocks", "quarantined_feedback", "listener_event_days", "quarantined_events"}
    for name in by_day:
        assert specs[name].partitions_def == DAILY
    graph = build_definitions(Settings()).resolve_asset_graph()
    outside = {"user_feedback", "listener_events", *by_day}
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} - {
        key.to_user_string() for key in graph.materializable_asset_keys
    } == outside
    assert {graph.get(key).partitions_def for key in graph.materializable_asset_keys} == {None}


def test_a_run_reads_the_days_that_changed_and_the_checkpoint_keeps_the_watermark(with_feedback, instance):
    job = build_definitions(with_feedback).resolve_implicit_global_asset_job_def()
    wanted = [dg.AssetKey("training_window"), dg.AssetKey("bpr_checkpoint")]
    result = job.execute_in_process(instance=instance, run_config=QUIET, asset_selection=wanted)
    assert result.success
    day = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    partitions = {m.asset_key.to_user_string(): m.partition for m in events if m.partition}
    assert partitions == {"feedback_blocks": day, "quarantined_feedback": day}
    window = DatasetStore.at(with_feedback.home).open("training_window").frame()
    assert 35 <= window.height <= 40
    assert set(window.columns) >= {"user", "positive", "negatives", "split", "copies"}
    checkpoint = CheckpointStore(Path(with_feedback.home) / "checkpoints").latest()
    assert checkpoint.version == "000002"
    assert checkpoint.lineage["feedback"]["days"] == {day: 42}
    losses = checkpoint_inputs(with_feedback)["model_card"]["losses"]
    assert len(losses) == checkpoint.config.epochs, "a loss an epoch, which the rule of the loss judges"
    assert losses[-1] < losses[0]
    again = job.execute_in_process(instance=instance, run_config=QUIET, asset_selection=wanted[:1])
    assert len(again.get_asset_materialization_events()) == 1


def test_a_day_can_be_backfilled_by_itself(with_feedback, instance):
    job = build_definitions(with_feedback).resolve_job_def("feedback_days_job")
    day = (datetime.now(UTC) - timedelta(days=2)).date()
    for key in (day.isoformat(), (day - timedelta(days=1)).isoformat()):
        assert job.execute_in_process(instance=instance, run_config=QUIET, partition_key=key).success
    stored = DatasetStore.at(with_feedback.home).folder("quarantined_feedback") / day.isoformat()
    assert pl.read_parquet(f"{stored}/*/*.parquet")["reason"].to_list() == ["the user is not in the user library"] * 2
    assert instance.get_materialized_partitions(dg.AssetKey("feedback_blocks")) == {
        day.isoformat(),
        (day - timedelta(days=1)).isoformat(),
    }


def test_somebody_new_is_a_user_of_the_next_training_with_the_songs_and_playlists_that_they_named(
    with_feedback, instance
):
    store, stranger = DatasetStore.at(with_feedback.home), "0" * 39 + "e"
    before = stored_register(store.open("user_library"))
    songs, pids = store.open("songs").frame(), store.open("playlist_library").frame()["pid"].to_list()
    named = [ids[0] for ids in songs["song_ids"].to_list()[:6]]
    at = datetime.now(UTC) - timedelta(hours=1)
    with connected(with_feedback.postgres_url or "") as connection:
        told = {"user": stand_in(stranger), "key": stranger, "at": at}
        for song in named:
            execute(connection, _EVENT, {**told, "kind": "save", "song": song, "pid": None})
        execute(connection, _EVENT, {**told, "kind": "like", "song": None, "pid": pids[7]})
        execute(
            connection,
            "INSERT INTO feedback.sessions (session_id, created_at, received_at, user_id, user_key, liked, shown,"
            " model_version, arm) VALUES (gen_random_uuid(), %(at)s, %(at)s, %(user)s, %(key)s, %(liked)s,"
            " %(shown)s, '000001-a-b', 'champion')",
            {**told, "liked": pids[1], "shown": pids[:5]},
        )
    job = build_definitions(with_feedback).resolve_implicit_global_asset_job_def()
    data = (
        dg.AssetSelection.assets("listener_plays").downstream() & dg.AssetSelection.assets("bpr_checkpoint").upstream()
    )
    keys = data.resolve(build_definitions(with_feedback).resolve_asset_graph())
    materialised = [key for key in keys if key in job.asset_layer.executable_asset_keys]
    assert job.execute_in_process(instance=instance, run_config=QUIET, asset_selection=materialised).success
    library = store.open("user_library")
    users = library.frame()
    theirs = users.filter(pl.col("user_id") == stranger)
    hidden = HiddenPlays.of(store.open("hidden_plays"))
    visible = hidden.visible(pl.DataFrame({"user_id": [stranger] * 6, "song_id": named})).height
    assert theirs["songs"].to_list() == [visible]
    # a number that was nobody's, while everybody else keeps theirs
    assert theirs["number"].to_list() == [before.height]
    after = stored_register(library)
    assert after.filter(pl.col("number") < before.height).equals(before)
    window = store.open("training_window").frame().filter(pl.col("user") == theirs["user"][0])
    rows = store.open("playlist_library").frame()
    assert set(window["positive"].to_list()) <= set(rows.filter(pl.col("pid").is_in([pids[1], pids[7]]))["playlist"])
    assert window.height >= 1
    checkpoint = CheckpointStore(Path(with_feedback.home) / "checkpoints").latest()
    assert checkpoint.lineage["events"]["sessions"] == 1
    factors = CheckpointStore(Path(with_feedback.home) / "checkpoints").factors(checkpoint.version)
    assert len(factors.users) == users.height
    quarantined = store.folder("quarantined_feedback").rglob("*.parquet")
    assert stranger not in {key for path in quarantined for key in pl.read_parquet(path)["user_key"].to_list()}
