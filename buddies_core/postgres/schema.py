"""Schemas of PostgreSQL that are kept by numbered SQL files, and queries as dictionaries.

Each file is applied once, in order, under a lock, with the digest of its text kept beside it: a file that was changed
after it was applied is an error and not a surprise.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from buddies_core.errors import BuddiesError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class MigrationError(BuddiesError):
    """A migration was edited after it was applied."""


@dataclass(frozen=True)
class Schema:
    """A schema whose SQL files are in the folder `migrations` of a package.

    Attributes:
        lock: the key of the advisory lock that two processes take turns by; another one for each schema.
    """

    name: str
    package: str
    lock: int

    def files(self) -> list[tuple[str, str]]:
        """(name, text) of the SQL files, in the order of their numbers."""
        folder = files(self.package).joinpath("migrations")
        return sorted((f.name, f.read_text(encoding="utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))

    def migrate(self, connection: "Connection") -> list[str]:
        """Bring the schema up to date, in one transaction; returns the names of the files applied now.

        Raises:
            MigrationError: an applied file differs from the one that ships.
        """
        applied = []
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (self.lock,))
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {self.name}")
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {self._table}"
                " (name text PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
            )
            cursor.execute(f"SELECT name, digest FROM {self._table}")
            present = dict(cursor.fetchall())
            for name, text in self.files():
                digest = hashlib.sha256(text.encode()).hexdigest()
                if name not in present:
                    cursor.execute(text)
                    cursor.execute(f"INSERT INTO {self._table} (name, digest) VALUES (%s, %s)", (name, digest))
                    applied.append(name)
                elif present[name] != digest:
                    raise MigrationError(
                        f"{name} of the schema {self.name} was changed after it was applied: restore it and add a new "
                        "file."
                    )
        return applied

    def is_current(self, connection: "Connection") -> bool:
        """Whether as many files are applied as ship: a look without a lock."""
        with connection:
            if not rows(connection, "SELECT 1 WHERE to_regclass(%(table)s) IS NOT NULL", {"table": self._table}):
                return False
            return int(rows(connection, f"SELECT count(*) FROM {self._table}")[0]["count"]) >= len(self.files())

    @property
    def _table(self) -> str:
        return f"{self.name}.migrations"


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
