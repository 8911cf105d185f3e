"""One poll of the challenger: measure both models, decide, act, and write the decision down.

The order makes a crash harmless: the rejection and the channels are files replaced in one step, the record follows;
a poll after a crash finds the trial decided, or finds it open and decides it again on the same numbers.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from buddies_assets.release import channels as served_channels
from buddies_assets.release import decision_log
from buddies_assets.release.canary_policy import Action, Arm, CanaryPolicy, Decision, decide
from buddies_assets.release.feedback_counts import arm_of, days_of
from buddies_core.settings import Settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@dataclass(frozen=True)
class CanaryPoll:
    """What a poll of the trial found and did; `decision` is None when nothing is on trial."""

    champion: str | None
    challenger: str | None
    decision: Decision | None


def canary_policy_of(settings: Settings) -> CanaryPolicy:
    """The canary's policy by the settings."""
    return CanaryPolicy(
        confidence=settings.canary_confidence,
        margin=settings.canary_margin,
        fewest=settings.canary_fewest,
        most=settings.canary_most,
    )


def poll_canary(
    connection: "Connection", root: Path, settings: Settings, *, failed_checks: tuple[str, ...] = ()
) -> CanaryPoll:
    """Measure the trial that runs, and promote or roll back when that is decided."""
    served = served_channels.channels(root)
    if served is None:
        return CanaryPoll(None, None, None)
    champion = served_channels.model_of(served.champion)
    if served.challenger is None:
        return CanaryPoll(champion, None, None)
    challenger = served_channels.model_of(served.challenger.version)
    now = arm_of(connection, champion)
    trial = decision_log.open_trial(connection, challenger=challenger, champion=champion, champion_now=now)
    arms = (_since(now, trial.baseline), arm_of(connection, challenger))
    decision = decide(*arms, canary_policy_of(settings), failed_checks=failed_checks)
    if decision.action is Action.PROMOTE:
        served_channels.promote_challenger(root, expected=challenger)
        _record(connection, "promoted", champion, challenger, decision, arms)
        note_level(connection, challenger, trial.started_at)
    elif decision.action is Action.ROLL_BACK:
        served_channels.reject_challenger(root, expected=challenger)
        _record(connection, "rolled_back", champion, challenger, decision, arms)
    return CanaryPoll(champion, challenger, decision)


def note_level(connection: "Connection", model: str, since) -> None:
    """Note the level that degradation of a champion is measured from, by all its feedback so far."""
    ranks: dict[int, int] = {}
    for day in days_of(connection, model, since).values():
        for rank, count in day.ranks.items():
            ranks[rank] = ranks.get(rank, 0) + count
    decision_log.set_level(connection, model, arm_of(connection, model), ranks)


def _record(connection, action, champion: str, challenger: str, decision: Decision, arms: tuple[Arm, Arm]) -> None:
    numbers = {
        "champion": asdict(arms[0]),
        "challenger": asdict(arms[1]),
        "difference": decision.difference,
        "low": decision.low,
        "high": decision.high,
    }
    decision_log.record(
        connection,
        action,
        champion=champion,
        challenger=challenger,
        reason=decision.reason,
        automatic=True,
        numbers=numbers,
    )


def _since(now: Arm, baseline: Arm) -> Arm:
    return Arm(max(0, now.recommendations - baseline.recommendations), max(0, now.likes - baseline.likes))
