"""The record of what the loop decided: decisions, trials, levels at promotion, and claims on retrainings."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from buddies_assets.release.canary_policy import Arm
from buddies_assets.release.degradation_test import Evidence, Level, lower_bound
from buddies_core import json_text
from buddies_core.postgres.schema import execute, rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

Recorded = Literal["published", "challenged", "promoted", "rolled_back", "alarm"]


@dataclass(frozen=True)
class Trial:
    """A challenger measured against a champion (checkpoint versions), from the counts at its start."""

    challenger: str
    champion: str
    started_at: datetime
    baseline: Arm


def record(
    connection: "Connection",
    action: Recorded,
    *,
    champion: str,
    challenger: str | None,
    reason: str,
    automatic: bool,
    numbers: dict[str, Any] | None = None,
) -> None:
    """Write a decision down."""
    execute(
        connection,
        "INSERT INTO loop.decisions (action, champion, challenger, reason, automatic, numbers)"
        " VALUES (%(action)s, %(champion)s, %(challenger)s, %(reason)s, %(automatic)s, %(numbers)s)",
        {
            "action": action,
            "champion": champion,
            "challenger": challenger,
            "reason": reason,
            "automatic": automatic,
            "numbers": json_text.dumps(numbers or {}),
        },
    )


def decisions(connection: "Connection", limit: int = 50) -> list[dict[str, Any]]:
    """The last decisions, newest first: at, action, champion, challenger, reason, automatic, numbers."""
    sql = "SELECT at, action, champion, challenger, reason, automatic, numbers FROM loop.decisions"
    return rows(connection, f"{sql} ORDER BY id DESC LIMIT %(limit)s", {"limit": limit})


def open_trial(connection: "Connection", *, challenger: str, champion: str, champion_now: Arm) -> Trial:
    """The trial of the two, begun with these counts of the champion if it was not begun yet."""
    key = {"challenger": challenger, "champion": champion}
    execute(
        connection,
        "INSERT INTO loop.trials (challenger, champion, champion_recommendations, champion_likes)"
        " VALUES (%(challenger)s, %(champion)s, %(recommendations)s, %(likes)s) ON CONFLICT DO NOTHING",
        key | asdict(champion_now),
    )
    found = rows(
        connection, "SELECT * FROM loop.trials WHERE challenger = %(challenger)s AND champion = %(champion)s", key
    )[0]
    baseline = Arm(int(found["champion_recommendations"]), int(found["champion_likes"]))
    return Trial(challenger, champion, found["started_at"], baseline)


def set_level(connection: "Connection", champion: str, measured: Arm, ranks: dict[int, int]) -> Level:
    """Note the level a champion was promoted at (lower bounds), unless one is noted; returns what is noted."""
    likes = sum(ranks.values())
    mean_rank = sum(count / rank for rank, count in ranks.items())
    level = Level(
        lower_bound(min(measured.likes, measured.recommendations), measured.recommendations),
        lower_bound(mean_rank, likes),
    )
    execute(
        connection,
        "INSERT INTO loop.levels (champion, like_rate, reciprocal_rank, recommendations, likes)"
        " VALUES (%(champion)s, %(rate)s, %(rank)s, %(recommendations)s, %(likes)s) ON CONFLICT DO NOTHING",
        {"champion": champion, "rate": level.like_rate, "rank": level.reciprocal_rank} | asdict(measured),
    )
    return level_of(connection, champion)[0]  # type: ignore[index]


def level_of(connection: "Connection", champion: str) -> tuple[Level, datetime, Evidence] | None:
    """The level of a champion, the midnight (UTC) from which days are yet to be looked at, and the evidence so far."""
    found = rows(
        connection,
        "SELECT *, (coalesce(through, since) + 1)::timestamp AT TIME ZONE 'UTC' AS next FROM loop.levels"
        " WHERE champion = %(champion)s",
        {"champion": champion},
    )
    if not found:
        return None
    row = found[0]
    so_far = Evidence(row["rate_evidence"], row["rank_evidence"], int(row["recommendations_since"]))
    return Level(row["like_rate"], row["reciprocal_rank"]), row["next"], so_far


def note_evidence(connection: "Connection", champion: str, evidence: Evidence, through: date) -> None:
    """Keep the evidence up to and including a whole day; an earlier day than what is kept changes nothing."""
    execute(
        connection,
        "UPDATE loop.levels SET through = %(through)s, rate_evidence = %(rate)s, rank_evidence = %(rank)s,"
        " recommendations_since = %(recommendations)s"
        " WHERE champion = %(champion)s AND coalesce(through, since) < %(through)s",
        {"champion": champion, "through": through} | asdict(evidence),
    )


def take_lease(connection: "Connection", *, after: str, attempt: int, run_id: str) -> str:
    """Lease a retraining for a run; returns the run that holds it, which is another one if it came first."""
    key = {"after": after, "attempt": attempt, "run": run_id}
    execute(
        connection,
        "INSERT INTO loop.retrainings (after_version, attempt, run_id) VALUES (%(after)s, %(attempt)s, %(run)s)"
        " ON CONFLICT DO NOTHING",
        key,
    )
    held = "SELECT run_id FROM loop.retrainings WHERE after_version = %(after)s AND attempt = %(attempt)s"
    return str(rows(connection, held, key)[0]["run_id"])


def heartbeat(connection: "Connection", run_id: str, *, finished: bool = False) -> None:
    """Show that a retraining is alive, or that it has ended."""
    done = ", finished_at = now()" if finished else ""
    execute(
        connection, f"UPDATE loop.retrainings SET heartbeat_at = now(){done} WHERE run_id = %(run)s", {"run": run_id}
    )


def heartbeats(connection: "Connection", run_ids: list[str]) -> dict[str, datetime]:
    """When each of the runs last showed that it is alive."""
    found = rows(
        connection,
        "SELECT run_id, heartbeat_at FROM loop.retrainings WHERE run_id = ANY(%(runs)s)",
        {"runs": run_ids},
    )
    return {row["run_id"]: row["heartbeat_at"] for row in found}


def was_alarmed(connection: "Connection", champion: str) -> bool:
    """Whether a fall of this champion was written down before."""
    sql = "SELECT 1 FROM loop.decisions WHERE action = 'alarm' AND champion = %(champion)s LIMIT 1"
    return bool(rows(connection, sql, {"champion": champion}))
