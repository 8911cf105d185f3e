"""Health: failures that leave no result are still failures, wherever they happen, and repair turns all green."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from quality.diagnosis import judge
from quality.health import AssetFacts, Report, State
from quality.history import standing
from quality.history.runs import begun, in_flight, materialised, one, unsuccessful, verdicts
from quality.history.standing import Attempt, CheckStanding, JobRun
from quality.history.sync import sync
from quality.incidents import open_incidents

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EARLIER, BEFORE = NOW - timedelta(hours=1), NOW - timedelta(hours=2)


def check(name: str = "rows_are_sane", *, passed: bool | None = True, **more) -> CheckStanding:
    facts = {"severity": "error", "run_id": "old-run", "last_at": BEFORE, "asset": "splits", **more}
    return CheckStanding(
        **{"check_name": name, "rule": "", "blocking": False, "evaluations": 1, "failures": 0, "failing_since": None},
        **{"value": None, "low": None, "high": None, "offending": 0, "total": 0, "partition": None},
        **facts, last_passed=passed,
    )  # fmt: skip


def attempt(name: str = "", *, delivered: bool = False, status: str = "FAILURE", **more) -> Attempt:
    facts = {"asset": "splits", "partition": "", "run_id": "new-run", "step_error": None, "run_error": "disk full"}
    return Attempt(check_name=name, at=EARLIER, delivered=delivered, status=status, **facts | more)


def state_of(checks=(), attempts=(), facts=None, upstream=None, asset="splits") -> State:
    facts = {"splits": AssetFacts(BEFORE, "old-run")} if facts is None else facts
    return judge(facts, checks, attempts, upstream or {}, NOW).assets[asset].state


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], State.OK),
        ([attempt("rows_are_sane", step_error="TypeError: bad cast")], State.ERRORED),
        ([attempt("rows_are_sane")], State.DID_NOT_RUN),
        ([attempt("rows_are_sane", status="CANCELED")], State.CANCELLED),
        ([attempt("rows_are_sane", status="DELETED")], State.DID_NOT_RUN),
        ([attempt("rows_are_sane", status="SUCCESS")], State.DID_NOT_RUN),
        ([attempt("rows_are_sane", status="STARTED")], State.OK),
        ([attempt("rows_are_sane", delivered=True)], State.OK),
        ([attempt("", step_error="OSError: truncated")], State.RUN_FAILED),
        ([attempt("")], State.DID_NOT_RUN),
        ([attempt("", status="CANCELED")], State.CANCELLED),
        ([attempt("", status="SUCCESS")], State.OK),
        ([attempt("", status="QUEUED")], State.OK),
    ],
)
def test_an_old_pass_says_nothing_once_a_newer_attempt_came_to_nothing(found, expected):
    assert state_of([check()], found) is expected


def test_a_failure_stays_a_failure_when_the_next_attempt_crashes():
    report = judge({}, [check(passed=False)], [attempt("rows_are_sane", step_error="TypeError: x")], {}, NOW)
    assert report.checks[0].state is State.FAIL
    assert "since then: TypeError: x" in report.checks[0].reason


def test_a_check_that_was_planned_and_never_evaluated_is_known():
    never = check(passed=None, last_at=None, run_id=None, severity=None)
    assert state_of([never], [attempt("rows_are_sane", step_error="TypeError: x")]) is State.ERRORED


def test_a_pass_of_an_earlier_version_is_no_pass_of_this_one():
    newer = {"splits": AssetFacts(EARLIER, "new-run")}
    assert state_of([check()], facts=newer) is State.UNCHECKED
    assert state_of([check(run_id="new-run")], facts=newer) is State.OK


def test_a_failed_partition_is_not_hidden_by_another_that_succeeded():
    failed = attempt("", partition="2026-03-01", step_error="OSError: x")
    made = attempt("", partition="2026-03-02", delivered=True, status="SUCCESS")
    assert state_of([], [failed, made], facts={"splits": AssetFacts(NOW, "r")}) is State.RUN_FAILED


def test_what_lies_downstream_of_a_failure_rests_on_it_however_far():
    facts = {name: AssetFacts(BEFORE, "r") for name in ("splits", "user_blocks", "triplets", "songs")}
    facts["songs"] = AssetFacts()
    graph = {"user_blocks": ("splits",), "triplets": ("user_blocks",), "songs": ("triplets",), "splits": ()}
    report = judge(facts, [check(passed=False)], [], graph, NOW)
    assert {name: health.state for name, health in report.assets.items()} == {
        "splits": State.FAIL, "user_blocks": State.RESTING, "triplets": State.RESTING, "songs": State.UNKNOWN,
    }  # fmt: skip
    assert report.assets["triplets"].causes == ("splits",)
    warned = judge(facts, [check(passed=False, severity="warn")], [], graph, NOW)
    assert warned.assets["triplets"].state is State.OK


def test_age_and_damaged_files_count():
    old = AssetFacts(NOW - timedelta(days=20), "r", timedelta(days=14))
    assert state_of(facts={"splits": old}) is State.STALE
    damaged = AssetFacts(BEFORE, "r", damage="stored files are damaged: shard-00000.parquet is missing")
    assert state_of([check()], facts={"splits": damaged}) is State.DAMAGED


def test_one_cause_is_one_incident_and_says_what_it_holds_back():
    attempts = [attempt("", step_error="OSError: disk"), *(attempt("", asset=name) for name in ("a", "b"))]
    attempts += [attempt("x", asset="a"), attempt("rows_are_sane")]
    report = judge(
        {}, [check(), check("x", asset="a")], attempts, {}, NOW, [JobRun("purge", "r9", "FAILURE", NOW, "no")]
    )
    found = open_incidents(report)
    assert [(i.subject, i.held_back) for i in found] == [("asset splits", ("a", "b")), ("job purge", ())]
    assert "OSError: disk" in found[0].line


def broken_world(*, truncated: bool, bad_cast: bool) -> list:
    """Three assets in a row; the second reads a file, and the check of the first casts a duration."""

    @dg.asset
    def songs() -> int:
        return 1

    @dg.asset
    def test_batches(songs) -> int:
        if truncated:
            raise OSError("parquet file out of bounds: test_batches/shard-00000.parquet")
        return 1

    @dg.asset
    def served_model(test_batches) -> int:
        return 1

    @dg.multi_asset_check(
        name="songs_checks", specs=[dg.AssetCheckSpec("one", asset="songs"), dg.AssetCheckSpec("two", asset="songs")]
    )
    def songs_checks():
        yield dg.AssetCheckResult(passed=True, asset_key="songs", check_name="one")
        if bad_cast:
            raise TypeError("no cast from Duration to String")
        yield dg.AssetCheckResult(passed=True, asset_key="songs", check_name="two")

    @dg.asset_check(asset=served_model)
    def it_is_served() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return [songs, test_batches, served_model, songs_checks, it_is_served]


@contextmanager
def world() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_and_read(instance, history, **broken) -> Report:
    dg.materialize(broken_world(**broken), instance=instance, raise_on_error=False)
    sync(instance, history)
    graph = {"test_batches": ("songs",), "served_model": ("test_batches",)}
    return judge(
        {}, standing.checks(history), standing.attempts(history), graph, datetime.now(UTC), standing.jobs(history)
    )


def test_a_run_that_broke_is_seen_as_it_was_and_repair_turns_it_green(history):
    with world() as instance:
        well = run_and_read(instance, history, truncated=False, bad_cast=False)
        assert {check.state for check in well.checks} == {State.OK}
        broken = run_and_read(instance, history, truncated=True, bad_cast=True)
        assert {c.name: c.state for c in broken.checks} == {
            "two": State.ERRORED, "it_is_served": State.DID_NOT_RUN, "one": State.OK,
        }  # fmt: skip
        states = {name: health.state for name, health in broken.assets.items()}
        assert states == {
            "songs": State.ERRORED, "test_batches": State.RUN_FAILED, "served_model": State.DID_NOT_RUN,
        }  # fmt: skip
        assert "parquet file out of bounds" in broken.assets["test_batches"].reason
        assert [i.subject for i in open_incidents(broken)] == ["asset test_batches", "checks of songs"]
        (run,) = unsuccessful(history, datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        assert (run.status, run.assets) == ("FAILURE", ["served_model", "songs", "test_batches"])
        kept = one(history, run.run_id)
        assert kept == run
        assert [v["check"] for v in verdicts(history, run.run_id)] == ["one"]
        assert [made["asset"] for made in materialised(history, run.run_id)] == ["songs"]
        assert run in begun(history, datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        repaired = run_and_read(instance, history, truncated=False, bad_cast=False)
        assert {check.state for check in repaired.checks} == {State.OK}
        assert open_incidents(repaired) == []


def test_a_job_of_ops_that_fails_is_an_incident_until_its_next_success(history):
    @dg.op(config_schema={"broken": bool})
    def purge(context) -> None:
        if context.op_config["broken"]:
            raise RuntimeError("no room")

    @dg.job
    def purge_job() -> None:
        purge()

    def run(*, broken: bool) -> list[str]:
        config = {"ops": {"purge": {"config": {"broken": broken}}}}
        purge_job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
        sync(instance, history)
        return [i.line for i in open_incidents(judge({}, [], [], {}, NOW, standing.jobs(history)))]

    with world() as instance:
        assert "no room" in run(broken=True)[0]
        assert run(broken=False) == []


def test_a_run_that_was_deleted_in_flight_is_no_longer_waited_for(history):
    from dagster._core.test_utils import create_run_for_test

    with world() as instance:
        run = create_run_for_test(instance, job_name="x", status=dg.DagsterRunStatus.STARTED)
        sync(instance, history)
        instance.delete_run(run.run_id)
        sync(instance, history)
    (found,) = unsuccessful(history, datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    assert (found.run_id, found.status) == (run.run_id, "DELETED")


BEGIN_AND_DIE = """
import os, signal
import dagster as dg
from buddies_assets.resources.run_launcher import host_tags

