"""Connections to PostgreSQL: every session says UTC, and what keeps one from being made is said in a line."""

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any

from buddies_core.postgres.urls import database_name, libpq_url, redacted

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_ADVICE = (
    (r'database "[^"]*" does not exist', "Create it: `createdb {database}`."),
    (r"password authentication failed|no password supplied", "Check the user and the password in the URL."),
    (r'role "[^"]*" does not exist', "Check the user in the URL, or create the role."),
    (r"invalid (dsn|URI|connection option)|missing \"=\"|invalid sslmode", "Mend the URL."),
    (r"certificate|SSL", "Check sslmode and sslrootcert in the URL."),
)


def speak_utc() -> None:
    """Have every session of this process say UTC: libpq sends PGTZ at the start, also through PgBouncer.

    The zone of the server, the database, the role or the machine then decides nothing; no cast depends on it.
    """
    os.environ["PGTZ"] = "UTC"


def connect(url: str, **options: Any) -> "Connection":
    """A session of psycopg2 in UTC."""
    import psycopg2

    speak_utc()
    return psycopg2.connect(libpq_url(url), **options)


def problem_with(url: str, *, timeout: int = 3) -> str | None:
    """Why no session can be had at a URL, in one line with what to do; None where one can."""
    import psycopg2

    try:
        connect(url, connect_timeout=timeout).close()
    except psycopg2.Error as error:
        said = redacted(" ".join(str(error).split())).partition(" Is the server running")[0].rstrip(".")
        for pattern, advice in _ADVICE:
            if re.search(pattern, said):
                return f"{said}. {advice.format(database=database_name(url))}"
        return f"{said}. Is the server running, and may this machine reach it?"
    return None


def data_folder_at(url: str) -> str | None:
    """The data folder of the server that answers at a URL; None when none does, or it does not say."""
    import psycopg2

    try:
        with contextlib.closing(connect(url, connect_timeout=3)) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            found = cursor.fetchone()
    except psycopg2.Error:
        return None
    return str(found[0]) if found else None


def ensure_database(url: str, database: str) -> str | None:
    """Make a database beside that of a URL where it is missing; why it could not be made, or None where it is there."""
    import psycopg2
    from psycopg2 import sql

    try:
        connection = connect(url, connect_timeout=5)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
            if not cursor.fetchall():
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        connection.close()
    except psycopg2.errors.DuplicateDatabase:
        return None  # somebody was faster
    except psycopg2.Error as error:
        return redacted(" ".join(str(error).split()))
    return None
