"""Errors of the service.

Each names the file, array or field at fault and says what to do, since whoever reads it is usually
looking at a log line and nothing else.
"""

from buddies_core.errors import BuddiesError


class UnsafeBindError(BuddiesError, RuntimeError):
    """The service was asked to listen beyond loopback without API keys."""


class SigningKeyError(BuddiesError, RuntimeError):
    """The key that signs recommendation ids can be neither read nor made."""


class KeyFileError(BuddiesError, RuntimeError):
    """The file of API keys is missing or cannot be read as one."""


class SpoolError(BuddiesError, RuntimeError):
    """The feedback spool could not be read or written."""


class FeedbackUnavailableError(BuddiesError, RuntimeError):
    """Feedback can be stored neither in PostgreSQL nor in the spool, or the queue is full."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class FeedbackRefusedError(BuddiesError, RuntimeError):
    """The database's schema refuses this feedback, and would refuse it again."""
