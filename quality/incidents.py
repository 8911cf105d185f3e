"""Incidents: what needs somebody now, one for each cause, however many assets and checks show it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from quality.health import CheckHealth, Report, State

SHOWN = 5
_DISTANT = datetime.max


@dataclass(frozen=True)
class Incident:
    """One cause: its subject (the same as long as it is open), the asset it is about, and what is held back by it.

    `of_run`: the cause is a run that failed, and not what a check or a look at the files found. `checks` are those of
    the asset that do not hold, the first of them the one that a person should read; `also` says what fails downstream
    because of it.
    """

    subject: str
    asset: str
    text: str
    run_id: str | None
    held_back: tuple[str, ...] = ()
    of_run: bool = False
    checks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    since: datetime | None = None

    @property
    def line(self) -> str:
        """The text with what fails because of it and what is held back."""
        parts = [self.text]
        if self.also:
            parts.append(f"so do, downstream: {'; '.join(self.also)}")
        if self.held_back:
            parts.append(f"held back: {names(self.held_back)}")
        return "; ".join(parts)


def open_incidents(report: Report) -> list[Incident]:
    """Every open cause: failing and crashed checks by asset, assets whose run failed, damaged files, and jobs.

    What a run did not reach because something else in it failed is a consequence, not an incident of its own; nor is a
    check that began to fail on an asset made of one that failed before.
    """
    not_reached: dict[str, list[str]] = defaultdict(list)
    for name, health in report.assets.items():
        if health.state is State.DID_NOT_RUN and health.run_id:
            not_reached[health.run_id].append(name)
    found = [*_of_assets(report, not_reached), *_of_checks(report, not_reached)]
    explained = {incident.run_id for incident in found if incident.run_id} | _runs_of_checks(report)
    found += _unexplained(report, not_reached, explained)
    found += _overdue(report)
    found += [Incident(f"{one.name} stands still", "", one.text, None, since=one.since) for one in report.standstills]
    found += [
        Incident(f"job {name}", "", f"run {job.run_id[:8]} failed: {job.error}", job.run_id, of_run=True)
        for name, job in sorted(report.jobs.items())
    ]
    return found


def _of_checks(report: Report, not_reached: dict[str, list[str]]) -> list[Incident]:
    """One for each asset whose checks fail or crashed, those downstream of another folded into it."""
    by_asset: dict[str, list[CheckHealth]] = defaultdict(list)
    for check in report.checks:
        if check.state in (State.FAIL, State.ERRORED):
            by_asset[check.asset].append(check)
    found = {asset: _of_one(asset, checks, not_reached) for asset, checks in by_asset.items()}
    roots = {asset: _root(asset, report, found) for asset in found}
    for asset, root in roots.items():
        if root != asset:
            folded, into = found[asset], found[root]
            held = tuple(dict.fromkeys((*into.held_back, *folded.held_back)))
            found[root] = replace(into, also=(*into.also, f"{asset}: {folded.text}"), held_back=held)
    return [incident for asset, incident in found.items() if roots[asset] == asset]


def _runs_of_checks(report: Report) -> set[str]:
    """Every run in which a check failed or crashed, of which an incident names the first alone."""
    wrong = [check for check in report.checks if check.state in (State.FAIL, State.ERRORED)]
    return {run for check in wrong for run in (check.run_id, check.standing.run_id) if run}


def _of_one(asset: str, checks: Sequence[CheckHealth], not_reached: dict[str, list[str]]) -> Incident:
    failing = [check for check in checks if check.state is State.FAIL]
    crashed = [check for check in checks if check.state is State.ERRORED]
    texts, runs = [], list(dict.fromkeys(c.run_id or c.standing.run_id for c in checks))
    if failing:
        named = "; ".join(f"{c.name}{_figures(c)}" for c in failing[:SHOWN])
        more = f"; and {len(failing) - SHOWN} more" if len(failing) > SHOWN else ""
        seen = f" (run {(failing[0].standing.run_id or '')[:8]})"
        one = len(failing) == 1
        texts.append(
            f"{'the check' if one else f'{len(failing)} checks'} {'fails' if one else 'fail'}: {named}{more}{seen}"
        )
    if crashed:
        texts.append(f"{len(crashed)} errored and said nothing of the data: {crashed[0].reason}")
    holding = any(c.standing.blocking for c in failing) or bool(crashed)
    held = [name for run in runs for name in not_reached.get(run or "", ())] if holding else []
    since = min((c.standing.failing_since for c in failing if c.standing.failing_since), default=None)
    run = failing[0].standing.run_id if failing else crashed[0].run_id
    checked = tuple(check.name for check in (*failing, *crashed))
    return Incident(
        f"checks of {asset}", asset, "; ".join(texts), run, tuple(dict.fromkeys(held)), checks=checked, since=since
    )


def _root(asset: str, report: Report, found: dict[str, Incident]) -> str:
    """The asset furthest upstream whose failing checks explain this one's: they began to fail no later."""
    mine = found[asset]
    above = [
        name
        for name in report.assets[asset].causes
        if name in found and (_began(found[name]) <= _began(mine) or found[name].run_id == mine.run_id)
    ] if asset in report.assets else []  # fmt: skip
    if mine.since is None or not above:
        return asset
    return min(above, key=lambda name: (len(report.assets[name].causes), _began(found[name]), name))


