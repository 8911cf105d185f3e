"""Feedback sessions as user-blocks: one positive, up to four negatives, a split, and how often it is repeated.

A session names users by their 40-hex id and playlists by pid; a block names rows of the libraries. What cannot be
translated, or cannot have come from a person, goes to quarantine with its reason.
"""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
import polars as pl

from buddies_assets.feedback.window import Window

FEEDBACK_SPLIT, FEEDBACK_COPIES = 0x4642_01, 0x4642_02
"""Streams of `kernels.randomness`, apart from those of the offline graph."""

MOST_NEGATIVES = 4
MOST_A_MINUTE = 12
"""Nobody judges five playlists more often than this in one minute (`feedback.rules.feedback` says the same)."""

SESSIONS = pl.Schema(
    {  # type: ignore[arg-type]
        "session_id": pl.String,
        "created_at": pl.Datetime("us", "UTC"),
        "received_at": pl.Datetime("us", "UTC"),
        "user_id": pl.Int64,
        "user_key": pl.String,
        "liked": pl.Int64,
        "shown": pl.List(pl.Int64),
        "model_version": pl.String,
        "arm": pl.String,
        "recommendation_id": pl.String,
    }
)
"""Columns of feedback sessions as they are read from PostgreSQL."""

BLOCKS = pl.Schema(
    {  # type: ignore[arg-type]
        "session_id": pl.String,
        "created_at": pl.Datetime("us", "UTC"),
        "user": pl.UInt32,
        "positive": pl.UInt32,
        "negatives": pl.List(pl.UInt32),
        "split": pl.String,
        "model_version": pl.String,
    }
)
QUARANTINE = pl.Schema([*SESSIONS.items(), ("reason", pl.String())])


@dataclass(frozen=True)
class Known:
    """What translates sessions. `users`: user, user_id; `playlists`: playlist, pid; `owned`: playlist, owner."""

    users: pl.DataFrame
    playlists: pl.DataFrame
    owned: pl.DataFrame


@dataclass(frozen=True)
class Converted:
    """Sessions turned to `blocks` (columns of `BLOCKS`), and those set aside (`QUARANTINE`: sessions with a reason).

    `waiting`: sessions in neither, of listeners whom the next library will have.
    """

    blocks: pl.DataFrame
    quarantined: pl.DataFrame
    waiting: int = 0


def to_blocks(sessions: pl.DataFrame, known: Known, *, seed: int) -> Converted:
    """Every session as a block or in quarantine, in the order of (created_at, session_id).

    A session of somebody who has no number yet (a stand-in below 0) waits until they are a user.
    """
    ordered = sessions.sort("created_at", "session_id")
    placed = _translated(ordered, known)
    reason = (
        pl.when(pl.col("user").is_null() & ~(pl.col("user_id") < 0))
        .then(pl.lit("the user is not in the user library"))
        .when(pl.col("shown").list.n_unique() != pl.col("shown").list.len())
        .then(pl.lit("a playlist is shown twice"))
        .when(~pl.col("shown").list.contains(pl.col("liked")))
        .then(pl.lit("the liked playlist was not shown"))
        .when(pl.col("positive").is_null())
        .then(pl.lit("the liked playlist is not in the playlist library"))
        .when(pl.col("a_minute") > MOST_A_MINUTE)
        .then(pl.lit(f"more than {MOST_A_MINUTE} sessions of this user in one minute"))
        .when(pl.col("negatives").list.len() == 0)
        .then(pl.lit("no other playlist that was shown is in the playlist library"))
        .when(pl.col("negatives").list.len() > MOST_NEGATIVES)
        .then(pl.lit(f"more than {MOST_NEGATIVES} other playlists were shown"))
    )
    placed = placed.with_columns(reason=reason)
    good = placed.filter(pl.col("reason").is_null() & pl.col("user").is_not_null())
    quarantined = placed.filter(pl.col("reason").is_not_null())
    good = good.with_columns(split=pl.Series("split", splits(good["session_id"], seed=seed), pl.String))
    return Converted(
        good.select(BLOCKS.names()).cast(BLOCKS),
        quarantined.select(QUARANTINE.names()),
        placed.height - good.height - quarantined.height,
    )


def _translated(sessions: pl.DataFrame, known: Known) -> pl.DataFrame:
    users = known.users.select("user", user_key="user_id")
    rows = known.playlists.select(pid=pl.col("pid").cast(pl.Int64), playlist="playlist")
    placed = sessions.join(users, on="user_key", how="left", maintain_order="left").join(
        rows.rename({"pid": "liked", "playlist": "positive"}), on="liked", how="left", maintain_order="left"
    )
    others = (
        placed.select("session_id", "liked", "user", pid="shown")
        .explode("pid", empty_as_null=True, keep_nulls=True)
        .filter(pl.col("pid") != pl.col("liked"))
        .join(rows, on="pid", how="inner", maintain_order="left")
        .join(known.owned.select("playlist", user="owner"), on=["playlist", "user"], how="anti", maintain_order="left")
        .group_by("session_id", maintain_order=True)
        .agg(negatives="playlist")
    )
    return placed.join(others, on="session_id", how="left", maintain_order="left").with_columns(
        pl.col("negatives").fill_null(pl.lit([], pl.List(pl.UInt32))),
        a_minute=pl.len().over("user_id", pl.col("created_at").dt.truncate("1m")),
    )


def splits(session_ids: pl.Series, *, seed: int) -> list[str]:
    """train (70 %), validation (20 %) or test (10 %) of each session, by a hash of (seed, session) alone."""
    draw = draws(session_ids, seed=seed, stream=FEEDBACK_SPLIT)
    return np.where(draw < 0.7, "train", np.where(draw < 0.9, "validation", "test")).tolist()


def in_window(blocks: pl.DataFrame, window: Window, *, weight: float, seed: int) -> pl.DataFrame:
    """Blocks of the window with `copies` (u8): how often training repeats them; the others' is 0 and they go.

    Expected copies are `weight` times the window's share of the session; the fraction is rounded up or down by a hash
    of (seed, session), so a session that has left stays out, and the same window is the same data. Blocks may have a
    `grade`, which their copies are multiplied by; the column goes.
    """
    shares = np.array([window.share(at) for at in blocks["created_at"].to_list()], np.float64)
    grades = blocks["grade"].to_numpy() if "grade" in blocks.columns else 1.0
    expected = weight * shares * grades
    rounded = np.floor(expected + draws(blocks["session_id"], seed=seed, stream=FEEDBACK_COPIES))
    counted = blocks.drop("grade", strict=False).with_columns(
        copies=pl.Series("copies", rounded.clip(0, 255).astype(np.uint8), pl.UInt8)
    )
    return counted.filter((pl.col("copies") > 0) | ((pl.col("split") != "train") & pl.Series(shares > 0)))


def draws(session_ids: pl.Series, *, seed: int, stream: int) -> np.ndarray:
    """A number in [0, 1) of each UUID."""
    from buddies_core.kernels.randomness import uniform

    numbers = [UUID(session).int for session in session_ids.to_list()]
    mask = (1 << 64) - 1
    high = np.array([number >> 64 for number in numbers], np.uint64)
    low = np.array([number & mask for number in numbers], np.uint64)
    return uniform(seed, stream, high, low)
