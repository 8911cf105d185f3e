"""Errors of the service and of the served-model format.

Each names the file, array or field at fault and says what to do, since whoever reads it is usually
looking at a log line and nothing else.
"""


class ServedModelError(ValueError):
    """A served model that cannot be written or read as it is."""


class NoServedModelError(ServedModelError):
    """There is no published model under the root folder."""


class ModelFormatError(ServedModelError):
    """A version that was written in another format than this program reads."""


class ArrayMismatchError(ServedModelError):
    """An array of a model has another dtype, shape or content than the format asks for."""

    def __init__(self, array: str, reason: str) -> None:
        super().__init__(f"array '{array}': {reason}")
        self.array = array
        self.reason = reason


class UnsafeBindError(RuntimeError):
    """The service was asked to listen beyond loopback without API keys."""


class SpoolError(RuntimeError):
    """The feedback spool could not be read or written."""


class FeedbackUnavailableError(RuntimeError):
    """Feedback can be stored neither in PostgreSQL nor in the spool, or the queue is full."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class MigrationError(RuntimeError):
    """The feedback schema of the database is not the one this version of the service knows."""
