"""Which errors are a message to the user rather than a fault of the program."""

from buddies_core.postgres.urls import redacted


def foreseen() -> tuple[type[Exception], ...]:
    """Errors whose message says what is wrong and what to do; of the system's, which file cannot be used."""
    from buddies_assets.cli.recommending import UnknownUserError
    from buddies_assets.cli.running import RunFailedError
    from buddies_core.environment import InvalidSettingError
    from buddies_core.errors import BuddiesError
    from buddies_core.postgres.embedded import DatabaseError
    from buddies_core.postgres.own_home import OtherHomeError
    from buddies_core.storage.datasets import DatasetNotFoundError

    ours = (BuddiesError, DatabaseError, DatasetNotFoundError, InvalidSettingError, OtherHomeError, RunFailedError)
    return (*ours, UnknownUserError, OSError)


def as_line(error: Exception) -> str:
    """The message for a person, without passwords."""
    if isinstance(error, OSError) and error.strerror:
        file = f"{error.filename}: " if error.filename else ""
        return redacted(f"{file}{error.strerror}. Is the folder there, and may you write in it?")
    return redacted(str(error))
