"""Errors of a served model that cannot be written or read; each names the file or array and says what to do."""

from buddies_core.errors import BuddiesError


class ServedModelError(BuddiesError, ValueError):
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


class DamagedModelError(ServedModelError):
    """A file of a version whose content is not what its writer wrote."""
