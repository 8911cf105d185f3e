"""Defects of the feedback that listeners give on recommendations."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from benchmarks.data_defects.planting import Defect, Plant, World, cell, with_cells, with_members


def _sessions(world: World, rows: list[dict[str, Any]]) -> dict[str, Any]:
    added = pl.DataFrame(rows, schema=world["user_feedback"].schema)
    return {"user_feedback": pl.concat([world["user_feedback"], added]).sort("created_at"), "feedback_scores": None}


def _answer(world: World, row: int = 0, **cells: Any) -> dict[str, Any]:
    return world["user_feedback"].row(row, named=True) | {"recommendation_id": None} | cells


def _again_at_once(world: World) -> dict[str, Any]:
    return _sessions(world, [_answer(world, created_at=world["user_feedback"]["created_at"][0] + timedelta(seconds=2))])


def _replay(world: World) -> dict[str, Any]:
    last = world["user_feedback"].row(-1, named=True)
    return _sessions(world, [last | {"created_at": last["created_at"] - timedelta(days=2)}])


def _tomorrow(world: World) -> dict[str, Any]:
    return _sessions(world, [_answer(world, created_at=world["now_at"] + timedelta(days=1))])


def _every(
    step: timedelta, times: int, *, user: int, place: Callable[[int], int], begin: datetime, world: World
) -> list[dict[str, Any]]:
    """So many sessions of one user, one a step, each of another list, which like what stands at `place`."""
    shown = world["user_feedback"]["shown"].to_list()
    return [
        _answer(world, user_id=user, created_at=begin + step * n, shown=shown[n], liked=shown[n][place(n)])
        for n in range(times)
    ]


def _in_turn(n: int) -> int:
    return n % 5


def _bot(world: World) -> dict[str, Any]:
    begin = world["user_feedback"]["created_at"][-1] - timedelta(hours=3)
    return _sessions(world, _every(timedelta(seconds=1), 40, user=3, place=_in_turn, begin=begin, world=world))


def _habit(world: World) -> dict[str, Any]:
    begin = world["user_feedback"]["created_at"][0]
    rows = _every(timedelta(hours=9), 60, user=4, place=lambda n: 0, begin=begin, world=world)
    others = world["user_feedback"].filter(pl.col("user_id") != 4)
    return _sessions({**world, "user_feedback": others}, rows)


def _eager(users: Iterable[int], step: timedelta, times: int) -> Plant:
    """So many sessions of each of these users, from the first day on."""

    def plant(world: World) -> dict[str, Any]:
        begin = world["user_feedback"]["created_at"][0]
        rows = [_every(step, times, user=user, place=_in_turn, begin=begin, world=world) for user in users]
        return _sessions(world, [row for made in rows for row in made])

    return plant


def _likes_in_a_session(score: int) -> Plant:
    """The eighth session with this score at every playlist."""

    def plant(world: World) -> dict[str, Any]:
        changed = pl.when(pl.col("session") == 8).then(score).otherwise("score").cast(pl.Int8)
        return {"feedback_scores": world["feedback_scores"].with_columns(score=changed)}

    return plant


def _outage(world: World) -> dict[str, Any]:
    last_full = (world["now_at"] - timedelta(days=1)).date()
    kept = world["user_feedback"].filter(
        (pl.col("created_at").dt.date() != last_full) | (pl.int_range(pl.len()) % 15 == 0)
    )
    today = kept.row(-1, named=True) | {"created_at": world["now_at"], "recommendation_id": None}
    return _sessions({**world, "user_feedback": kept}, [today])


def _feedback(row: int = 0, **cells: Any) -> Plant:
    return lambda world: {"user_feedback": with_cells(world["user_feedback"], row, **cells), "feedback_scores": None}


def _short_sessions(world: World) -> dict[str, Any]:
    tenth = pl.int_range(pl.len()) % 10 == 0
    shown = pl.when(tenth).then(pl.col("shown").list.head(3)).otherwise("shown")
    return {"user_feedback": world["user_feedback"].with_columns(shown=shown), "feedback_scores": None}


def _few_listeners(world: World) -> dict[str, Any]:
    first = pl.int_range(pl.len()).over("user_id") == 0
    user = pl.when(first).then(pl.col("user_id")).otherwise(3).cast(pl.Int64)
    return {"user_feedback": world["user_feedback"].with_columns(user_id=user), "feedback_scores": None}


DEFECTS: tuple[Defect, ...] = (
    Defect("a session sent twice", "user_feedback.sessions_are_not_sent_twice", _again_at_once),
    Defect("a recommendation answered again", "user_feedback.recommendations_are_answered_once", _replay),
    Defect("a session of tomorrow", "user_feedback.sessions_are_in_the_past", _tomorrow),
    Defect("a bot", "user_feedback.listeners_answer_at_human_speed", _bot),
    Defect("a listener who always likes the first", "user_feedback.listeners_look_beyond_one_position", _habit),
    Defect("a power user", "user_feedback.no_listener_dominates", _eager((5,), timedelta(minutes=61), 600)),
    Defect("several likes in a session", "user_feedback.sessions_have_one_like", _likes_in_a_session(1)),
    Defect("no like in a session", "user_feedback.sessions_have_one_like", _likes_in_a_session(0)),
    Defect("a like of what was not shown", "user_feedback.the_liked_was_shown", _feedback(liked=999_999_999)),
    Defect(
        "a playlist shown twice",
        "user_feedback.shown_playlists_are_distinct",
        lambda w: {
            "user_feedback": with_members(w["user_feedback"], "shown", lambda m: [m[0], m[0], *m[2:]]),
            "feedback_scores": None,
        },
    ),
    Defect("feedback of an unknown user", "user_feedback.feedback_users_exist", _feedback(user_id=4_000_000)),
    Defect(
        "feedback on an unpublished model",
        "user_feedback.feedback_names_a_published_model",
        _feedback(model_version="v9"),
    ),
    Defect("a day almost without feedback", "user_feedback.daily_volume_is_as_usual", _outage),
    Defect(
        "feedback that stopped coming",
        "user_feedback.feedback_is_fresh",
        lambda w: {"now_at": w["now_at"] + timedelta(days=9)},
    ),
    Defect(
        "a feedback block with its positive as negative",
        "feedback_blocks.positive_is_not_among_the_negatives",
        lambda w: {
            "feedback_blocks": with_members(
                w["feedback_blocks"], "negatives", lambda m: [w["feedback_blocks"]["positive"][0], *m[1:]]
            )
        },
    ),
    Defect(
        "a feedback block without negatives",
        "feedback_blocks.feedback_negatives_are_one_to_four",
        cell("feedback_blocks", negatives=[]),
    ),
    Defect(
        "a session set aside without a reason",
        "quarantined_feedback.quarantined_feedback_says_why",
        cell("quarantined_feedback", reason=""),
    ),
    Defect("sessions that show three", "user_feedback.sessions_show_five", _short_sessions),
    Defect(
        "feedback on an unknown playlist",
        "user_feedback.feedback_playlists_exist",
        lambda w: {
            "user_feedback": with_members(w["user_feedback"], "shown", lambda m: [999_999_999, *m[1:]]),
            "feedback_scores": None,
        },
    ),
    Defect(
        "two listeners with a sixth of the sessions",
        "user_feedback.power_users_are_no_majority",
        _eager((5, 6), timedelta(hours=4), 160),
    ),
    Defect("nearly all feedback of a few", "user_feedback.feedback_is_spread", _few_listeners),
)
