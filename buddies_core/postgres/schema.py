"""Schemas of PostgreSQL that are kept by numbered SQL files, and queries as dictionaries.

Each file is applied once, in order, under a lock, with the digest of its text kept beside it: a file that was changed
after it was applied is an error and not a surprise, and so is a database of a newer version. What is to be done is
decided here without a driver: the pipeline does it by psycopg2 (`migrate`), the service by asyncpg
(`buddies_serving.feedback.migrate`).

Plain SQL rather than alembic: constraints, triggers and views are written in SQL anyway, no ORM could generate a
difference, and SQLAlchemy would come into a service that needs none.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from buddies_core.errors import BuddiesError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")


class MigrationError(BuddiesError):
    """Files and database disagree: one was edited after it was applied, one is missing, or the database is newer."""


class Migration(NamedTuple):
    """One numbered step: the name of its file, its SQL, and the SHA-256 of that in hex."""

    file: str
    sql: str
    digest: str


class Record(NamedTuple):
    """Where a schema notes what was applied: a table, how it is made, read as (file, digest), and written."""

    table: str
    columns: str
    read: str
    write: str


RECORD = Record(
    table="migrations",
    columns="name text PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now()",
    read="name, digest",
    write="(name, digest) VALUES ('{file}', '{digest}')",
)


@dataclass(frozen=True)
class Schema:
    """A schema whose SQL files are in the folder `migrations` of a package.

    Attributes:
        lock: the key of the advisory lock that two processes take turns by; another one for each schema.
    """

    name: str
    package: str
    lock: int
    record: Record = RECORD

    @cached_property
    def migrations(self) -> list[Migration]:
        """The steps in the order of their numbers.

        Raises:
            MigrationError: the numbers do not run from 1 on.
        """
        folder = files(self.package).joinpath("migrations")
        texts = sorted((f.name, f.read_text(encoding="utf-8")) for f in folder.iterdir() if _FILE.fullmatch(f.name))
        numbers = [int(file[:4]) for file, _ in texts]
        if numbers != list(range(1, len(numbers) + 1)):
            raise MigrationError(f"{self.package}: migrations are numbered {numbers}; they must run from 1 on")
        return [Migration(file, sql, hashlib.sha256(sql.encode()).hexdigest()) for file, sql in texts]

    @property
    def prepare(self) -> str:
        """SQL that waits for the lock of the transaction and makes the schema and its record where they are missing."""
        return (
            f"SELECT pg_advisory_xact_lock({self.lock}); CREATE SCHEMA IF NOT EXISTS {self.name};"
            f" CREATE TABLE IF NOT EXISTS {self._table} ({self.record.columns})"
        )

    @property
    def applied(self) -> str:
        """The query of what was applied: pairs of file and digest."""
        return f"SELECT {self.record.read} FROM {self._table}"

    def pending(self, applied: Mapping[str, str]) -> list[Migration]:
        """The steps to be applied, in order, given the digests of those that were.

        Raises:
            MigrationError: a step was edited after it was applied, or the database has one that is not known here.
        """
        unknown = sorted(set(applied) - {step.file for step in self.migrations})
        if unknown:
            raise MigrationError(
                f"the schema {self.name} is at {unknown[-1]}, this version knows {len(self.migrations)} steps; "
                "run the newer version"
            )
        for step in self.migrations:
            if applied.get(step.file, step.digest) != step.digest:
                raise MigrationError(
                    f"{step.file} of the schema {self.name} was changed after it was applied: restore it and add a new "
                    "file."
                )
        return [step for step in self.migrations if step.file not in applied]

    def apply(self, step: Migration) -> str:
        """SQL that applies a step and notes it."""
        note = self.record.write.format(file=step.file, digest=step.digest)
        return f"{step.sql.rstrip().rstrip(';')};\nINSERT INTO {self._table} {note}"

    def migrate(self, connection: "Connection") -> list[str]:
        """Bring the schema up to date, in one transaction; returns the names of the files applied now.

        Raises:
            MigrationError: see `pending`.
        """
        with connection, connection.cursor() as cursor:
            cursor.execute(self.prepare)
            cursor.execute(self.applied)
            steps = self.pending(dict(cursor.fetchall()))
            for step in steps:
                cursor.execute(self.apply(step))
        return [step.file for step in steps]

    def is_current(self, connection: "Connection") -> bool:
        """Whether everything that ships is applied: a look without a lock."""
        with connection:
            if not rows(connection, "SELECT 1 WHERE to_regclass(%(table)s) IS NOT NULL", {"table": self._table}):
                return False
            with connection.cursor() as cursor:
                cursor.execute(self.applied)
                return {step.file for step in self.migrations} <= dict(cursor.fetchall()).keys()

    @property
    def _table(self) -> str:
        return f"{self.name}.{self.record.table}"


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
