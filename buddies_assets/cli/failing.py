"""Which errors are a message to the user rather than a fault of the program."""

import errno

OF_THE_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
"""Numbers of errors of the operating system that the program cannot mend: a disk that is full or may not be written."""


def foreseen() -> tuple[type[Exception], ...]:
    """Errors whose message says what is wrong and what to do."""
    from buddies_assets.cli.recommending import UnknownUserError
    from buddies_assets.cli.running import RunFailedError
    from buddies_core.errors import BuddiesError
    from buddies_core.postgres.embedded import DatabaseError
    from buddies_core.settings import InvalidSettingError
    from buddies_core.storage.datasets import DatasetNotFoundError

    return BuddiesError, DatabaseError, DatasetNotFoundError, InvalidSettingError, RunFailedError, UnknownUserError
