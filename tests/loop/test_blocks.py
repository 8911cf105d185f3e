"""Sessions as blocks: what is translated, what is set aside, splits and copies."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import polars as pl
import pytest

from buddies_assets.feedback.days import train_rows
from buddies_assets.feedback.session_blocks import SESSIONS, Known, in_window, splits, to_blocks
from buddies_assets.feedback.window import Window

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)
KNOWN = Known(
    users=pl.DataFrame({"user": [0, 1], "user_id": ["a" * 40, "b" * 40]}, schema_overrides={"user": pl.UInt32}),
    playlists=pl.DataFrame(
        {"playlist": range(7), "pid": range(100, 170, 10)}, schema={"playlist": pl.UInt32, "pid": pl.UInt32}
    ),
    owned=pl.DataFrame({"playlist": [6], "owner": [0]}, schema={"playlist": pl.UInt32, "owner": pl.UInt32}),
)


def session(number: int, liked: int = 100, shown: tuple[int, ...] = (100, 110, 120, 130, 140), **other) -> dict:
    return {
        "session_id": str(UUID(int=number)),
        "created_at": AT + timedelta(minutes=number),
        "received_at": AT + timedelta(minutes=number),
        "user_id": 0,
        "user_key": "a" * 40,
        "liked": liked,
        "shown": list(shown),
        "model_version": "000001-x-y",
        "arm": "champion",
        "recommendation_id": None,
    } | other


def converted(*sessions: dict):
    return to_blocks(pl.DataFrame(list(sessions), schema=SESSIONS), KNOWN, seed=1)


def test_the_liked_playlist_is_the_positive_and_the_others_in_their_order_the_negatives():
    made = converted(session(1, liked=120))
    assert made.quarantined.is_empty()
    assert made.blocks.select("user", "positive", "negatives").rows() == [(0, 2, [0, 1, 3, 4])]


def test_playlists_that_are_gone_or_owned_by_the_user_are_no_negatives():
    made = converted(session(1, liked=120, shown=(120, 110, 999, 160)))
    assert made.blocks["negatives"].to_list() == [[1]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_key": "c" * 40}, "not in the user library"),
        ({"user_key": None}, "not in the user library"),
        ({"shown": [100, 110, 110]}, "shown twice"),
        ({"liked": 150}, "was not shown"),
        ({"liked": 999, "shown": [999, 110]}, "liked playlist is not in the playlist library"),
        ({"shown": [100, 998]}, "no other playlist"),
        ({"shown": [100, 110, 120, 130, 140, 150]}, "more than 4"),
    ],
)
def test_what_cannot_be_a_block_is_set_aside_with_its_reason(change, reason):
    made = converted(session(1) | change, session(2))
    assert made.blocks["session_id"].to_list() == [str(UUID(int=2))]
    assert reason in made.quarantined["reason"][0]


def test_a_user_who_answers_thirteen_times_in_a_minute_is_no_person():
    burst = [session(n, created_at=AT + timedelta(seconds=n)) for n in range(13)]
    made = converted(*burst, session(100))
    assert made.blocks.height == 1
    assert made.quarantined.height == 13


def test_no_sessions_give_no_blocks():
    made = to_blocks(pl.DataFrame(schema=SESSIONS), KNOWN, seed=1)
    assert made.blocks.is_empty()
    assert made.quarantined.is_empty()


def test_a_session_keeps_its_split_whatever_it_comes_with_and_splits_are_70_20_10():
    ids = pl.Series([str(UUID(int=n * 7919)) for n in range(20_000)])
    drawn = splits(ids, seed=3)
    assert splits(ids[5_000:5_010], seed=3) == drawn[5_000:5_010]
    shares = {name: drawn.count(name) / len(drawn) for name in ("train", "validation", "test")}
    assert shares == pytest.approx({"train": 0.7, "validation": 0.2, "test": 0.1}, abs=0.012)
    assert splits(ids[:100], seed=4) != drawn[:100]


def aged(days: float, number: int) -> dict:
    return session(number, created_at=datetime(2026, 3, 28, 12, tzinfo=UTC) - timedelta(days=days))


def test_copies_follow_weight_and_age_and_a_session_that_left_stays_out():
    sessions = [aged(days, n) for n in range(2_000) for days in (1.0,)]
    sessions += [aged(25.0, 10_000 + n) for n in range(2_000)]
    blocks = converted(*[s | {"user_id": n, "user_key": "b" * 40} for n, s in enumerate(sessions)]).blocks
    window = Window(datetime(2026, 3, 28, 12, tzinfo=UTC), 28, 7)
    later = Window(datetime(2026, 3, 29, 12, tzinfo=UTC), 28, 7)
    kept = in_window(blocks, window, weight=1.5, seed=1).filter(pl.col("split") == "train")
    fresh = kept.filter(pl.col("created_at") > datetime(2026, 3, 20, tzinfo=UTC))
    old = kept.filter(pl.col("created_at") < datetime(2026, 3, 20, tzinfo=UTC))
    assert set(fresh["copies"]) == {1, 2}
    assert fresh["copies"].mean() == pytest.approx(1.5, abs=0.05)
    trained = blocks.filter(pl.col("split") == "train").height / 2
    assert old["copies"].sum() / trained == pytest.approx(1.5 * 2.5 / 7, abs=0.06)
    after = in_window(blocks, later, weight=1.5, seed=1).filter(pl.col("split") == "train")
    assert set(after["session_id"]) <= set(kept["session_id"])


def test_train_rows_repeat_copies_and_pad_negatives_with_null():
    blocks = pl.DataFrame(
        {
            "user": [1, 2, 3],
            "positive": [4, 5, 6],
            "negatives": [[7], [8, 9, 10, 11], [12]],
            "split": ["train", "train", "test"],
            "copies": [2, 1, 1],
        },
        schema_overrides={"negatives": pl.List(pl.UInt32), "copies": pl.UInt8},
    )
    assert train_rows(blocks).rows() == [
        (1, 4, [7, None, None, None]),
        (1, 4, [7, None, None, None]),
        (2, 5, [8, 9, 10, 11]),
    ]
