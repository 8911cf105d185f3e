"""The schema `quality` in PostgreSQL: its migrations and its connections.

Migrations are numbered SQL files, each applied once, in order, under a lock, with the digest of its text kept beside
it: a file that was changed after it was applied is an error and not a surprise.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_LOCK = 7310578


class HistoryMigrationError(RuntimeError):
    """A migration of the quality history was edited after it was applied."""


def migrate(connection: "Connection") -> list[str]:
    """Brings the schema up to date; returns the names of the files applied now.

    Raises:
        HistoryMigrationError: an applied file differs from the one shipped.
    """
    applied = []
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        cursor.execute("CREATE SCHEMA IF NOT EXISTS quality")
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS quality.migrations"
            " (name text PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        cursor.execute("SELECT name, digest FROM quality.migrations")
        present = dict(cursor.fetchall())
        for name, text in _files():
            digest = hashlib.sha256(text.encode()).hexdigest()
            if name not in present:
                cursor.execute(text)
                cursor.execute("INSERT INTO quality.migrations (name, digest) VALUES (%s, %s)", (name, digest))
                applied.append(name)
            elif present[name] != digest:
                raise HistoryMigrationError(f"{name} was changed after it was applied: restore it and add a new file")
    return applied


@contextmanager
def connected(url: str) -> Iterator["Connection"]:
    """A connection that commits when its block ends well, rolls back when it does not, and is closed either way."""
    import psycopg2

    connection = psycopg2.connect(url)
    try:
        yield connection
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def rows(connection: "Connection", sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Result of a query, a dictionary a row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or {})
        names = [column.name for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _files() -> list[tuple[str, str]]:
    folder = files("quality.history").joinpath("migrations")
    return sorted((f.name, f.read_text(encoding="utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))
