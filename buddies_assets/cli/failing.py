"""Which errors are a message to the user rather than a fault of the program."""

from buddies_core.errors import BuddiesError
from buddies_core.postgres.room import disk_is_full, no_room
from buddies_core.postgres.urls import redacted
from buddies_core.settings import Settings

FORESEEN = (BuddiesError, OSError)
"""Errors whose message says what is wrong and what to do; of the system's, which file cannot be used."""


def foreseen() -> tuple[type[Exception], ...]:
    """Those and PostgreSQL's: looked up when something has failed, since their library takes its time to import."""
    import psycopg2

    return (*FORESEEN, psycopg2.Error)


def as_line(error: Exception) -> str:
    """The message for a person, without passwords."""
    import psycopg2

    if isinstance(error, psycopg2.Error):
        return redacted(_of_postgres(error))
    if isinstance(error, OSError) and error.strerror:
        file = f"{error.filename}: " if error.filename else ""
        return redacted(f"{file}{error.strerror}. Is the folder there, and may you write in it?")
    return redacted(str(error))


def _of_postgres(error: Exception) -> str:
    import psycopg2

    if isinstance(error, psycopg2.errors.DiskFull):
        return disk_is_full(error)
    said = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, psycopg2.ProgrammingError) and "quality." in said:
        return (
            f"PostgreSQL says: {said}. The quality history has lost a part: restore it from a backup, or drop the "
            "schema `quality`; the next look fills it from Dagster's event log."
        )
    full = no_room(Settings().local_home / "postgres") if isinstance(error, psycopg2.OperationalError) else None
    return full or f"PostgreSQL says: {said}. Is it running, and is the schema that of this version?"
