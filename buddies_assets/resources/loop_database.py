"""The loop's tables in PostgreSQL (schema `loop`) and connections to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from buddies_core.postgres.connecting import connect
from buddies_core.postgres.schema import Schema, execute

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
    """Bring the schemas `feedback` (the service's, made here before its first start) and `loop` up to date.

    Returns:
        What was applied of `loop`.

    Raises:
        MigrationError: an applied file differs from the one that ships.
    """
    from buddies_serving.feedback.migrate import SCHEMA as FEEDBACK

    FEEDBACK.migrate(connection)
    return SCHEMA.migrate(connection)


def _feedback_is_current(connection: "Connection") -> bool:
    """Whether the service's tables are those of its newest step: the graph may be newer than the service that ran."""
    from buddies_serving.feedback.migrate import SCHEMA as FEEDBACK

    return FEEDBACK.is_current(connection)
