"""Who comes back, by what they were served: as SQL written by hand over the sessions says."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from buddies_core.postgres.schema import rows
from quality.history import feedback
from quality.history.activity import ActivityIndex
from quality.history.returning import Returning, Returns, returns, version_names

SINCE, UNTIL = date(2026, 3, 2), date(2026, 3, 23)
NOW = datetime(2026, 3, 20, 15, tzinfo=UTC)
_TABLE = """
    CREATE SCHEMA IF NOT EXISTS feedback;
    DROP TABLE IF EXISTS feedback.sessions;
    CREATE TABLE feedback.sessions (
        session_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), created_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL, user_id integer NOT NULL, liked integer NOT NULL, shown integer[] NOT NULL,
        model_version text NOT NULL, arm text NOT NULL)
"""
_BY_HAND = """
    WITH visits AS (
        SELECT DISTINCT user_id, (created_at AT TIME ZONE 'UTC')::date AS day FROM feedback.sessions),
    firsts AS (
        SELECT user_id, min(day) AS day FROM visits WHERE day >= %(since)s AND day < %(until)s GROUP BY user_id),
    lists AS (
        SELECT DISTINCT ON (f.user_id) f.user_id, f.day, s.model_version, array_position(s.shown, s.liked) AS place
        FROM firsts f JOIN feedback.sessions s
          ON s.user_id = f.user_id AND (s.created_at AT TIME ZONE 'UTC')::date = f.day
        ORDER BY f.user_id, s.created_at)
    SELECT {what} AS served, count(*)::int AS listeners,
           (count(*) FILTER (WHERE EXISTS (
               SELECT FROM visits v WHERE v.user_id = l.user_id AND v.day > l.day AND v.day <= l.day + 7)))::int AS back
    FROM lists l WHERE l.day + 7 < %(today)s GROUP BY 1 ORDER BY 1
"""


@pytest.fixture
def connection(history):
    """The history beside an empty table of sessions."""
    with history, history.cursor() as cursor:
        cursor.execute(_TABLE)
    return history


def add(connection, *sessions: tuple[int, datetime, str, list[int], int]) -> None:
    with connection, connection.cursor() as cursor:
        for user, at, version, shown, liked in sessions:
            cursor.execute(
                "INSERT INTO feedback.sessions (created_at, received_at, user_id, liked, shown, model_version, arm)"
                " VALUES (%s, %s, %s, %s, %s, %s, 'champion')",
                (at, at, user, liked, shown, version),
            )


def found_now(connection, index: ActivityIndex | None = None) -> Returns:
    index = index or ActivityIndex()
    feedback.refresh(connection)
    index.refresh(connection)
    return returns(index.now, version_names(connection), SINCE, UNTIL, NOW)


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_it_agrees_with_sql_written_by_hand(connection):
    generator = np.random.default_rng(5)
    made = []
    for user in range(60):
        day = datetime(2026, 2, 20, tzinfo=UTC)
        while day < NOW:
            day += timedelta(hours=int(generator.integers(6, 400)))
            shown = generator.permutation(40)[:5].tolist()
            made.append((user, day, f"v{generator.integers(3)}", shown, int(generator.choice(shown))))
    add(connection, *made)
    found = found_now(connection)
    asked = {"since": SINCE, "until": UNTIL, "today": NOW.date()}
    for kind, what, names in (
        ("everybody", "'anything'", None),
        ("version of the model", "l.model_version", None),
        (
            "place of the liked playlist",
            "CASE WHEN l.place = 1 THEN 1 WHEN l.place <= 3 THEN 2 ELSE 3 END",
            ["the first", "second or third", "further down"],
        ),
    ):
        by_hand = rows(connection, _BY_HAND.format(what=what), asked)
        wanted = [
            Returning(kind, names[row["served"] - 1] if names else row["served"], row["listeners"], row["back"])
            for row in by_hand
        ]
        assert [row for row in found.rows if row.kind == kind] == wanted
    everybody = found.rows[0]
    assert 20 < everybody.listeners < 60
    assert 0 < everybody.came_back < everybody.listeners
    assert sum(row.listeners for row in found.rows if row.kind == "playlists that others see") == everybody.listeners


def test_seven_days_later_is_back_and_eight_is_not_and_who_came_lately_is_not_judged(connection):
    shown = [1, 2, 3, 4, 5]
    add(connection, *((user, at(3), "v1", shown, 1) for user in (1, 2, 3)), (1, at(10, 23), "v1", shown, 1))
    add(connection, (2, at(11, 0), "v1", shown, 1), (3, at(3, 20), "v1", shown, 1), (4, at(13), "v1", shown, 1))
    found = found_now(connection)
    assert found.rows[0] == Returning("everybody", "anything", 3, 1)  # 2 came too late, 3 on the same day only
    assert found.waiting == 1  # the days of 4 end on the 20th, which is not over


def test_lists_are_told_apart_by_how_common_their_playlists_were_that_day(connection):
    # Of four lists the first three hold playlist 1; by hand: crowds of 3/4, 3/4, (3/4 + 1/4) / 2 and 1/4.
    add(connection, (1, at(3, 1), "v1", [1], 1), (2, at(3, 2), "v1", [1], 1), (3, at(3, 3), "v1", [1, 7], 7))
    add(connection, (4, at(3, 4), "v1", [9], 9))
    index = ActivityIndex()
    found_now(connection, index)
    (day,) = index.now.days.values()
    assert dict(zip(index.now.ids[day.numbers].tolist(), day.crowd.tolist(), strict=True)) == {
        1: 750, 2: 750, 3: 500, 4: 250,
    }  # fmt: skip


def test_a_session_that_comes_late_changes_what_the_first_list_of_its_day_was(connection):
    index = ActivityIndex()
    add(connection, (1, at(3, 12), "v2", [1, 2], 2))
    assert [row.served for row in found_now(connection, index).rows if row.kind == "version of the model"] == ["v2"]
    add(connection, (1, at(3, 9), "v1", [1, 2], 1))
    found = found_now(connection, index)
    assert [row.served for row in found.rows if row.kind == "version of the model"] == ["v1"]
    assert [row.served for row in found.rows if row.kind == "place of the liked playlist"] == ["the first"]


def test_an_interval_of_none_of_ten_is_wilsons_and_reaches_over_a_quarter():
    low, high = Returning("everybody", "anything", 10, 0).interval
    assert (low, high) == (0.0, pytest.approx(1.959964**2 / (10 + 1.959964**2)))


def test_nobody_in_the_range_is_no_row(connection):
    assert found_now(connection) == Returns([], 0)
