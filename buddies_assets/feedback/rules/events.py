"""Rules of what listeners do: events of people, in the past, each of one thing, graded as the definition says.

`listener_events` is one row an event as PostgreSQL has it: event_id, created_at, user_key, kind, song_id and song_key
or pid, seconds, share. `listener_event_days` are the stored days of them with `grade`; `listener_plays` is what a
library gains by them.
"""

from datetime import datetime, timedelta

import polars as pl

from quality.rules.shapes import duplicates
from quality.rules.verdict import Finding, Severity, offending_rows, rule, within

CLOCK_SKEW = timedelta(minutes=2)
MOST_PER_MINUTE = 60
SECONDS_OF_A_DAY = 86_400.0
MOST_OF_ONE_LISTENER = 0.10
MOST_SKIPPED = 0.9
FEWEST = 100


@rule(blocking=True)
def events_are_in_the_past(listener_events: pl.DataFrame, now_at: datetime) -> Finding:
    """No event is dated later than now (two minutes of clock skew allowed)."""
    late = listener_events.filter(pl.col("created_at") > now_at + CLOCK_SKEW)
    return offending_rows(late, listener_events.height)


@rule(blocking=True)
def events_are_of_one_thing(listener_events: pl.DataFrame) -> Finding:
    """An event is of a song or of a playlist, never of both and never of neither."""
    of_song = pl.col("song_id").is_not_null() | pl.col("song_key").is_not_null()
    return offending_rows(listener_events.filter(of_song == pl.col("pid").is_not_null()), listener_events.height)


@rule(blocking=True)
def events_are_stored_once(listener_events: pl.DataFrame) -> Finding:
    """An event has an id of its own."""
    return duplicates(listener_events, "event_id")


@rule()
def listeners_listen_at_human_speed(listener_events: pl.DataFrame) -> Finding:
    """Nobody plays or skips more than sixty times in a minute: that is a program."""
    listened = listener_events.filter(pl.col("kind").is_in(["play", "skip"]))
    minutes = listened.group_by("user_key", pl.col("created_at").dt.truncate("1m").alias("minute")).len("events")
    return offending_rows(minutes.filter(pl.col("events") > MOST_PER_MINUTE), minutes.height)


@rule(severity=Severity.WARN)
def a_day_has_no_more_seconds_than_it_has(listener_events: pl.DataFrame) -> Finding:
    """Nobody listens to more than 24 hours a day."""
    days = listener_events.group_by("user_key", pl.col("created_at").dt.date().alias("day")).agg(
        pl.col("seconds").sum()
    )
    return offending_rows(days.filter(pl.col("seconds") > SECONDS_OF_A_DAY), days.height)


@rule(severity=Severity.WARN)
def no_listener_makes_most_events(listener_events: pl.DataFrame) -> Finding:
    """One listener gives at most 10 % of the events (where listeners are few: five times an even share)."""
    counts = listener_events.group_by("user_key").len("events").sort("events", "user_key", descending=[True, False])
    if counts.height == 0:
        return within(0.0, 0.0, 1.0)
    limit = min(1.0, max(MOST_OF_ONE_LISTENER, 5 / counts.height))
    return within(counts["events"][0] / listener_events.height, 0.0, limit, listener_events.height, counts)


@rule(severity=Severity.WARN)
def most_of_what_is_offered_is_not_skipped(listener_events: pl.DataFrame) -> Finding:
    """Of the plays and skips at most 90 % are skips; of fewer than a hundred nothing is said."""
    listened = listener_events.filter(pl.col("kind").is_in(["play", "skip"]))
    if listened.height < FEWEST:
        return within(0.0, 0.0, MOST_SKIPPED, listened.height)
    return within(float((listened["kind"] == "skip").mean() or 0.0), 0.0, MOST_SKIPPED, listened.height)  # type: ignore[arg-type]


@rule(asset="listener_event_days", blocking=True)
def grades_are_those_of_the_deeds(listener_event_days: pl.DataFrame) -> Finding:
    """A like counts 1, a save 0.8, a skip 0, and a play the share that was heard where that is known."""
    share_known = (pl.col("kind") == "play") & pl.col("share").is_not_null()
    told = (
        pl.when(pl.col("kind") == "like")
        .then(1.0)
        .when(pl.col("kind") == "save")
        .then(0.8)
        .when(pl.col("kind") == "skip")
        .then(0.0)
        .when(share_known)
        .then(pl.col("share"))
        .otherwise(pl.col("grade"))
    )
    wrong = listener_event_days.filter((pl.col("grade") - told).abs() > 1e-9)
    return offending_rows(wrong, listener_event_days.height)


@rule()
def quarantined_events_say_why(quarantined_events: pl.DataFrame) -> Finding:
    """Every event set aside has a reason."""
    blank = pl.col("reason").is_null() | (pl.col("reason").str.strip_chars() == "")
    return offending_rows(quarantined_events.filter(blank), quarantined_events.height)


@rule(blocking=True)
def plays_since_are_of_listeners_who_sent_them(listener_plays: pl.DataFrame, event_senders: pl.DataFrame) -> Finding:
    """Every play since the file is of a listener who is named among those who sent something."""
    return offending_rows(listener_plays.join(event_senders, on="user_id", how="anti"), listener_plays.height)
