"""The schema `quality` in PostgreSQL and connections to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from buddies_assets.database import Schema
from buddies_assets.database import rows as rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SCHEMA = Schema("quality", "quality.history", lock=7310578)


def migrate(connection: "Connection") -> list[str]:
    """Brings the schema up to date; returns the names of the files applied now.

    Raises:
        MigrationError: an applied file differs from the one shipped.
    """
    return SCHEMA.migrate(connection)


@contextmanager
def connected(url: str) -> Iterator["Connection"]:
    """A connection that commits when its block ends well, rolls back when it does not, and is closed either way."""
    import psycopg2

    connection = psycopg2.connect(url)
    try:
        with connection:
            yield connection
    finally:
        connection.close()
