"""Named errors of the pipeline: each names the file, row or field at fault and says what to do."""


class BuddiesError(Exception):
    """Base of every error that the pipeline raises on purpose."""


class SourceNotFoundError(BuddiesError):
    """An input file or folder that is absent, empty of what was looked for, or unreadable.

    Attributes:
        source: the dataset looked for, such as "MPD slices".
        path: where it was looked for.
    """

    def __init__(self, source: str, path: object, problem: str, advice: str) -> None:
        self.source = source
        self.path = str(path)
        super().__init__(f"{source}: {problem} at {path}. {advice}")


class NothingReadError(BuddiesError):
    """A source of which not one row could be kept: nothing can be made of the run."""

    def __init__(self, source: str, path: object, what: str, why: str) -> None:
        super().__init__(f"{source}: {what} at {path}. {why}.")


class MalformedInputError(BuddiesError):
    """A raw file or row that is wrong, raised in strict mode in place of quarantining it.

    Attributes:
        file, position, field, reason: as in the quarantine dataset (`buddies_assets.sources.quarantine`).
    """

    def __init__(self, file: str, position: int | None, field: str | None, reason: str, excerpt: str) -> None:
        self.file = file
        self.position = position
        self.field = field
        self.reason = reason
        where = file if position is None else f"{file}, line or pid {position}"
        what = reason if field is None else f"{reason} in {field}"
        super().__init__(
            f"{where}: {what}: {excerpt!r}. Mend the file, or unset BUDDIES_STRICT to quarantine such input."
        )


class SequencesError(BuddiesError, ValueError):
    """Playlists from which nothing can be learned or judged."""
