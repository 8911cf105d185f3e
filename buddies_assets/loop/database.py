"""The loop's tables in PostgreSQL (schema `loop`), their migrations and connections."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from buddies_assets.errors import BuddiesError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_LOCK = 7310590


class LoopMigrationError(BuddiesError):
    """A migration of the schema `loop` was edited after it was applied."""


@contextmanager
def connected(url: str) -> Iterator["Connection"]:
    """A connection to an up-to-date schema; the block is one transaction, committed at its end."""
    import psycopg2

    # Compiling these short queries takes PostgreSQL longer than running them does.
    connection = psycopg2.connect(url, connect_timeout=5, application_name="buddies-loop", options="-c jit=off")
    try:
        if not _is_current(connection):
            migrate(connection, url)
        with connection:
            yield connection
    finally:
        connection.close()


def rows(connection: "Connection", sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Result of a query, a dictionary a row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or {})
        names = [column.name for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def execute(connection: "Connection", sql: str, parameters: dict[str, Any] | None = None) -> int:
    """Run a statement; returns how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or {})
        return int(cursor.rowcount)


def migrate(connection: "Connection", url: str) -> list[str]:
    """Bring the schemas `feedback` (the service's own migrations) and `loop` up to date; returns what was applied.

    Raises:
        LoopMigrationError: an applied file differs from the one that ships.
    """
    _migrate_feedback(url)
    applied = []
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        cursor.execute("CREATE SCHEMA IF NOT EXISTS loop")
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS loop.migrations"
            " (name text PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        cursor.execute("SELECT name, digest FROM loop.migrations")
        present = dict(cursor.fetchall())
        for name, text in _files():
            digest = hashlib.sha256(text.encode()).hexdigest()
            if name not in present:
                cursor.execute(text)
                cursor.execute("INSERT INTO loop.migrations (name, digest) VALUES (%s, %s)", (name, digest))
                applied.append(name)
            elif present[name] != digest:
                raise LoopMigrationError(f"{name} was changed after it was applied: restore it and add a new file.")
    return applied


def _is_current(connection: "Connection") -> bool:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('loop.migrations') IS NOT NULL")
        if not cursor.fetchone()[0]:  # pyright: ignore[reportOptionalSubscript]
            return False
        cursor.execute("SELECT count(*) FROM loop.migrations")
        return cursor.fetchone()[0] >= len(_files())  # pyright: ignore[reportOptionalSubscript]


def _migrate_feedback(url: str) -> None:
    """The feedback schema is the service's; before its first start it is made here, by its own migrations."""
    import asyncio
    import threading

    import asyncpg

    from buddies_serving.migrate import migrate as migrate_feedback

    failures: list[BaseException] = []

    async def work() -> None:
        plain = await asyncpg.connect("postgresql://" + url.partition("://")[2], timeout=10)
        try:
            await migrate_feedback(plain)
        finally:
            await plain.close()

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            failures.append(error)

    # A thread of its own: the caller may already run in an event loop, where asyncio.run is not allowed.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _files() -> list[tuple[str, str]]:
    folder = files("buddies_assets.loop").joinpath("migrations")
    return sorted((f.name, f.read_text(encoding="utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))
