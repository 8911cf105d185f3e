"""Sensors as Dagster evaluates them: shells that say where they stand, over real runs and a real PostgreSQL."""

import json
import time
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
from living import wait_for

from buddies_assets.alerts.sensors import build_alert_sensors
from buddies_assets.automation.schedules import build_schedules
from buddies_assets.automation.sensors import build_sensors
from buddies_assets.release import decision_log
from buddies_assets.release.retraining_inputs import RETRAIN_JOB
from buddies_assets.release.retraining_lease import (
    AFTER_TAG,
    ATTEMPT_TAG,
    Lease,
    LeaseHeldError,
    SupersededError,
    retraining_lease,
)
from buddies_assets.resources.loop_database import connected
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.postgres.schema import execute, rows
from buddies_core.registry.watermark import DAY_COUNTS
from buddies_core.settings import Settings

SENSORS = {sensor.name: sensor for sensor in (*build_sensors(Settings()), *build_alert_sensors(Settings()))}
SCHEDULES = {schedule.name: schedule for schedule in build_schedules(Settings())}


def evaluate(name: str, instance: dg.DagsterInstance, settings: Settings, cursor: str | None = None):
    """(run requests, skip message, cursor after) of one evaluation."""
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"pipeline": Pipeline.of(settings)}
    ) as context:
        made = SENSORS[name].evaluate_tick(context)
    return made.run_requests, made.skip_message, made.cursor


def retrain_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, *, attempt: int = 1) -> dg.DagsterRun:
    """A run of the retrain job as a tick would have left it."""
    from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
    from dagster._core.test_utils import create_run_for_test

    tags = {AFTER_TAG: "000001", ATTEMPT_TAG: str(attempt)}
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("buddies"), "__repository__")
    origin = RemoteJobOrigin(repository, RETRAIN_JOB)
    return create_run_for_test(instance, job_name=RETRAIN_JOB, status=status, tags=tags, remote_job_origin=origin)


def test_it_counts_against_the_watermark_of_the_newest_checkpoint(instance, loop_settings, save_checkpoint, fill):
    save_checkpoint()
    fill(60, days=2)
    requests, skipped, _ = evaluate("feedback_retrain_sensor", instance, loop_settings)
    assert not requests
    assert skipped == "60 of 100 sessions since bpr_checkpoint 000001"


def test_a_reset_cursor_a_second_daemon_and_the_same_tick_twice_ask_for_one_run(
    instance, loop_settings, save_checkpoint, fill
):
    save_checkpoint()
    fill(150, days=2)
    ticks = [evaluate("feedback_retrain_sensor", instance, loop_settings, cursor)[0] for cursor in (None, "lost", None)]
    assert {request.run_key for (request,) in ticks} == {"retrain-after-000001-attempt-1"}
    assert ticks[0][0].tags[AFTER_TAG] == "000001"


def test_it_waits_for_the_run_in_flight_and_tries_again_after_a_failure(instance, loop_settings, save_checkpoint, fill):
    save_checkpoint()
    fill(150, days=2)
    run = retrain_run(instance, dg.DagsterRunStatus.STARTED)
    assert "in flight" in evaluate("feedback_retrain_sensor", instance, loop_settings)[1]
    instance.report_run_failed(run)
    assert "attempt 1 failed" in evaluate("feedback_retrain_sensor", instance, loop_settings)[1]
    hasty = loop_settings.model_copy(update={"retrain_pause": 0.0})
    (request,) = evaluate("feedback_retrain_sensor", instance, hasty)[0]
    assert request.run_key == "retrain-after-000001-attempt-2"


NEVER_BEGUN = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING)


def silent(settings: Settings) -> Settings:
    """Settings under which a run that has shown no sign of life since now is dead."""
    now = time.time()
    wait_for(lambda: time.time() - now > 0.05, 60, "the runs are silent for longer than the patience")
    return settings.model_copy(update={"retrain_lost_after": 0.05})


@pytest.mark.parametrize("status", [*NEVER_BEGUN, dg.DagsterRunStatus.STARTED])
def test_a_run_whose_daemon_was_killed_is_marked_failed_and_replaced(
    instance, loop_settings, save_checkpoint, fill, status
):
    save_checkpoint()
    fill(150, days=2)
    run = retrain_run(instance, status)
    assert "in flight" in evaluate("feedback_retrain_sensor", instance, loop_settings)[1]
    (request,) = evaluate("feedback_retrain_sensor", instance, silent(loop_settings))[0]
    assert request.run_key == "retrain-after-000001-attempt-2"
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE


