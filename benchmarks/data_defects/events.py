"""Defects of the events that listeners send: plays, skips."""

from datetime import timedelta
from typing import Any

import polars as pl

from benchmarks.data_defects.planting import Defect, World, again, cell, column, with_cells


def _event_of_tomorrow(world: World) -> dict[str, Any]:
    events = world["listener_events"]
    return {"listener_events": with_cells(events, 0, created_at=world["now_at"] + timedelta(days=1))}


def _playing_program(world: World) -> dict[str, Any]:
    events = world["listener_events"]
    return {"listener_events": with_plays(events, 70, seconds=1.0)}


def _endless_day(world: World) -> dict[str, Any]:
    return {"listener_events": with_plays(world["listener_events"], 30, seconds=3600.0)}


def _one_listens(world: World) -> dict[str, Any]:
    events = world["listener_events"]
    one = pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit(events["user_key"][0])).otherwise("user_key")
    return {"listener_events": events.with_columns(user_key=one)}


def with_plays(events: pl.DataFrame, count: int, *, seconds: float) -> pl.DataFrame:
    """The events with so many more plays of the first listener, all in the minute of the first play."""
    first = events.filter(pl.col("kind") == "play").head(1)
    more = pl.concat([first.with_columns(event_id=pl.lit(f"more-{n}"), seconds=pl.lit(seconds)) for n in range(count)])
    return pl.concat([events, more])


DEFECTS: tuple[Defect, ...] = (
    Defect("an event of tomorrow", "listener_events.events_are_in_the_past", _event_of_tomorrow),
    Defect(
        "an event of a song and of a playlist",
        "listener_events.events_are_of_one_thing",
        cell("listener_events", song_id="SO0", pid=1),
    ),
    Defect(
        "an event stored twice",
        "listener_events.events_are_stored_once",
        again("listener_events"),
    ),
    Defect("a program that plays songs", "listener_events.listeners_listen_at_human_speed", _playing_program),
    Defect("a day of thirty hours", "listener_events.a_day_has_no_more_seconds_than_it_has", _endless_day),
    Defect("a listener with most of the events", "listener_events.no_listener_makes_most_events", _one_listens),
    Defect(
        "songs that everybody skips",
        "listener_events.most_of_what_is_offered_is_not_skipped",
        column("listener_events", kind="skip"),
    ),
    Defect(
        "a skip that counts as a like",
        "listener_event_days.grades_are_those_of_the_deeds",
        lambda w: {
            "listener_event_days": w["listener_event_days"].with_columns(
                grade=pl.when(pl.col("kind") == "skip").then(1.0).otherwise("grade")
            )
        },
    ),
    Defect(
        "an event set aside without a reason",
        "quarantined_events.quarantined_events_say_why",
        cell("quarantined_events", reason=""),
    ),
    Defect(
        "a play of nobody who listened",
        "listener_plays.plays_since_are_of_listeners_who_sent_them",
        cell("listener_plays", user_id="f" * 40),
    ),
)
