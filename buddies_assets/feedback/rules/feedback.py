"""Rules of what listeners send back: whole sessions, sent once, by people, in the past.

`user_feedback` is one row a session: created_at, user_id, liked, shown (MPD pids in their order), model_version and
recommendation_id.
`feedback_scores` is the same exploded: created_at, session, user_id, playlist_id, score.
"""

from datetime import datetime, timedelta
from typing import cast

import polars as pl

from buddies_core.evaluation.inequality import gini
from quality.rules.shapes import duplicates, exploded, outside, repeated_members
from quality.rules.verdict import Finding, Severity, offending_rows, rule, within

SHOWN = 5
_SHOWING = r"^[a-z]\.[0-9a-f]{28}\."
"""A recommendation id whose middle part names the showing too."""
REPLAY_WINDOW = timedelta(minutes=10)
CLOCK_SKEW = timedelta(minutes=2)
MOST_PER_MINUTE = 12
"""Listening to one track for five seconds each: nobody judges five playlists twelve times in a minute."""
MOST_OF_ONE_USER = 0.10
MOST_OF_TOP_PERCENT = 0.10
FEWEST_FOR_HABITS = 25
STALE_AFTER = timedelta(days=2)
LEAST_DAILY, MOST_DAILY = 1 / 3, 3.0


@rule(blocking=True)
def sessions_have_one_like(user_feedback: pl.DataFrame, feedback_scores: pl.DataFrame) -> Finding:
    """Every session likes exactly one of its playlists: several or none give no usable block."""
    likes = feedback_scores.group_by("session").agg(
        pl.col("user_id").first(), (pl.col("score") == 1).sum().alias("likes"), pl.len().alias("playlists")
    )
    return offending_rows(likes.filter(pl.col("likes") != 1).sort("session"), user_feedback.height)


@rule(blocking=True)
def the_liked_was_shown(user_feedback: pl.DataFrame) -> Finding:
    """The liked playlist is among those shown."""
    wrong = pl.col("liked").is_not_null() & ~pl.col("shown").list.contains(pl.col("liked"))
    return offending_rows(user_feedback.filter(wrong), user_feedback.height)


@rule(blocking=True)
def shown_playlists_are_distinct(user_feedback: pl.DataFrame) -> Finding:
    """A session shows a playlist once."""
    return repeated_members(user_feedback, "shown")


@rule(severity=Severity.WARN)
def sessions_show_five(user_feedback: pl.DataFrame) -> Finding:
    """A session shows five playlists, or up to 5 % of sessions fewer."""
    short = user_feedback.filter(pl.col("shown").list.len() != SHOWN)
    return within(short.height / max(user_feedback.height, 1), 0.0, 0.05, user_feedback.height, short)


@rule(blocking=True)
def sessions_are_in_the_past(user_feedback: pl.DataFrame, now_at: datetime) -> Finding:
    """No session is dated later than now (two minutes of clock skew allowed)."""
    return offending_rows(user_feedback.filter(pl.col("created_at") > now_at + CLOCK_SKEW), user_feedback.height)


@rule(blocking=True)
def recommendations_are_answered_once(user_feedback: pl.DataFrame) -> Finding:
    """A user answers one showing of a list once: a second answer is a replay."""
    # Ids of the older form, `a.<16 digits>.v1`, name a list and not a showing of it: a list may be liked on two days.
    named = user_feedback.filter(pl.col("recommendation_id").str.contains(_SHOWING))
    return duplicates(named, "recommendation_id", "user_id")


@rule(blocking=True)
def sessions_are_not_sent_twice(user_feedback: pl.DataFrame) -> Finding:
    """A user does not send the same answer to the same five playlists again within ten minutes."""
    stepped = (
        user_feedback.with_columns(pl.col("shown").list.sort().cast(pl.List(pl.String)).list.join(",").alias("set"))
        .sort("user_id", "set", "liked", "created_at")
        .with_columns(pl.col("created_at").diff().over("user_id", "set", "liked").alias("after"))
    )
    return offending_rows(stepped.filter(pl.col("after") < REPLAY_WINDOW), user_feedback.height)


@rule()
def feedback_users_exist(user_feedback: pl.DataFrame, n_numbers: int) -> Finding:
    """Every user is one to whom a number was given, or a listener who has none yet (a stand-in below 0)."""
    return outside(user_feedback.filter(pl.col("user_id") >= 0), "user_id", n_numbers)


@rule()
def feedback_playlists_exist(user_feedback: pl.DataFrame, playlist_rows: pl.DataFrame) -> Finding:
    """Every playlist shown is the pid of a row of the playlist library."""
    shown = user_feedback.select("user_id", pl.col("shown").alias("pid")).explode("pid")
    known = playlist_rows.select(pl.col("pid").cast(pl.Int64))
    return offending_rows(
        shown.with_columns(pl.col("pid").cast(pl.Int64)).join(known, on="pid", how="anti"), shown.height
    )


@rule()
def feedback_names_a_published_model(user_feedback: pl.DataFrame, model_versions: list[str]) -> Finding:
    """A session that names a model version names one that was published."""
    named = user_feedback.filter(pl.col("model_version").is_not_null())
    return offending_rows(named.filter(~pl.col("model_version").is_in(model_versions)), named.height)


