"""Feedback in PostgreSQL to stored days: late rows, incremental reading, libraries that changed."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import psycopg2
import pytest

from buddies_assets.feedback.days import FeedbackDays
from buddies_assets.feedback.window import Window
from buddies_assets.release.feedback_counts import arm_of, days_of
from buddies_assets.resources.loop_database import connected, migrate
from buddies_core.postgres.schema import MigrationError, execute
from buddies_core.registry.watermark import day_counts
from buddies_core.storage.code_version import THIS
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.forgotten import ForgottenIds
from buddies_core.storage.manifest import CacheKey

DAY = datetime(2026, 3, 10, tzinfo=UTC)
DAYS = [date(2026, 3, day) for day in range(8, 13)]


@pytest.fixture
def store(tmp_path) -> DatasetStore:
    """The libraries that sessions are translated with: one user, ten playlists."""
    made = DatasetStore.at(str(tmp_path / "home"))
    save(made, "user_library", pl.DataFrame({"user": [0], "user_id": ["a" * 40]}))
    save(made, "playlist_library", pl.DataFrame({"playlist": range(10), "pid": range(100, 200, 10)}))
    save(made, "playlist_ownership", pl.DataFrame({"playlist": [9], "owner": [0]}))
    return made


def save(store: DatasetStore, name: str, frame: pl.DataFrame) -> None:
    unsigned = [column for column in ("user", "playlist", "pid", "owner") if column in frame.columns]
    writer = store.writer(CacheKey(name, params={"rows": frame.to_dicts()}), "run")
    writer.commit([writer.write_shard(0, frame.cast(dict.fromkeys(unsigned, pl.UInt32)))])


def refreshed(store: DatasetStore, connection) -> list[tuple[int, int]]:
    days = FeedbackDays(store, 1, "run")
    return [(made.day.day, made.sessions) for made in days.refresh(connection, DAYS)]


def test_only_days_that_changed_are_read_again(store, connection, add_sessions):
    add_sessions(range(1, 4), DAY)
    add_sessions(range(4, 6), DAY + timedelta(days=1, hours=5))
    assert refreshed(store, connection) == [(10, 3), (11, 2)]
    assert refreshed(store, connection) == []
    add_sessions(range(6, 7), DAY + timedelta(hours=3))
    assert refreshed(store, connection) == [(10, 4)]


def test_a_corrected_rule_reaches_the_days_that_are_stored(store, connection, add_sessions, monkeypatch):
    add_sessions(range(1, 4), DAY)
    refreshed(store, connection)
    assert "buddies_assets.feedback.session_blocks" in THIS.closure(["buddies_assets.feedback.days"])
    monkeypatch.setattr("buddies_assets.feedback.days.code_version", lambda *_: "another rule")
    assert refreshed(store, connection) == [(10, 3)]
    assert refreshed(store, connection) == []


@pytest.mark.parametrize("name", ["feedback_blocks", "quarantined_feedback"])
def test_a_stored_day_that_is_damaged_is_made_again(store, connection, add_sessions, name):
    add_sessions(range(1, 4), DAY)
    refreshed(store, connection)
    stored = FeedbackDays(store, 1, "run").stored(name, DAY.date())
    before = stored.frame()
    (Path(str(stored.folder)) / stored.manifest.shards[0].file).write_bytes(b"cut")
    assert refreshed(store, connection) == [(10, 3)]
    assert FeedbackDays(store, 1, "run").stored(name, DAY.date()).frame().equals(before)


def test_without_reuse_every_day_with_sessions_is_made_again(store, connection, add_sessions):
    add_sessions(range(1, 4), DAY)
    refreshed(store, connection)
    days = FeedbackDays(store, 1, "run", reuse=False)
    assert [made.day.day for made in days.refresh(connection, DAYS)] == [10]


def test_other_libraries_make_every_day_anew(store, connection, add_sessions):
    add_sessions(range(1, 4), DAY)
    refreshed(store, connection)
    save(store, "playlist_library", pl.DataFrame({"playlist": range(3), "pid": [100, 110, 120]}))
    assert refreshed(store, connection) == [(10, 3)]
    blocks = FeedbackDays(store, 1, "run").stored("feedback_blocks", DAY.date()).frame()
    assert blocks["negatives"].to_list() == [[1, 2]] * 3


def test_the_watermark_counts_sessions_read_and_the_window_holds_their_blocks(store, connection, add_sessions):
    add_sessions(range(1, 21), DAY)
    add_sessions(range(21, 24), DAY + timedelta(days=1), user_key="f" * 40)
    days = FeedbackDays(store, 1, "run")
    list(days.refresh(connection, DAYS))
    window = Window(DAY + timedelta(days=2), 5, 0)
    assert days.watermark(window).days == {"2026-03-10": 20, "2026-03-11": 3}
    kept = days.window(window, weight=1.0)
    assert kept.filter(pl.col("split") == "train")["copies"].to_list() == [1] * (kept["split"] == "train").sum()
    assert kept.height <= 20
    reasons = days.stored("quarantined_feedback", DAY.date() + timedelta(days=1)).frame()["reason"]
    assert set(reasons) == {"the user is not in the user library"}


def test_days_are_counted_in_utc_whatever_the_server_thinks(connection, add_sessions):
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Pacific/Auckland'")
    add_sessions(range(1, 2), DAY - timedelta(microseconds=1))
    add_sessions(range(2, 4), DAY)
    assert day_counts(connection, DAYS[0], DAYS[-1]) == {"2026-03-09": 1, "2026-03-10": 2}


def test_likes_and_lists_are_counted_by_the_model_of_the_version(connection, add_sessions, add_served):
    add_sessions(range(1, 4), DAY)
    add_sessions(range(4, 6), DAY, model_version="000001-cc-dd")
    add_sessions(range(6, 7), DAY, model_version="000010-cc-dd")
    add_served("000001-aa-bb", 10)
    add_served("000001-cc-dd", 5, day="2026-03-02")
    add_served("0000011-x", 99)
    counted = arm_of(connection, "000001")
    assert (counted.recommendations, counted.likes) == (15, 5)


def test_ranks_are_taken_from_lists_whose_order_is_known(connection, add_sessions, add_served):
    add_served("000001-aa-bb", 10, day="2026-03-10")
    add_sessions(range(1, 4), DAY, liked=120)
    add_sessions(range(4, 5), DAY, liked=120, recommendation_id=None)
    day = days_of(connection, "000001", DAY)[DAY.date()]
    assert (day.recommendations, day.likes, dict(day.ranks)) == (10, 4, {3: 3})


def test_a_migration_that_was_edited_after_it_was_applied_is_refused(connection, postgres_url):
    execute(connection, "UPDATE loop.migrations SET digest = 'another'")
    with pytest.raises(MigrationError, match="restore it"):
        migrate(psycopg2.connect(postgres_url), postgres_url)


def test_a_database_is_migrated_once(postgres_url):
    with connected(postgres_url):
        assert migrate(psycopg2.connect(postgres_url), postgres_url) == []


def test_sessions_of_somebody_who_was_forgotten_are_left_out_counted_and_make_the_day_anew(
    store, connection, add_sessions
):
    add_sessions(range(1, 4), DAY)
    add_sessions(range(4, 6), DAY, user_key="b" * 40)
    assert refreshed(store, connection) == [(10, 5)]
    ForgottenIds.at(str(store.root.parent)).adding("B" * 40)
    days = FeedbackDays(store, 1, "run")
    (made,) = days.refresh(connection, DAYS)
    assert (made.sessions, made.blocks + made.quarantined, made.forgotten) == (5, 3, 2)
    quarantined = days.stored("quarantined_feedback", DAY.date()).frame()
    assert "b" * 40 not in quarantined["user_key"].to_list()
    assert refreshed(store, connection) == []
