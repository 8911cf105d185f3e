"""What stands still, hangs, was renamed or lies in the future is said, though no run fails and no check speaks."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg2
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.utils import make_new_run_id
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from quality.dashboard import sources as sources_module
from quality.diagnosis import LONGEST_RUN, judge
from quality.health import AssetFacts, Code, Report, State
from quality.history import automation
from quality.history.automation import Automaton, automata, sync_automation
from quality.incidents import open_incidents
from quality.standstill import SILENT, standstills
from tests.quality.test_dashboard_pages import get
from tests.quality.test_health import BEFORE, NOW, attempt, check

LONG_AGO = NOW - SILENT - timedelta(minutes=1)


def daemon(name: str, seen_at: datetime, error: str | None = None) -> Automaton:
    return Automaton(name, "daemon", seen_at, error, seen_at if error else None)


def subjects(report: Report) -> list[str]:
    return [incident.subject for incident in open_incidents(report)]


def test_daemons_that_are_all_silent_are_one_standstill_and_one_alone_is_named():
    assert standstills([daemon("sensor", NOW), daemon("scheduler", NOW)], NOW) == []
    (all_of_it,) = standstills([daemon("sensor", LONG_AGO), daemon("scheduler", LONG_AGO)], NOW)
    assert (all_of_it.name, all_of_it.since) == ("the Dagster daemon", LONG_AGO)
    (one,) = standstills([daemon("sensor", LONG_AGO), daemon("scheduler", NOW)], NOW)
    assert one.name == "the daemon sensor"
    assert standstills([], NOW) == []  # it was never started: nobody expects it to live


def test_a_sensor_that_fails_stands_still_since_it_began_to():
    failing = Automaton("served_model_sensor", "sensor", NOW, "OSError: no room", BEFORE)
    sound = Automaton("raw_files_sensor", "sensor", LONG_AGO, None, None)
    (found,) = standstills([failing, sound, daemon("sensor", NOW, "TypeError: x")], NOW)[:1]
    assert (found.name, found.since) == ("sensor served_model_sensor", BEFORE)
    assert "OSError: no room" in found.text


def test_a_standstill_is_an_incident_of_its_own():
    report = judge({}, [], [], {}, NOW, stand_still=standstills([daemon("sensor", LONG_AGO)], NOW))
    assert subjects(report) == ["the Dagster daemon stands still"]


def test_a_run_that_hangs_is_overdue_and_an_incident_and_one_that_is_slow_is_neither():
    for status in ("STARTED", "QUEUED"):
        for age, state in ((LONGEST_RUN - timedelta(minutes=1), State.OK), (LONGEST_RUN * 2, State.OVERDUE)):
            begun = attempt("rows_are_sane", status=status)
            begun = begun.__class__(**vars(begun) | {"at": NOW - age})
            facts = {"splits": AssetFacts(NOW - age - timedelta(hours=1), "old-run")}
            passed = check(last_at=NOW - age - timedelta(hours=1))
            report = judge(facts, [passed], [begun], {}, NOW)
            assert report.checks[0].state is state
            assert report.assets["splits"].state is state
            assert subjects(report) == (["run new-run is overdue"] if state is State.OVERDUE else [])


def test_an_asset_that_was_renamed_is_neither_healthy_nor_failing_and_its_checks_are_gone():
    code = Code(frozenset({"divisions"}), frozenset({("divisions", "rows_are_sane")}))
    facts = {"splits": AssetFacts(BEFORE, "old-run"), "divisions": AssetFacts(BEFORE, "old-run")}
    found = [check(passed=False), check(asset="divisions")]
    report = judge(facts, found, [attempt("")], {"divisions": ()}, NOW, code=code)
    assert report.assets["splits"].state is State.RETIRED
    assert report.assets["divisions"].state is State.OK
    assert [one.asset for one in report.checks] == ["divisions"]
    assert subjects(report) == []


@pytest.mark.parametrize("passed", [True, False])
def test_a_check_that_was_renamed_goes_with_the_next_version_and_not_before(passed):
    code = Code(frozenset({"splits"}), frozenset({("splits", "rows_are_sound")}))
    for made_at, stays in ((BEFORE - timedelta(hours=1), True), (BEFORE + timedelta(minutes=1), False)):
        facts = {"splits": AssetFacts(made_at, "new-run")}
        report = judge(facts, [check(passed=passed), check("rows_are_sound", last_at=NOW)], [], {}, NOW, code=code)
        assert ("rows_are_sane" in {one.name for one in report.checks}) is stays


def test_what_was_made_in_the_future_is_no_fresh_data():
    facts = {"splits": AssetFacts(NOW + timedelta(hours=3), "new-run", timedelta(days=1))}
    health = judge(facts, [], [], {}, NOW).assets["splits"]
    assert health.state is State.WRONG_CLOCK
    assert "the clock of a machine is wrong" in health.reason
    near = {"splits": AssetFacts(NOW + timedelta(minutes=1), "new-run", timedelta(days=1))}
    assert judge(near, [], [], {}, NOW).assets["splits"].state is State.OK


@pytest.fixture
def instance(tmp_path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def beat(instance: dg.DagsterInstance, kind: str, at: datetime) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), kind, make_new_run_id(), []))


def tick(instance: dg.DagsterInstance, state: InstigatorState, at: datetime, error: str | None) -> None:
    status = TickStatus.FAILURE if error else TickStatus.SKIPPED
    told = SerializableErrorInfo(error, [], "OSError") if error else None
    about = (state.instigator_origin_id, state.instigator_name, state.instigator_type)
    data = TickData(*about, status, at.timestamp(), error=told, selector_id=state.selector_id)
    instance.create_tick(data)


def sensor_state(instance: dg.DagsterInstance) -> InstigatorState:
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "all"), "a_sensor")
    data = SensorInstigatorData()
    return instance.add_instigator_state(
        InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data)
    )


def test_signs_of_life_and_ticks_come_from_dagster_and_a_sensor_that_works_again_is_sound(
    history, instance, monkeypatch
):
    monkeypatch.setattr(automation, "EVERY", timedelta(0))
    now = datetime.now(UTC)
    state = sensor_state(instance)
    beat(instance, "SENSOR", now)
    tick(instance, state, now - timedelta(minutes=2), "OSError: no room")
    sync_automation(instance, history)
    assert [(one.name, one.kind, one.error) for one in automata(history)] == [
        ("a_sensor", "sensor", "OSError: no room"),
        ("sensor", "daemon", None),
    ]
    tick(instance, state, now - timedelta(minutes=1), "OSError: no room at all")
    sync_automation(instance, history)
    (found,) = standstills(automata(history), now)
    assert found.since == pytest.approx(now - timedelta(minutes=2), abs=timedelta(seconds=1))
    tick(instance, state, now, None)
    sync_automation(instance, history)
    assert standstills(automata(history), now) == []
    assert [one.name for one in standstills(automata(history), now + timedelta(hours=1))] == ["the Dagster daemon"]
    instance.wipe_daemon_heartbeats()  # as `buddies up` does when it is stopped on purpose
    sync_automation(instance, history)
    assert standstills(automata(history), now + timedelta(hours=1)) == []


def test_signs_of_life_are_not_asked_for_at_every_look(history, instance):
    beat(instance, "SENSOR", datetime.now(UTC))
    assert [sync_automation(instance, history) for _ in range(2)] == [1, 0]


def test_a_dead_daemon_is_on_the_overview(dashboard):
    with dashboard.connection, dashboard.connection.cursor() as cursor:
        cursor.execute("INSERT INTO quality.automation VALUES ('sensor', 'daemon', now() - interval '1 hour')")
    try:
        body = get(dashboard.url)[1]
        assert "the Dagster daemon stands still" in body
        assert "alerts stand still" in body
        assert "1 open incident" in body
    finally:
        with dashboard.connection, dashboard.connection.cursor() as cursor:
            cursor.execute("DELETE FROM quality.automation")
    assert "no open incident" in get(dashboard.url)[1]


def test_a_locked_database_is_said_and_does_not_hold_the_page_for_ever(dashboard, monkeypatch):
    monkeypatch.setattr(sources_module, "LOCK_SECONDS", 0.3)
    url = dashboard.sources.settings.postgres_url
    with closing(psycopg2.connect(url)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE quality.evaluations IN ACCESS EXCLUSIVE MODE")
        status, body, _ = get(f"{dashboard.url}/checks")
        assert status == 503
        assert "The database is locked" in body
    assert get(f"{dashboard.url}/checks")[0] == 200


def test_a_refresh_that_hangs_is_said_while_it_hangs(dashboard, monkeypatch):
    monkeypatch.setattr(dashboard.sources, "_began", time.monotonic() - 600)
    body = get(dashboard.url)[1]
    assert "What is shown may be old: the refresh has been under way for 10 min" in body


def test_a_dashboard_that_reads_no_runs_says_so(dashboard, monkeypatch):
    reading = dashboard.sources.dashboard.model_copy(update={"read_event_log": True})
    monkeypatch.setattr(dashboard.sources, "dashboard", reading)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert "DAGSTER_HOME is not set, so no run and no check is read" in get(dashboard.url)[1]
    monkeypatch.setenv("DAGSTER_HOME", "/somewhere")
    assert "What is shown may be old" not in get(dashboard.url)[1]
