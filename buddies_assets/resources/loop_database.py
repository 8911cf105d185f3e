"""The loop's tables in PostgreSQL (schema `loop`) and connections to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from buddies_core.postgres.connecting import connect
from buddies_core.postgres.schema import Schema, execute, rows
from buddies_core.postgres.urls import asyncpg_url

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SCHEMA = Schema("loop", "buddies_assets.resources", lock=7310590)


@contextmanager
def connected(url: str) -> Iterator["Connection"]:
    """A connection to an up-to-date schema; the block is one transaction, committed at its end."""
    connection = connect(url, connect_timeout=5, application_name="buddies-loop")
    try:
        if not (SCHEMA.is_current(connection) and _feedback_is_current(connection)):
            migrate(connection, url)
        with connection:
            # Compiling these short queries takes PostgreSQL longer than running them does. It is said here and not as a
            # parameter of the start, which PgBouncer refuses.
            execute(connection, "SET LOCAL jit = off")
            yield connection
    finally:
        connection.close()


def migrate(connection: "Connection", url: str) -> list[str]:
    """Bring the schemas `feedback` (the service's own migrations) and `loop` up to date; returns what was applied.

    Raises:
        MigrationError: an applied file differs from the one that ships.
    """
    _migrate_feedback(url)
    return SCHEMA.migrate(connection)


def _feedback_is_current(connection: "Connection") -> bool:
    """Whether the service's tables are those of its newest step: the graph may be newer than the service that ran."""
    from buddies_serving.feedback.migrate import migrations

    with connection:
        if not rows(connection, "SELECT 1 WHERE to_regclass('feedback.schema_migrations') IS NOT NULL"):
            return False
        applied = rows(connection, "SELECT max(number) AS number FROM feedback.schema_migrations")[0]["number"]
        return applied is not None and int(applied) >= len(migrations())


def _migrate_feedback(url: str) -> None:
    """The feedback schema is the service's; before its first start it is made here, by its own migrations."""
    import asyncio
    import threading

    import asyncpg

    from buddies_serving.feedback.migrate import migrate as migrate_feedback

    failures: list[BaseException] = []

    async def work() -> None:
        plain = await asyncpg.connect(asyncpg_url(url), timeout=10, statement_cache_size=0)
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
