"""Which errors are a message to the user rather than a fault of the program."""

from buddies_core.errors import BuddiesError
from buddies_core.postgres.urls import redacted

FORESEEN = (BuddiesError, OSError)
"""Errors whose message says what is wrong and what to do; of the system's, which file cannot be used."""


def as_line(error: Exception) -> str:
    """The message for a person, without passwords."""
    if isinstance(error, OSError) and error.strerror:
        file = f"{error.filename}: " if error.filename else ""
        return redacted(f"{file}{error.strerror}. Is the folder there, and may you write in it?")
    return redacted(str(error))
