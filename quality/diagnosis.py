"""How every asset and check is, judged by one pure function.

What counts is the newest *planned* materialisation and evaluation, not the newest that happened: a check that crashed
leaves no result, and its old pass says nothing of the data as they are now.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from quality.health import UNMADE, AssetFacts, CheckHealth, Code, Health, Report, State
from quality.history.standing import Attempt, CheckStanding, JobRun
from quality.standstill import Standstill

IN_FLIGHT = {"QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING"}
SHOWN = 3
LONGEST_RUN = timedelta(hours=6)
"""Age of a plan from which a run that has still not come to it counts as hanging."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far in the future a time may lie: clocks of machines differ."""
RETIRED = Health(State.RETIRED, ("the code has no such asset any more: what is stored of it may be deleted",))


def judge(
    facts: Mapping[str, AssetFacts],
    checks: Iterable[CheckStanding],
    attempts: Iterable[Attempt],
    upstream: Mapping[str, Sequence[str]],
    now: datetime,
    jobs: Iterable[JobRun] = (),
    stand_still: Sequence[Standstill] = (),
    code: Code | None = None,
) -> Report:
    """The health of everything that is named by the facts, a check, an attempt or the graph.

    Args:
        code: the assets and checks that the code has; None where nobody knows.
    """
    checks, attempts = list(checks), list(attempts)
    if code is not None:
        checks = [check for check in checks if not _is_retired(check, facts.get(check.asset, AssetFacts()), code)]
        kept = {(check.asset, check.check_name) for check in checks}
        attempts = [
            a for a in attempts if a.asset in code.assets and (not a.check_name or (a.asset, a.check_name) in kept)
        ]
    newest: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        newest[attempt.asset, attempt.check_name].append(attempt)
    judged = [
        judge_check(check, newest.get((check.asset, check.check_name), []), facts.get(check.asset, AssetFacts()), now)
        for check in checks
    ]
    judged.sort(key=lambda c: (-c.state.rank, c.standing.asset, c.standing.check_name))
    by_asset: dict[str, list[CheckHealth]] = defaultdict(list)
    for check in judged:
        by_asset[check.standing.asset].append(check)
    names = {*facts, *upstream, *by_asset, *(asset for asset, _ in newest)}
    own = {
        name: judge_asset(facts.get(name, AssetFacts()), by_asset[name], newest.get((name, ""), []), now)
        for name in sorted(names)
    }
    if code is not None:
        own |= {name: RETIRED for name in own if name not in code.assets}
    failed_jobs = {job.job: job for job in jobs if job.status == "FAILURE"}
    return Report({name: _resting(name, own, upstream) for name in own}, judged, failed_jobs, stand_still)


def _is_retired(check: CheckStanding, asset: AssetFacts, code: Code) -> bool:
    """Whether a check is one of an asset that is gone, or is gone itself: a newer version was made without it."""
    if check.asset not in code.assets:
        return True
    newer = asset.made_at is not None and (check.last_at is None or asset.made_at > check.last_at)
    return newer and (check.asset, check.check_name) not in code.checks


def judge_check(check: CheckStanding, attempts: Sequence[Attempt], asset: AssetFacts, now: datetime) -> CheckHealth:
    """One check by its last evaluation, unless a later attempt at it came to nothing."""
    undone = [a for a in attempts if not a.delivered and (check.last_at is None or a.at >= check.last_at)]
    for attempt in sorted(undone, key=lambda a: a.at, reverse=True):
        outcome = _outcome(attempt, now, crashed=State.ERRORED, not_reached=State.DID_NOT_RUN)
        if outcome is not None:
            if check.last_passed is False and check.severity != "warn":
                return CheckHealth(
                    check, State.FAIL, f"its last evaluation failed; since then: {outcome[1]}", check.run_id
                )
            return CheckHealth(check, *outcome, attempt.run_id)
    if check.last_at is None:
        return CheckHealth(check, State.UNKNOWN, "not evaluated yet", None)
    if not check.last_passed:
        state = State.WARN if check.severity == "warn" else State.FAIL
        return CheckHealth(check, state, "its last evaluation failed", check.run_id)
    if asset.made_at is not None and asset.made_at > check.last_at and asset.run_id != check.run_id and not undone:
        return CheckHealth(check, State.UNCHECKED, "its pass is of an earlier version of the data", check.run_id)
    return CheckHealth(check, State.OK, "passes", check.run_id)


