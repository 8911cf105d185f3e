"""Which errors are a message to the user rather than a fault of the program."""


def foreseen() -> tuple[type[Exception], ...]:
    """Errors whose message says what is wrong and what to do."""
    from buddies_assets.cli.recommending import UnknownUserError
    from buddies_assets.cli.running import RunFailedError
    from buddies_assets.datasets import DatasetNotFoundError
    from buddies_assets.errors import BuddiesError
    from buddies_assets.resources.postgres import DatabaseError
    from buddies_assets.settings import InvalidSettingError

    return BuddiesError, DatabaseError, DatasetNotFoundError, InvalidSettingError, RunFailedError, UnknownUserError