@dg.asset
def songs() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

with dg.DagsterInstance.get() as instance:
    dg.materialize([songs], instance=instance, tags=host_tags())
"""


def test_a_run_whose_process_was_killed_failed_though_no_daemon_has_noticed(history, tmp_path):
    """As `buddies run` ends when the machine has no memory left: Dagster calls it started for ever."""
    launcher = {"module": "buddies_assets.resources.run_launcher", "class": "WatchedRunLauncher"}
    events = {"module": "dagster._core.storage.event_log", "class": "ConsolidatedSqliteEventLogStorage"}
    events |= {"config": {"base_dir": str(tmp_path / "events")}}
    (tmp_path / "dagster.yaml").write_text(json.dumps({"run_launcher": launcher, "event_log_storage": events}))
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", BEGIN_AND_DIE], env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        (record,) = instance.get_run_records()
        assert record.dagster_run.status == dg.DagsterRunStatus.STARTED
        sync(instance, history)
        report = judge({}, [], standing.attempts(history), {}, datetime.now(UTC), standing.jobs(history))
        assert report.assets["songs"].state == State.DID_NOT_RUN
        assert re.search(r"ended from outside: process \d+ on .* is gone", report.assets["songs"].reason)
        assert [incident.asset for incident in open_incidents(report)] == ["songs"]
        assert in_flight(history) == []
        # Once the daemon has said so too, it is the same failure, told by Dagster.
        instance.report_run_failed(record.dagster_run, "No sign of life.")
        sync(instance, history)
        (run,) = unsuccessful(history, datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        assert (run.status, run.error) == ("FAILURE", "No sign of life.")