@rule()
def listeners_answer_at_human_speed(user_feedback: pl.DataFrame) -> Finding:
    """Nobody answers more than twelve times in a minute: that is a program."""
    minutes = user_feedback.group_by("user_id", pl.col("created_at").dt.truncate("1m").alias("minute")).len("sessions")
    fast = minutes.filter(pl.col("sessions") > MOST_PER_MINUTE).sort("sessions", descending=True)
    return offending_rows(fast, minutes.height)


@rule(severity=Severity.WARN)
def listeners_look_beyond_one_position(user_feedback: pl.DataFrame) -> Finding:
    """Nobody with 25 sessions or more always likes the same position: that is a habit or a program, not a taste."""
    placed = user_feedback.filter(pl.col("liked").is_not_null()).with_columns(
        pl.struct("shown", "liked")
        .map_elements(lambda s: s["shown"].index(s["liked"]) if s["liked"] in s["shown"] else -1, return_dtype=pl.Int64)
        .alias("position")
    )
    users = placed.group_by("user_id").agg(
        pl.len().alias("sessions"),
        pl.col("position").n_unique().alias("positions"),
        pl.col("position").first(),
    )
    often = users.filter(pl.col("sessions") >= FEWEST_FOR_HABITS)
    return offending_rows(often.filter(pl.col("positions") == 1), often.height)


@rule(severity=Severity.WARN)
def no_listener_dominates(user_feedback: pl.DataFrame) -> Finding:
    """One user gives at most 10 % of the sessions (where users are few: five times an even share)."""
    counts = user_feedback.group_by("user_id").len("sessions").sort("sessions", descending=True)
    if counts.height == 0:
        return within(0.0, 0.0, 1.0)
    limit = min(1.0, max(MOST_OF_ONE_USER, 5 / counts.height))
    return within(counts["sessions"][0] / user_feedback.height, 0.0, limit, user_feedback.height, counts)


@rule(severity=Severity.WARN)
def power_users_are_no_majority(user_feedback: pl.DataFrame) -> Finding:
    """The most active 1 % of users give at most 10 % of the sessions (with few users: five times an even share)."""
    counts = user_feedback.group_by("user_id").len("sessions").sort("sessions", descending=True)
    if counts.height == 0:
        return within(0.0, 0.0, 1.0)
    top = max(1, counts.height // 100)
    limit = min(1.0, max(MOST_OF_TOP_PERCENT, 5 * top / counts.height))
    share = float(counts["sessions"].head(top).sum()) / user_feedback.height
    return within(share, 0.0, limit, user_feedback.height, counts)


@rule(severity=Severity.WARN)
def feedback_is_spread(user_feedback: pl.DataFrame) -> Finding:
    """The Gini coefficient of sessions per user is at most 0.85."""
    counts = user_feedback.group_by("user_id").len("sessions")
    return within(gini(counts["sessions"].to_numpy()), 0.0, 0.85, counts.height)


@rule(severity=Severity.WARN)
def feedback_is_fresh(user_feedback: pl.DataFrame, now_at: datetime) -> Finding:
    """The last session is at most two days old; none at all is not stale, it has not begun."""
    if user_feedback.height == 0:
        return within(0.0, 0.0, STALE_AFTER.total_seconds() / 3600)
    age = now_at - cast(datetime, user_feedback["created_at"].max())
    return within(age.total_seconds() / 3600, None, STALE_AFTER.total_seconds() / 3600, user_feedback.height)


@rule(severity=Severity.WARN)
def daily_volume_is_as_usual(user_feedback: pl.DataFrame) -> Finding:
    """The last full day has between a third and three times the median of the 28 days before it."""
    if user_feedback.height == 0:
        return within(1.0, LEAST_DAILY, MOST_DAILY)
    counted = user_feedback.group_by(pl.col("created_at").dt.date().alias("day")).len("sessions").sort("day")
    days = counted.upsample("day", every="1d").with_columns(pl.col("sessions").fill_null(0))
    full = days.head(max(days.height - 1, 0))
    if full.height < 8:
        return within(1.0, LEAST_DAILY, MOST_DAILY, full.height)
    usual = float(full["sessions"].head(full.height - 1).tail(28).median() or 0.0)  # type: ignore[arg-type]
    return within(float(full["sessions"][-1]) / max(usual, 1.0), LEAST_DAILY, MOST_DAILY, full.height, full.tail(10))


@rule(asset="feedback_blocks", blocking=True)
def feedback_negatives_are_one_to_four(feedback_blocks: pl.DataFrame) -> Finding:
    """A feedback block has one to four negatives, none of them null."""
    size = pl.col("negatives").list.drop_nulls().list.len()
    wrong = (size < 1) | (size > SHOWN - 1) | (size != pl.col("negatives").list.len())
    return offending_rows(feedback_blocks.filter(wrong), feedback_blocks.height)


@rule(severity=Severity.WARN)
def feedback_negatives_are_not_train_likes(feedback_blocks: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """No negative is a playlist that its user likes in train: such a playlist is not even a candidate."""
    likes = splits.filter(pl.col("split").cast(pl.String) == "train").select("user", "playlist")
    members = exploded(feedback_blocks, "negatives", "playlist")
    return offending_rows(members.join(likes, on=["user", "playlist"], how="semi"), members.height)


@rule()
def quarantined_feedback_says_why(quarantined_feedback: pl.DataFrame) -> Finding:
    """Every session set aside has a reason."""
    blank = pl.col("reason").is_null() | (pl.col("reason").str.strip_chars() == "")
    return offending_rows(quarantined_feedback.filter(blank), quarantined_feedback.height)
