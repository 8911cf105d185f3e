"""Feedback that likes what is held out for evaluation: left out of training, counted, and an alarm where it is not."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_assets.feedback.held_out import held_out_likes, without_held_out
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality.rules.catalogue import rules_by_asset

AT = datetime(2026, 3, 1, tzinfo=UTC)
SPLITS = [(0, 10, "train"), (0, 11, "validation"), (0, 12, "test"), (1, 11, "train"), (1, 10, "test")]


def window(*rows: tuple[int, int, str]) -> pl.DataFrame:
    """Sessions (user, positive, split), named by their place."""
    named = [(f"s{place}", *row) for place, row in enumerate(rows)]
    schema = {"session_id": pl.String, "user": pl.UInt32, "positive": pl.UInt32, "split": pl.String}
    return pl.DataFrame(named, schema=schema, orient="row").with_columns(created_at=pl.lit(AT))


def likes(rows: list[tuple], *columns: str) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=list(columns), orient="row").with_columns(
        pl.col("user", "playlist").cast(pl.UInt32)
    )


@pytest.fixture
def stored(tmp_path):
    def store(name: str, frame: pl.DataFrame) -> Dataset:
        writer = DatasetStore.at(str(tmp_path)).writer(CacheKey(name), "run")
        return writer.commit([writer.write_shard(0, frame)])

    return store


def test_held_out_are_validation_and_test_likes_and_every_like_of_a_cold_user(stored):
    splits = stored("splits", likes(SPLITS, "user", "playlist", "split"))
    liked = stored("liked_playlists", likes([(0, 10), (0, 11), (2, 10), (2, 13), (3, 10)], "user", "playlist"))
    cold = stored("cold_users", pl.DataFrame({"user": [2, 3]}, schema={"user": pl.UInt32}))
    found = held_out_likes(splits, liked, cold, pl.Series([0, 2, 2], dtype=pl.UInt32))
    assert sorted(found.rows()) == [(0, 11), (0, 12), (2, 10), (2, 13)]


def test_sessions_that_like_them_leave_training_and_others_stay():
    held_out = likes([(0, 11), (0, 12), (1, 10)], "user", "playlist")
    sessions = window((0, 10, "train"), (0, 11, "train"), (1, 11, "train"), (0, 12, "validation"), (1, 10, "train"))
    left, count = without_held_out(sessions, held_out)
    assert left["session_id"].to_list() == ["s0", "s2", "s3"]
    assert count == 2


PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=12)


@settings(deadline=None, max_examples=40)
@given(
    PAIRS, st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.sampled_from(["train", "test"])), max_size=20)
)
def test_what_is_left_and_what_is_left_out_are_all_sessions(held, rows):
    left, count = without_held_out(window(*rows), likes(held, "user", "playlist"))
    leaks = [row for row in rows if row[2] == "train" and row[:2] in held]
    assert count == len(leaks)
    assert left.select("user", "positive", "split").rows() == [row for row in rows if row not in leaks]


def test_a_window_that_trains_on_one_is_refused():
    rules = {rule.name: rule for rule in rules_by_asset()["training_window"]}
    splits = likes(SPLITS, "user", "playlist", "split")
    rule = rules["window_trains_on_no_held_out_like"]
    assert rule.blocking
    assert rule(window((0, 10, "train"), (0, 11, "test"), (1, 11, "train")), splits).passed
    assert rule(window((0, 10, "train"), (0, 12, "train")), splits).offending == 1
    cold = pl.DataFrame({"user": [2]}, schema={"user": pl.UInt32})
    rule = rules["window_trains_on_no_like_of_a_cold_user"]
    assert rule.blocking
    liked = likes([(2, 13), (0, 13)], "user", "playlist")
    assert rule(window((0, 13, "train"), (2, 14, "train")), liked, cold).passed
    assert rule(window((2, 13, "train")), liked, cold).offending == 1
