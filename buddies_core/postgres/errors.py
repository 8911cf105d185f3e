"""What PostgreSQL lets fail."""

from buddies_core.errors import BuddiesError


class DatabaseError(BuddiesError, RuntimeError):
    """PostgreSQL cannot be found, started or reached; the message says what to do."""