def judge_asset(facts: AssetFacts, checks: Sequence[CheckHealth], attempts: Sequence[Attempt], now: datetime) -> Health:
    """One asset by itself, whatever lies upstream: the worst of its last run, its checks and its age."""
    found: list[tuple[State, str, str | None]] = []
    if facts.damage is not None:
        found.append((State.DAMAGED, facts.damage, facts.run_id))
    for attempt in sorted(attempts, key=lambda a: a.at, reverse=True):
        if attempt.delivered or (facts.made_at is not None and attempt.at < facts.made_at and not attempt.partition):
            continue
        outcome = _outcome(attempt, now, crashed=State.RUN_FAILED, not_reached=State.DID_NOT_RUN)
        if outcome is not None:
            where = f" (partition {attempt.partition})" if attempt.partition else ""
            found.append((outcome[0], outcome[1] + where, attempt.run_id))
    for state in (
        State.FAIL,
        State.ERRORED,
        State.DID_NOT_RUN,
        State.OVERDUE,
        State.CANCELLED,
        State.UNCHECKED,
        State.WARN,
    ):
        of = [check for check in checks if check.state is state]
        if of:
            found.append((state, _counted(state, of), of[0].run_id))
    if facts.made_at is not None and facts.maximum_age is not None and now - facts.made_at > facts.maximum_age:
        found.append((State.STALE, f"older than {facts.maximum_age.days} days", facts.run_id))
    if facts.made_at is not None and facts.made_at > now + CLOCKS_DIFFER:
        text = f"made at {facts.made_at:%d %b %Y %H:%M} UTC, which has not come: the clock of a machine is wrong"
        found.append((State.WRONG_CLOCK, text, facts.run_id))
    if not found:
        passing = sum(check.state is State.OK for check in checks)
        if facts.made_at is None and not passing:
            return Health(State.UNKNOWN, ("never materialised",))
        return Health(State.OK, (f"{passing} checks pass" if passing else "materialised, no check",), facts.run_id)
    found.sort(key=lambda item: -item[0].rank)
    return Health(found[0][0], tuple(dict.fromkeys(text for _, text, _ in found)), found[0][2])


def _outcome(attempt: Attempt, now: datetime, *, crashed: State, not_reached: State) -> tuple[State, str] | None:
    """What an attempt that brought nothing says; None while its run is in flight, not too long, or wanted nothing."""
    run = attempt.run_id[:8]
    if attempt.status in IN_FLIGHT:
        waited = now - attempt.at
        if waited <= LONGEST_RUN:
            return None
        return (
            State.OVERDUE,
            f"run {run} has not come to it for {waited.total_seconds() / 3600:.0f} h: it hangs, or waits",
        )
    if attempt.step_error is not None:
        return crashed, f"{attempt.step_error} (run {run})"
    if attempt.status == "CANCELED":
        return State.CANCELLED, f"run {run} was cancelled before it"
    if attempt.status == "SUCCESS":
        return None if not attempt.check_name else (not_reached, f"run {run} ended without it")
    return not_reached, f"run {run} ended before it: {attempt.run_error or 'no reason given'}"


def _counted(state: State, checks: Sequence[CheckHealth]) -> str:
    names = ", ".join(check.standing.check_name for check in checks[:SHOWN])
    more = f" and {len(checks) - SHOWN} more" if len(checks) > SHOWN else ""
    said = {State.FAIL: "failing", State.WARN: "warning"}.get(state, state.label)
    why = f": {checks[0].reason}" if state in (State.ERRORED, State.DID_NOT_RUN, State.OVERDUE) else ""
    return f"{len(checks)} {said}: {names}{more}{why}"


def _resting(name: str, own: Mapping[str, Health], upstream: Mapping[str, Sequence[str]]) -> Health:
    """An asset's own health, and what fails upstream of it, however far."""
    health = own[name]
    seen, waiting = {name}, list(upstream.get(name, ()))
    while waiting:
        above = waiting.pop()
        if above not in seen:
            seen.add(above)
            waiting.extend(upstream.get(above, ()))
    causes = tuple(sorted(above for above in seen - {name} if above in own and own[above].state.tone == "fail"))
    if not causes or health.state in UNMADE:
        return health
    text = f"rests on {', '.join(causes[:SHOWN])}{' and more' if len(causes) > SHOWN else ''}"
    if health.state is State.OK:
        return Health(State.RESTING, (text, *health.reasons), health.run_id, causes)
    return Health(health.state, (*health.reasons, text), health.run_id, causes)
