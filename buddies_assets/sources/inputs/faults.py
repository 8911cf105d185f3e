"""The fault of an input file: what is wrong with it, as a reason of the quarantine, and what to do about it."""

from buddies_core.errors import BuddiesError


class InputFault(BuddiesError):
    """Why a file, or the rest of it, cannot be read; whoever reads it puts this into the quarantine.

    Attributes:
        reason: a key of `buddies_assets.sources.quarantine.REASONS`.
        what, remedy: what was met, and what a person can do.
        unread_bytes: of the file on disk, in which rows may be lost; known to whoever read it.
    """

    def __init__(self, reason: str, what: str, remedy: str) -> None:
        self.reason = reason
        self.what = what
        self.remedy = remedy
        self.unread_bytes = 0
        super().__init__(f"{what[:1].upper()}{what[1:]}. {remedy}")

    def __reduce__(self) -> tuple[type, tuple[str, str, str], dict[str, int]]:
        """Faults come back from processes that read."""
        return type(self), (self.reason, self.what, self.remedy), {"unread_bytes": self.unread_bytes}


def damaged(error: Exception) -> InputFault:
    """The fault of compressed data that a codec refuses."""
    return InputFault("undecodable_file", f"the compressed data are damaged ({error})", "Fetch the file again.")
