"""Incidents: what needs somebody now, one for each cause, however many assets and checks show it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from quality.health import CheckHealth, Report, State

SHOWN = 5


@dataclass(frozen=True)
class Incident:
    """One cause: its subject (the same as long as it is open), the asset it is about, and what is held back by it.

    `of_run`: the cause is a run that failed, and not what a check or a look at the files found.
    """

    subject: str
    asset: str
    text: str
    run_id: str | None
    held_back: tuple[str, ...] = ()
    of_run: bool = False

    @property
    def line(self) -> str:
        """The text with what is held back."""
        return f"{self.text}; held back: {_names(self.held_back)}" if self.held_back else self.text


def open_incidents(report: Report) -> list[Incident]:
    """Every open cause: failing checks, checks that crashed, assets whose run failed, and jobs.

    What a run did not reach because something else in it failed is a consequence, not an incident of its own.
    """
    not_reached: dict[str, list[str]] = defaultdict(list)
    for name, health in report.assets.items():
        if health.state is State.DID_NOT_RUN and health.run_id:
            not_reached[health.run_id].append(name)
    found = [*_failing_checks(report, not_reached), *_crashes(report, not_reached)]
    explained = {incident.run_id for incident in found if incident.run_id}
    found += _unexplained(report, not_reached, explained)
    found += [
        Incident(f"job {name}", "", f"run {job.run_id[:8]} failed: {job.error}", job.run_id, of_run=True)
        for name, job in sorted(report.jobs.items())
    ]
    return found


def _failing_checks(report: Report, not_reached: dict[str, list[str]]) -> list[Incident]:
    return [
        Incident(
            f"check {c.standing.asset}:{c.standing.check_name}",
            c.standing.asset,
            f"fails{_figures(c)} (run {(c.standing.run_id or '')[:8]})",
            c.standing.run_id,
            tuple(not_reached.get(c.standing.run_id or "", ())) if c.standing.blocking else (),
        )
        for c in report.checks
        if c.state is State.FAIL
    ]


def _figures(check: CheckHealth) -> str:
    standing = check.standing
    return f": {standing.offending:,} offending of {standing.total:,}" if standing.offending and standing.total else ""


def _crashes(report: Report, not_reached: dict[str, list[str]]) -> list[Incident]:
    found = []
    for name, health in report.assets.items():
        if health.state is State.DAMAGED:
            found.append(Incident(f"files of {name}", name, health.reasons[0], None))
        elif health.state is State.RUN_FAILED:
            held = tuple(not_reached.get(health.run_id or "", ()))
            found.append(Incident(f"asset {name}", name, f"run failed: {health.reasons[0]}", health.run_id, held, True))
    errored: dict[str, list[CheckHealth]] = defaultdict(list)
    for check in report.checks:
        if check.state is State.ERRORED:
            errored[check.standing.asset].append(check)
    for asset, checks in sorted(errored.items()):
        text = f"{len(checks)} errored and said nothing of the data: {checks[0].reason}"
        held = tuple(not_reached.get(checks[0].run_id or "", ()))
        found.append(Incident(f"checks of {asset}", asset, text, checks[0].run_id, held))
    return found


def _unexplained(report: Report, not_reached: dict[str, list[str]], explained: set[str]) -> list[Incident]:
    """What runs did not reach although nothing else of theirs is known to have failed: they never began, say."""
    found = []
    for run_id, names in sorted(not_reached.items()):
        if run_id not in explained:
            reason = report.assets[names[0]].reasons[0]
            held = tuple(names)
            found.append(Incident(f"assets {_names(names)}", names[0], f"did not run: {reason}", run_id, held, True))
    unrun: dict[str, list[CheckHealth]] = defaultdict(list)
    for check in report.checks:
        if check.state is State.DID_NOT_RUN and check.run_id not in explained and check.run_id not in not_reached:
            unrun[check.standing.asset].append(check)
    for asset, checks in sorted(unrun.items()):
        text = f"{len(checks)} did not run: {checks[0].reason}"
        found.append(Incident(f"checks of {asset}", asset, text, checks[0].run_id))
    return found


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