def test_a_run_that_waits_in_the_queue_is_not_taken_for_dead(instance, loop_settings, save_checkpoint, fill):
    save_checkpoint()
    fill(150, days=2)
    run = retrain_run(instance, dg.DagsterRunStatus.QUEUED)
    said = evaluate("feedback_retrain_sensor", instance, silent(loop_settings))[1]
    assert "in flight" in said and "queued" in said
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.QUEUED


def test_the_heartbeat_of_a_training_that_logs_nothing_keeps_it_alive(instance, loop_settings, save_checkpoint, fill):
    save_checkpoint()
    fill(150, days=2)
    run = retrain_run(instance, dg.DagsterRunStatus.STARTED)
    impatient = silent(loop_settings)
    with connected(loop_settings.postgres_url) as connection:
        decision_log.take_lease(connection, after="000001", attempt=1, run_id=run.run_id)
        execute(connection, "UPDATE loop.retrainings SET heartbeat_at = now() + interval '1 hour'")
    assert "in flight" in evaluate("feedback_retrain_sensor", instance, impatient)[1]


def test_a_twin_that_finds_the_claim_of_a_dead_run_ends_and_the_next_attempt_gets_through(
    instance, loop_settings, save_checkpoint, fill
):
    save_checkpoint()
    fill(150, days=2)
    dead, twin = (retrain_run(instance, dg.DagsterRunStatus.STARTED) for _ in range(2))
    url = loop_settings.postgres_url
    with connected(url) as connection:
        decision_log.take_lease(connection, after="000001", attempt=1, run_id=dead.run_id)
    with pytest.raises(LeaseHeldError, match=dead.run_id), retraining_lease(url, twin.tags, twin.run_id):
        pass
    instance.report_run_failed(twin)
    (request,) = evaluate("feedback_retrain_sensor", instance, silent(loop_settings))[0]
    assert request.run_key == "retrain-after-000001-attempt-2"
    with retraining_lease(url, request.tags, "the next run") as lease:
        lease.require_current()
        with pytest.raises(SupersededError, match="the next run"):
            Lease(url, "000001", 1, dead.run_id).require_current()


def test_without_any_database_the_sensors_say_so(instance, tmp_path):
    settings = Settings(home=str(tmp_path / "nothing"))
    for name in ("feedback_retrain_sensor", "degradation_sensor", "canary_sensor"):
        assert "no database was ever started" in evaluate(name, instance, settings)[1]


def test_aliases_are_pointed_once_whenever_what_is_served_has_changed(
    instance, loop_settings, monkeypatch: pytest.MonkeyPatch
):
    from buddies_assets.release import mlflow_aliases as aliases

    pointed, cursor = [], None
    monkeypatch.setattr(aliases, "sync_aliases", pointed.append)
    current = loop_settings.local_home / "served_model" / "current.json"
    current.parent.mkdir(parents=True)
    for champion, calls in (("000001-a-b", 1), ("000001-a-b", 1), ("000002-a-b", 2)):
        current.write_text(json.dumps({"format": 1, "champion": champion, "challenger": None}))
        _, skipped, cursor = evaluate("canary_sensor", instance, loop_settings, cursor)
        assert "nothing is on trial" in skipped
        assert len(pointed) == calls


def test_raw_files_start_a_preparation_once_they_have_come_to_rest(instance, tmp_path):
    folder = tmp_path / "mpd"
    folder.mkdir()
    for name in ("mpd/mpd.slice.0-999.json", "train_triplets.txt", "song_data.csv"):
        (tmp_path / name).write_text("1")
    settings = Settings(
        mpd_dir=str(folder), entp_file=str(tmp_path / "train_triplets.txt"), msd_file=str(tmp_path / "song_data.csv")
    )
    cursor = None
    _, skipped, cursor = evaluate("raw_files_sensor", instance, settings, cursor)
    assert "3 raw files noted" in skipped
    _, skipped, cursor = evaluate("raw_files_sensor", instance, settings, cursor)
    assert "none new or changed" in skipped
    (folder / "mpd.slice.1000-1999.json").write_text("2")
    _, skipped, cursor = evaluate("raw_files_sensor", instance, settings, cursor)
    assert "are changing" in skipped
    (request,), _, cursor = evaluate("raw_files_sensor", instance, settings, cursor)
    assert request.tags["buddies/reason"] == "1 new, 0 changed, 0 gone of 4 raw files"
    _, skipped, _ = evaluate("raw_files_sensor", instance, settings, cursor)
    assert "none new or changed" in skipped


