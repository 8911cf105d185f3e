"""Feedback sessions as the service keeps them in PostgreSQL, and the versions that were served."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from buddies_core.settings import Settings
from quality.history.feedback import refuse_lost_sessions

_SESSIONS = """
    SELECT session_id::text AS session_id, created_at, user_id, liked, shown, model_version, recommendation_id
    FROM feedback.sessions WHERE created_at >= %(since)s ORDER BY created_at
"""


_EVENTS = """
    SELECT event_id::text AS event_id, created_at, user_key, kind, song_id, song_key, playlist, seconds, share
    FROM feedback.listener_events WHERE created_at >= %(since)s ORDER BY created_at
"""


def read_sessions(settings: Settings, since: datetime) -> pl.DataFrame:
    """Feedback sessions since a time, oldest first; none where the service has never run."""
    schema: dict[str, Any] = {
        "session_id": pl.String,
        "created_at": pl.Datetime("us", "UTC"),
        "user_id": pl.Int64,
        "liked": pl.Int64,
        "shown": pl.List(pl.Int64),
        "model_version": pl.String,
        "recommendation_id": pl.String,
    }
    return pl.DataFrame(_query(settings, "feedback.sessions", _SESSIONS, {"since": since}), schema=schema, orient="row")


def read_events(settings: Settings, since: datetime) -> pl.DataFrame:
    """What listeners did since a time, oldest first; none where the service has never run."""
    schema: dict[str, Any] = {
        "event_id": pl.String,
        "created_at": pl.Datetime("us", "UTC"),
        "user_key": pl.String,
        "kind": pl.String,
        "song_id": pl.String,
        "song_key": pl.String,
        "pid": pl.Int64,
        "seconds": pl.Float64,
        "share": pl.Float64,
    }
    found = _query(settings, "feedback.listener_events", _EVENTS, {"since": since})
    return pl.DataFrame(found, schema=schema, orient="row")


def has_sessions(settings: Settings) -> bool:
    """Whether any feedback was ever stored."""
    return bool(_query(settings, "feedback.sessions", "SELECT 1 FROM feedback.sessions LIMIT 1"))


def published_versions(settings: Settings) -> list[str]:
    """Every version that was ever served, by its folder or by what the service counted."""
    folder = settings.local_home / "served_model" / "versions"
    stored = {path.name for path in folder.iterdir() if path.is_dir()} if folder.exists() else set()
    counted = _query(
        settings,
        "feedback.recommendations_served",
        "SELECT DISTINCT model_version FROM feedback.recommendations_served",
    )
    return sorted(stored | {version for (version,) in counted})


def _query(
    settings: Settings, relation: str, sql: str, parameters: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Rows of a query; none where there is no database yet, or no service ever made its tables in it.

    Raises:
        LostTableError: the service's sessions were made and are gone: that is no lack of feedback.
    """
    from buddies_core.postgres.connecting import connect
    from buddies_core.postgres.database import feedback_database

    url = feedback_database(settings)
    if url is None:
        return []
    connection = connect(url)
    try:
        with connection, connection.cursor() as cursor:
            refuse_lost_sessions(connection)
            cursor.execute("SELECT to_regclass(%s) IS NULL", (relation,))
            absent = cursor.fetchone()
            if absent is None or absent[0]:
                return []
            cursor.execute(sql, parameters)
            return cursor.fetchall()
    finally:
        connection.close()
