"""Incidents from the first failure to the repair: one cause, what people do with it, and the time it takes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quality.diagnosis import judge
from quality.health import AssetFacts
from quality.history import incidents
from quality.history.incidents import IncidentInputError, NoSuchIncidentError, reconcile
from quality.history.records import Evaluation
from quality.history.standing import Attempt, CheckStanding
from quality.history.writer import write_evaluations
from quality.incidents import Incident, open_incidents
from quality.owners import TEAM, OwnersError, parse_owners
from quality.runbooks import for_listeners, runbook

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=2)
GRAPH = {"splits": (), "user_blocks": ("splits",), "triplets": ("user_blocks",), "songs": ()}


def failing(asset: str, name: str, since: datetime = EARLIER, run: str = "run-a") -> CheckStanding:
    figures = {"severity": "error", "value": 3.0, "low": None, "high": 0.0, "offending": 3, "total": 99}
    last = {"last_at": NOW, "last_passed": False, "failing_since": since, "run_id": run, "partition": None}
    return CheckStanding(asset, name, "A rule.", blocking=True, evaluations=4, failures=1, **figures, **last)


def found(*checks: CheckStanding) -> list[Incident]:
    facts = {asset: AssetFacts(EARLIER, "run-a") for asset in GRAPH}
    return open_incidents(judge(facts, checks, [], GRAPH, NOW))


def test_three_failing_checks_of_an_asset_are_one_incident():
    (one,) = found(*(failing("splits", name) for name in ("a", "b", "c")))
    assert (one.subject, one.checks) == ("checks of splits", ("a", "b", "c"))
    assert one.text == "3 checks fail: a (3 offending of 99); b (3 offending of 99); c (3 offending of 99) (run run-a)"


def test_what_fails_downstream_because_of_it_is_told_with_the_cause():
    (one,) = found(failing("splits", "a"), failing("user_blocks", "b", NOW), failing("triplets", "c", NOW, "run-b"))
    assert one.asset == "splits"
    assert [text.split(":")[0] for text in one.also] == ["user_blocks", "triplets"] or [
        text.split(":")[0] for text in one.also
    ] == ["triplets", "user_blocks"]
    assert "so do, downstream" in one.line


def test_what_failed_downstream_before_has_a_cause_of_its_own():
    assert len(found(failing("splits", "a", NOW, "run-b"), failing("user_blocks", "b", EARLIER, "run-a"))) == 2
    assert len(found(failing("splits", "a"), failing("songs", "b", NOW))) == 2


def test_what_two_failing_runs_did_not_reach_is_held_back_by_one_incident():
    checks = [failing("splits", "a", run="run-a"), failing("splits", "b", run="run-b")]
    ended = {"delivered": False, "status": "FAILURE", "step_error": None, "run_error": "no"}
    not_reached = Attempt("triplets", "", "", "run-b", NOW, **ended)
    report = judge({asset: AssetFacts(EARLIER, "run-a") for asset in GRAPH}, checks, [not_reached], GRAPH, NOW)
    assert [(i.subject, i.held_back) for i in open_incidents(report)] == [("checks of splits", ("triplets",))]


CAUSE = Incident("checks of splits", "splits", "a fails", "run-b", ("user_blocks",), checks=("a",))


def evaluation(at: datetime, run: str, *, passed: bool) -> Evaluation:
    return Evaluation(at, "splits", "a", run, "error", passed, 3.0, None, 0.0, 3, 99)


def test_an_incident_is_opened_once_keeps_the_first_run_and_resolves_by_itself(history):
    write_evaluations(
        history,
        [
            evaluation(EARLIER - timedelta(hours=1), "run-good", passed=True),
            evaluation(EARLIER, "run-first", passed=False),
            evaluation(NOW, "run-b", passed=False),
        ],
    )
    cause = replace(CAUSE, since=EARLIER)
    owners = parse_owners("splits=anna@example.org, *=team:data")
    for minutes in (0, 1):
        reconcile(history, [cause], NOW + timedelta(minutes=minutes), owners)
    (kept,) = incidents.open_records(history)
    assert (kept.owner, kept.run_id, kept.opened_at, kept.since) == ("anna@example.org", "run-first", NOW, EARLIER)
    reconcile(history, [replace(cause, checks=("a", "b"))], NOW + timedelta(minutes=5), owners)
    reconcile(history, [], NOW + timedelta(minutes=30))
    over = incidents.record(history, kept.id)
    assert over is not None
    assert over.to_repair == timedelta(minutes=30)
    assert [event["kind"] for event in incidents.events(history, kept.id)] == ["opened", "changed", "resolved"]
    reconcile(history, [cause], NOW + timedelta(hours=1))
    (again,) = incidents.open_records(history)
    assert (again.id != kept.id, again.owner) == (True, TEAM)


def test_people_acknowledge_assign_mute_and_note(history):
    reconcile(history, [CAUSE], NOW)
    (kept,) = incidents.open_records(history)
    later = NOW + timedelta(minutes=7)
    incidents.acknowledge(history, kept.id, "Anna", later)
    incidents.acknowledge(history, kept.id, "Bert", later + timedelta(minutes=1))
    incidents.assign(history, kept.id, "team:loop", "Anna", later)
    incidents.mute(history, kept.id, later + timedelta(hours=1), "Anna", later)
    incidents.note(history, kept.id, "the disk was full", "Anna", later)
    (now,) = incidents.open_records(history)
    assert (now.acknowledged_by, now.to_acknowledge, now.owner) == ("Anna", timedelta(minutes=7), "team:loop")
    assert now.muted(later)
    assert not now.muted(later + timedelta(hours=2))
    told = [(event["kind"], event["by"]) for event in incidents.events(history, kept.id)]
    assert told[1:] == [
        ("acknowledged", "Anna"),
        ("acknowledged", "Bert"),
        ("assigned", "Anna"),
        ("muted", "Anna"),
        ("note", "Anna"),
    ]


def test_what_cannot_be_done_is_said_in_a_line(history):
    reconcile(history, [CAUSE], NOW)
    (kept,) = incidents.open_records(history)
    with pytest.raises(IncidentInputError, match="who acknowledges it"):
        incidents.acknowledge(history, kept.id, "  ", NOW)
    with pytest.raises(IncidentInputError, match="between now and"):
        incidents.mute(history, kept.id, NOW - timedelta(hours=1), "Anna", NOW)
    with pytest.raises(IncidentInputError, match="has 0"):
        incidents.note(history, kept.id, " ", "Anna", NOW)
    with pytest.raises(NoSuchIncidentError, match="no open incident 999"):
        incidents.assign(history, 999, "Anna", "Anna", NOW)
    with pytest.raises(OwnersError, match="asset=owner"):
        parse_owners("splits")


def test_a_runbook_says_what_must_hold_and_what_to_do(history):
    reconcile(history, [replace(CAUSE, checks=("matches_its_schema",))], NOW)
    (kept,) = incidents.open_records(history)
    steps = runbook(kept, {"matches_its_schema": "Columns and types."}, is_source=False)
    assert steps[0] == ("matches its schema", "Columns and types.")
    assert "Compare the columns" in steps[1][1]


def test_listeners_get_what_was_published_before():
    graph = {**GRAPH, "served_model": ("triplets",)}
    keep = for_listeners("splits", graph, "000003", EARLIER, NOW)
    assert keep.startswith("Listeners keep lists of version 000003 of 10 Mar 10:00 UTC")
    assert "published after this began" in for_listeners("splits", graph, "000003", NOW, EARLIER)
    assert "not made of songs" in for_listeners("songs", graph, "000003", NOW, EARLIER)
    assert for_listeners("splits", graph, None, None, NOW).startswith("Nothing is served yet")