def test_a_failing_job_is_told_once_and_so_is_its_recovery(instance, loop_settings):
    def told() -> str | None:
        return evaluate("run_failure_alert_sensor", instance, loop_settings)[1]

    assert told() == "0 open incidents, 0 messages sent"
    retrain_run(instance, dg.DagsterRunStatus.FAILURE)
    assert told() == "1 open incidents, 1 messages sent"
    assert told() == "1 open incidents, 0 messages sent"
    retrain_run(instance, dg.DagsterRunStatus.SUCCESS)
    assert told() == "0 open incidents, 1 messages sent"
    assert told() == "0 open incidents, 0 messages sent"


def test_only_simulated_listeners_start_switched_off(monkeypatch: pytest.MonkeyPatch):
    running = {name for name, one in SCHEDULES.items() if one.default_status == dg.DefaultScheduleStatus.RUNNING}
    assert set(SCHEDULES) - running == {"simulate_listeners_schedule"}
    assert all(sensor.default_status == dg.DefaultSensorStatus.RUNNING for sensor in SENSORS.values())
    off = Settings(automation="off", schedules="off")
    assert {s.default_status for s in build_sensors(off)} == {dg.DefaultSensorStatus.STOPPED}
    assert {s.default_status for s in build_schedules(off)} == {dg.DefaultScheduleStatus.STOPPED}


def test_schedules_skip_before_anything_is_served_and_while_a_trial_runs(instance, loop_settings):
    root = Path(loop_settings.home) / "served_model"
    for name in ("daily_recommendations_schedule", "pairing_schedule"):
        with dg.build_schedule_context(
            instance=instance, resources={"pipeline": Pipeline.of(loop_settings)}
        ) as context:
            assert "nothing is served yet" in SCHEDULES[name].evaluate_tick(context).skip_message
    root.mkdir(parents=True)
    channels = {"format": 1, "champion": "000001-a", "challenger": {"version": "000002-a", "share": 0.1}, "since": ""}
    (root / "current.json").write_text(json.dumps(channels))
    with dg.build_schedule_context(instance=instance, resources={"pipeline": Pipeline.of(loop_settings)}) as context:
        said = SCHEDULES["daily_recommendations_schedule"].evaluate_tick(context).skip_message
    assert "challenger 000002 is on trial" in said


def test_counting_new_sessions_reads_an_index_and_no_rows(loop_settings, fill):
    fill(50_000, days=365)
    connection = psycopg2.connect(loop_settings.postgres_url)
    connection.autocommit = True
    execute(connection, "VACUUM ANALYZE feedback.sessions")
    days = {"first": "2026-01-01", "last": "2026-01-28"}
    plan = " ".join(row["QUERY PLAN"] for row in rows(connection, f"EXPLAIN {DAY_COUNTS}", days))
    connection.close()
    assert "Index Only Scan" in plan
    assert "Seq Scan" not in plan


def test_a_champion_that_is_liked_less_than_at_its_promotion_is_retrained(
    instance, loop_settings, save_checkpoint, fill
):
    save_checkpoint()
    root = Path(loop_settings.home) / "served_model"
    root.mkdir(parents=True)
    (root / "current.json").write_text('{"format": 1, "champion": "000001-a-b", "challenger": null}')
    fill(40, days=2)
    assert "recommendations to take its level from" in evaluate("degradation_sensor", instance, loop_settings)[1]
    with connected(loop_settings.postgres_url) as connection:
        served = "INSERT INTO feedback.recommendations_served VALUES (current_date - %(ago)s, '000001-a-b', 'champion',"
        execute(connection, f"{served} 2000)", {"ago": 0})
        execute(
            connection,
            "INSERT INTO loop.levels (champion, since, like_rate, reciprocal_rank, recommendations, likes)"
            " VALUES ('000001', current_date - 9, 0.2, 0, 500, 100)",
        )
    (request,) = evaluate("degradation_sensor", instance, loop_settings)[0]
    assert "evidence of a fall" in request.tags["buddies/reason"]
    evaluate("degradation_sensor", instance, loop_settings)
    with connected(loop_settings.postgres_url) as connection:
        assert [made["action"] for made in decision_log.decisions(connection)] == ["alarm"]