def _began(incident: Incident) -> datetime:
    return incident.since.replace(tzinfo=None) if incident.since else _DISTANT


def _figures(check: CheckHealth) -> str:
    standing = check.standing
    return f" ({standing.offending:,} offending of {standing.total:,})" if standing.offending and standing.total else ""


def _of_assets(report: Report, not_reached: dict[str, list[str]]) -> list[Incident]:
    """One for each asset whose files are damaged or whose run failed."""
    found = []
    for name, health in report.assets.items():
        if health.state is State.DAMAGED:
            found.append(Incident(f"files of {name}", name, health.reasons[0], None))
        elif health.state is State.RUN_FAILED:
            held = tuple(not_reached.get(health.run_id or "", ()))
            found.append(Incident(f"asset {name}", name, f"run failed: {health.reasons[0]}", health.run_id, held, True))
    return found


def _unexplained(report: Report, not_reached: dict[str, list[str]], explained: set[str]) -> list[Incident]:
    """What runs did not reach although nothing else of theirs is known to have failed: they never began, say."""
    found = []
    for run_id, missed in sorted(not_reached.items()):
        if run_id not in explained:
            reason = report.assets[missed[0]].reasons[0]
            held = tuple(missed)
            found.append(Incident(f"assets {names(missed)}", missed[0], f"did not run: {reason}", run_id, held, True))
    unrun: dict[str, list[CheckHealth]] = defaultdict(list)
    for check in report.checks:
        if check.state is State.DID_NOT_RUN and check.run_id not in explained and check.run_id not in not_reached:
            unrun[check.standing.asset].append(check)
    for asset, checks in sorted(unrun.items()):
        text = f"{len(checks)} did not run: {checks[0].reason}"
        checked = tuple(check.name for check in checks)
        found.append(Incident(f"checks of {asset}", asset, text, checks[0].run_id, checks=checked))
    return found


def _overdue(report: Report) -> list[Incident]:
    """One for each run that has been under way for too long."""
    late: dict[str, list[str]] = defaultdict(list)
    texts: dict[str, str] = {}
    for name, health in report.assets.items():
        if health.state is State.OVERDUE and health.run_id:
            late[health.run_id].append(name)
            texts[health.run_id] = health.reasons[0]
    return [
        Incident(f"run {run_id[:8]} is overdue", missed[0], texts[run_id], run_id, tuple(missed), True)
        for run_id, missed in sorted(late.items())
    ]


def names(found: Sequence[str]) -> str:
    """Names in a line, the rest counted."""
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
