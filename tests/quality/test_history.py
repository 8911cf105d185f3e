"""The history: what is written once, what a check's standing says, what the log brings, what may be purged."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import numpy as np
import psycopg2
import pytest
from databases import FEEDBACK_TABLES

from buddies_core.postgres.schema import MigrationError, rows
from quality.history import assets, checks, feedback, standing
from quality.history.activity import ActivityIndex
from quality.history.database import SCHEMA
from quality.history.purge import RunFacts, delete_runs, plan_purge, run_facts
from quality.history.records import Evaluation, Materialisation
from quality.history.sync import sync
from quality.history.writer import write_evaluations, write_materialisations

START = datetime(2026, 1, 1, tzinfo=UTC)
NEVER, ALWAYS = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def evaluation(day: int, passed: bool, **more) -> Evaluation:
    at = START + timedelta(days=day)
    return replace(Evaluation(at, "splits", "pairs_are_in_one_split", f"run-{day}", "error", passed), **more)


def test_a_migration_is_applied_once(history):
    assert SCHEMA.migrate(history) == []


def test_a_migration_that_was_edited_is_an_error(history):
    with history, history.cursor() as cursor:
        cursor.execute("UPDATE quality.migrations SET digest = 'other'")
    with pytest.raises(MigrationError, match="0001_history"):
        SCHEMA.migrate(history)


def test_a_failing_check_has_been_open_since_the_first_failure_after_the_last_pass(history):
    write_evaluations(history, [evaluation(0, False), evaluation(1, True), evaluation(2, False), evaluation(3, False)])
    stands = standing.checks(history)[0]
    assert stands.failing_since == START + timedelta(days=2)
    assert (stands.evaluations, stands.failures) == (4, 3)
    write_evaluations(history, [evaluation(4, True)])
    assert standing.checks(history)[0].failing_since is None


def test_an_evaluation_that_arrives_late_does_not_replace_a_newer_one(history):
    write_evaluations(history, [evaluation(5, True, value=0.0)])
    write_evaluations(history, [evaluation(3, False, value=7.0)])
    stands = standing.checks(history)[0]
    assert (stands.last_passed, stands.value, stands.failures) == (True, 0.0, 1)


def test_an_event_read_twice_is_kept_once(history):
    event = evaluation(0, False, storage_id=11, sample=[{"user": 3}])
    write_evaluations(history, [event])
    write_evaluations(history, [event])
    assert standing.checks(history)[0].evaluations == 1


def test_a_strip_holds_the_last_28_oldest_first(history):
    write_evaluations(history, [evaluation(day, day != 29) for day in range(30)])
    strip = checks.strips(history, ALWAYS)[("splits", "pairs_are_in_one_split")]
    assert strip == "p" * 27 + "f"


def test_the_sample_of_the_last_failure_comes_with_its_run(history):
    write_evaluations(history, [evaluation(0, False, sample=[{"user": 3, "playlist": 9}]), evaluation(1, True)])
    found = checks.failed_sample(history, "splits", "pairs_are_in_one_split", since=NEVER, until=ALWAYS)
    assert found is not None
    assert (found["run_id"], found["sample"]) == ("run-0", [{"user": 3, "playlist": 9}])


def test_the_latest_materialisation_of_each_asset_comes_with_its_trend(history):
    made = [Materialisation(START + timedelta(days=d), a, f"r{d}", row_count=d) for d in range(3) for a in ("x", "y")]
    write_materialisations(history, made)
    found = {version.asset: version for version in assets.latest(history, ALWAYS)}
    assert found["x"].run_id == "r2"
    assert found["y"].trend == (0, 1, 2)


def test_statistics_are_computed_once_for_a_fingerprint(history):
    calls = []
    for _ in range(2):
        figures = assets.statistics(history, "splits", "abc", lambda: calls.append(1) or {"users": 7})
    assert (figures, len(calls)) == ({"users": 7}, 1)


def test_the_log_is_read_on_from_where_it_was_left(history):
    @dg.asset
    def numbers() -> dg.MaterializeResult:
        origins = dg.TableColumnLineage({"n": [dg.TableColumnDep(dg.AssetKey("digits"), "n")]})
        told = {"dagster/row_count": 3, "fingerprint": "f00d", "dagster/column_lineage": origins}
        return dg.MaterializeResult(metadata=told)

    @dg.asset_check(asset=numbers, description="None is negative.")
    def none_is_negative() -> dg.AssetCheckResult:
        table = dg.MetadataValue.table([dg.TableRecord({"n": -1})])
        facts = {"value": 1.0, "high": 0.0, "offending": 1, "looked at": 3, "sample": table}
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, metadata=facts)

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([numbers, none_is_negative], instance=instance)
        sync(instance, history)
        dg.materialize([numbers, none_is_negative], instance=instance)
        sync(instance, history)
    kept = rows(history, "SELECT passed, severity, value, high, sample FROM quality.evaluations")
    assert kept == [{"passed": False, "severity": "warn", "value": 1.0, "high": 0.0, "sample": [{"n": -1}]}] * 2
    made = rows(history, "SELECT row_count, fingerprint, metadata FROM quality.materialisations")
    assert made == [{"row_count": 3, "fingerprint": "f00d", "metadata": {"fingerprint": "f00d"}}] * 2


def add_sessions(connection, sessions) -> None:
    with connection, connection.cursor() as cursor:
        for at, user, liked, shown, received in sessions:
            cursor.execute(
                "INSERT INTO feedback.sessions (created_at, received_at, user_id, liked, shown, model_version, arm)"
                " VALUES (%s, %s, %s, %s, %s, 'v1', 'champion')",
                (at, received, user, liked, shown),
            )


@pytest.fixture
def sessions(history: "psycopg2.extensions.connection") -> "psycopg2.extensions.connection":
    """Three sessions on the first of January, one on the second."""
    with history, history.cursor() as cursor:
        cursor.execute(FEEDBACK_TABLES)
    at = START + timedelta(hours=9)
    later = at + timedelta(days=1)
    add_sessions(
        history,
        [(at, 1, 10, [10, 11], at), (at, 1, 11, [10, 11], at), (at, 2, 11, [10, 11], at), (later, 1, 10, [10], later)],
    )
    feedback.refresh(history)
    return history


def test_days_add_up_sessions_users_and_ranks(sessions):
    first, second = feedback.days(sessions, date(2026, 1, 1), date(2026, 1, 3))
    assert (first["sessions"], first["users"], first["shown"], first["rank_sum"], first["first_liked"]) == (
        3,
        2,
        6,
        5,
        1,
    )
    assert (second["sessions"], second["users"]) == (1, 1)


def test_a_replayed_old_session_changes_its_day_and_no_other(sessions):
    arrived = START + timedelta(days=5)
    add_sessions(sessions, [(START + timedelta(hours=1), 3, 10, [10], arrived)])
    feedback.refresh(sessions)
    first, second = feedback.days(sessions, date(2026, 1, 1), date(2026, 1, 3))
    assert (first["sessions"], first["users"], second["sessions"]) == (4, 3, 1)


def test_a_session_that_was_received_long_before_it_was_stored_is_counted(sessions):
    received = START + timedelta(hours=1)
    add_sessions(sessions, [(received, 3, 10, [10], received)])
    assert feedback.refresh(sessions) > 0
    first, second = feedback.days(sessions, date(2026, 1, 1), date(2026, 1, 3))
    assert (first["sessions"], first["users"], second["sessions"]) == (4, 3, 1)
    likes = rows(sessions, "SELECT sum(likes)::int AS likes FROM quality.feedback_received WHERE day = '2026-01-01'")
    assert likes == [{"likes": 4}]


def test_weeks_count_a_user_once(sessions):
    assert feedback.weeks(sessions, date(2025, 12, 1), date(2026, 2, 1)) == [{"week": date(2025, 12, 29), "users": 2}]


def test_refreshing_without_news_changes_nothing(sessions):
    assert feedback.refresh(sessions) == 0


def test_activity_counts_users_of_any_range(sessions):
    index = ActivityIndex()
    assert index.refresh(sessions) == 2
    counts = index.between(date(2026, 1, 1), date(2026, 1, 3))
    assert (counts.users.tolist(), counts.sessions.tolist(), counts.new_users) == ([1, 2], [3, 1], 2)
    assert counts.gini() == pytest.approx(0.25)
    second = index.between(date(2026, 1, 2), date(2026, 1, 3))
    assert (second.users.tolist(), second.new_users) == ([1], 0)
    assert index.new_by_day(date(2026, 1, 1), date(2026, 1, 3)) == [(date(2026, 1, 1), 2, 0), (date(2026, 1, 2), 0, 1)]
    assert index.refresh(sessions) == 0


def test_the_largest_user_id_there_can_be_costs_no_more_memory_than_another(sessions):
    import tracemalloc

    with sessions, sessions.cursor() as cursor:
        cursor.execute(
            "INSERT INTO feedback.sessions (created_at, received_at, user_id, liked, shown, model_version, arm)"
            " VALUES ('2026-01-02 12:00Z', '2026-01-09 12:00Z', 2147483647, 10, '{10,20}', 'v1', 'champion')"
        )
    assert feedback.refresh(sessions) >= 1
    index = ActivityIndex()
    tracemalloc.start()
    index.refresh(sessions)
    counts = index.between(date(2026, 1, 1), date(2026, 1, 3))
    by_day = index.new_by_day(date(2026, 1, 1), date(2026, 1, 3))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (counts.users.tolist(), counts.sessions.tolist()) == ([1, 2, 2147483647], [3, 1, 1])
    assert by_day == [(date(2026, 1, 1), 2, 0), (date(2026, 1, 2), 1, 1)]
    assert most < 2**20


def test_users_who_come_between_two_readings_change_nobody_elses_counts(sessions):
    index = ActivityIndex()
    index.refresh(sessions)
    with sessions, sessions.cursor() as cursor:
        cursor.execute(
            "INSERT INTO feedback.sessions (created_at, received_at, user_id, liked, shown, model_version, arm)"
            " SELECT '2026-01-03 12:00Z', '2026-01-09 12:00Z', user_id, 10, '{10,20}', 'v1', 'champion'"
            " FROM unnest(ARRAY[0, 2]) AS user_id"
        )
    feedback.refresh(sessions)
    index.refresh(sessions)
    counts = index.between(date(2026, 1, 1), date(2026, 1, 4))
    assert dict(zip(counts.users.tolist(), counts.sessions.tolist(), strict=True)) == {0: 1, 1: 3, 2: 2}
    assert index.new_by_day(date(2026, 1, 3), date(2026, 1, 4)) == [(date(2026, 1, 3), 1, 1)]


def test_the_top_percent_is_at_least_one_user():
    from quality.history.activity import UserCounts

    counts = UserCounts(np.arange(4), np.array([5, 3, 1, 1]), 0)
    assert counts.top_share(0.01) == 0.5
    assert counts.lorenz(5)[-1] == (1.0, 1.0)


def run(name: str, days: int, **facts) -> RunFacts:
    base = {"ended": True, "recorded": True, "holds_latest": False}
    return RunFacts(name, "job", START - timedelta(days=days), **(base | facts))


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"ended": False}, "still running"),
        ({"recorded": False}, "not in the history yet"),
        ({"holds_latest": True}, "latest materialisation of an asset"),
    ],
)
def test_an_old_run_stays_when_something_still_needs_it(facts, reason):
    plan = plan_purge([run("old", 90, **facts)], START, keep_last=0)
    assert plan.delete == []
    assert plan.keep == {"old": reason}


def test_old_runs_go_and_the_last_of_a_job_stay():
    runs = [run(f"r{days}", days) for days in (1, 40, 50, 60)]
    plan = plan_purge(runs, START, keep=timedelta(days=30), keep_last=2)
    assert plan.delete == ["r60", "r50"]
    assert plan.keep == {"r1": "younger than the retention", "r40": "among the last of its job"}
    assert plan.summary() == {"deleted": 2, "kept: younger than the retention": 1, "kept: among the last of its job": 1}


def test_purging_deletes_from_the_log_what_the_history_keeps(history):
    @dg.asset
    def numbers() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"dagster/row_count": 3})

    with dg.DagsterInstance.ephemeral() as instance:
        first, second = (dg.materialize([numbers], instance=instance).run_id for _ in range(2))
        plan = plan_purge(run_facts(instance, history), datetime.now(UTC), keep=timedelta(0), keep_last=0)
        assert (plan.delete, plan.keep) == ([first], {second: "latest materialisation of an asset"})
        assert delete_runs(instance, plan.delete) == 1
        assert [record.dagster_run.run_id for record in instance.get_run_records()] == [second]
    assert rows(history, "SELECT count(*) AS n FROM quality.materialisations") == [{"n": 2}]
