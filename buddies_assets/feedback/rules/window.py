"""Rules of the training window: feedback of the last weeks, each session once, split as the offline data are."""

from datetime import datetime

import polars as pl

from buddies_assets.feedback.rules.feedback import CLOCK_SKEW
from quality.rules.shapes import duplicates, with_partner
from quality.rules.verdict import SIGMAS, Finding, Severity, offending_rows, rule, too_few, within

TRAIN_SHARE = 0.7


@rule(blocking=True)
def window_sessions_are_unique(training_window: pl.DataFrame) -> Finding:
    """A session is in the window once: repetition is what `copies` is for."""
    return duplicates(training_window, "session_id")


@rule(blocking=True)
def window_sessions_are_recent(training_window: pl.DataFrame, window_from: datetime) -> Finding:
    """No session is older than the window begins."""
    return offending_rows(training_window.filter(pl.col("created_at") < window_from), training_window.height)


@rule(blocking=True)
def window_sessions_are_in_the_past(training_window: pl.DataFrame, now_at: datetime) -> Finding:
    """No session is dated later than now (two minutes of clock skew allowed)."""
    return offending_rows(training_window.filter(pl.col("created_at") > now_at + CLOCK_SKEW), training_window.height)


@rule(blocking=True)
def window_trains_on_no_held_out_like(training_window: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """No train session likes what its user likes in validation or test: models are judged by just these."""
    held_out = splits.filter(pl.col("split").cast(pl.String) != "train")
    trained = training_window.filter(pl.col("split") == "train")
    return with_partner(trained, held_out.select("user", positive="playlist"), "user", "positive")


@rule(blocking=True)
def window_trains_on_no_like_of_a_cold_user(
    training_window: pl.DataFrame, liked_playlists: pl.DataFrame, cold_users: pl.DataFrame
) -> Finding:
    """No train session likes what a cold user likes: they are set aside to judge what is known of nobody."""
    likes = liked_playlists.join(cold_users.select("user"), on="user", how="semi")
    trained = training_window.filter(pl.col("split") == "train")
    return with_partner(trained, likes.select("user", positive="playlist"), "user", "positive")


@rule()
def window_trains_on_what_counts(training_window: pl.DataFrame) -> Finding:
    """A train session has at least one copy: one with none would be kept for nothing."""
    idle = (pl.col("split") == "train") & (pl.col("copies") < 1)
    return offending_rows(training_window.filter(idle), training_window.height)


@rule(blocking=True)
def window_negatives_are_one_to_four(training_window: pl.DataFrame) -> Finding:
    """A block of the window has one to four negatives, none of them null."""
    size = pl.col("negatives").list.drop_nulls().list.len()
    wrong = (size < 1) | (size > 4) | (size != pl.col("negatives").list.len())
    return offending_rows(training_window.filter(wrong), training_window.height)


@rule(severity=Severity.WARN)
def window_train_share_is_as_set(training_window: pl.DataFrame) -> Finding:
    """About 70 % of the sessions are in train; the phasing out of old ones may take up to 15 points off."""
    sessions = training_window.height
    if sessions == 0:
        return too_few(0.0, 0)
    room = SIGMAS * (TRAIN_SHARE * (1 - TRAIN_SHARE) / sessions) ** 0.5
    share = training_window.filter(pl.col("split") == "train").height / sessions
    return within(share, max(0.0, TRAIN_SHARE - 0.15 - room), min(1.0, TRAIN_SHARE + room), sessions)
