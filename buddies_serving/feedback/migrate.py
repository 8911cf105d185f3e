"""Migrations of the feedback schema: numbered SQL files, each applied once, in order, in a transaction of its own.

Plain SQL rather than alembic: the schema is three objects whose constraints and view are written in SQL anyway, the
service has no ORM to generate a difference from, and alembic would bring SQLAlchemy and a second driver into a process
that needs neither. What a tool would add is kept: order, a checksum of what was applied, and a lock against two
services that start at once.
"""

import re
from hashlib import sha256
from importlib.resources import files

import asyncpg
import msgspec

from buddies_serving.errors import MigrationError

_NAME = re.compile(r"^(\d{4})_(\w+)\.sql$")
_LOCK = 0x6275646469


class Migration(msgspec.Struct, frozen=True):
    """One numbered step; `checksum` of its text."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All steps that ship with the service, in order; raises MigrationError when the numbers have a gap."""
    steps = []
    for entry in files("buddies_serving.feedback").joinpath("migrations").iterdir():
        match = _NAME.match(entry.name)
        if match:
            steps.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    steps.sort(key=lambda step: step.number)
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise MigrationError(f"migrations are numbered {[step.number for step in steps]}; they must run from 1 on")
    return steps


async def migrate(connection: asyncpg.Connection, steps: list[Migration] | None = None) -> list[int]:
    """Brings the schema up to date and returns the numbers applied now.

    Raises MigrationError when a step that was applied has changed since, or the database is ahead of this service.
    """
    steps = migrations() if steps is None else steps
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute("CREATE SCHEMA IF NOT EXISTS feedback")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS feedback.schema_migrations (number integer PRIMARY KEY, name text NOT NULL,"
            " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
    applied = [step.number for step in steps if await _apply(connection, step)]
    async with connection.transaction():  # so that a pooler gives all of it to one session
        newest = await connection.fetchval("SELECT max(number) FROM feedback.schema_migrations")
    if newest is not None and newest > len(steps):
        raise MigrationError(f"the database is at step {newest}, this service knows {len(steps)}; run a newer service")
    return applied


async def _apply(connection: asyncpg.Connection, step: Migration) -> bool:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        found = await connection.fetchval(
            "SELECT checksum FROM feedback.schema_migrations WHERE number = $1", step.number
        )
        if found == step.checksum:
            return False
        if found is not None:
            raise MigrationError(f"step {step.number} ({step.name}) was applied with another text; add a new step")
        await connection.execute(step.sql)
        await connection.execute(
            "INSERT INTO feedback.schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
            step.number,
            step.name,
            step.checksum,
        )
    return True
