"""What can go wrong in training, each with what to do about it."""

from buddies_core.errors import BuddiesError


class TrainingError(BuddiesError):
    """Base of the errors that training raises on purpose."""


class DivergedError(TrainingError):
    """The loss or a factor stopped being a finite number; the state of the last good epoch is untouched."""

    def __init__(self, *, epoch: int, loss: float, last_good: str | None):
        kept = f"the last good state is {last_good}" if last_good else "no earlier epoch was saved"
        super().__init__(
            f"training diverged in epoch {epoch} (loss {loss}): {kept}. "
            "Lower `learning_rate`, raise `l2`, or start from balanced factors."
        )
        self.epoch = epoch
        self.last_good = last_good


class ResumeMismatchError(TrainingError):
    """The folder to resume from holds the state of another configuration or of other data."""

    def __init__(self, *, folder: str, differs: str):
        super().__init__(
            f"{folder} holds the state of a training with another {differs}. "
            "Resume with the same one, or give an empty folder."
        )


class BlocksError(TrainingError):
    """A shard of user-blocks is malformed."""

    def __init__(self, *, shard: int, field: str, problem: str):
        super().__init__(f"block shard {shard}, field `{field}`: {problem}. Materialise user_blocks again.")


class NegativesError(TrainingError):
    """The negatives asked for cannot be drawn from the data given."""


class CheckpointNotFoundError(TrainingError):
    """The store holds no such checkpoint."""

    def __init__(self, *, root: str, version: str | None):
        wanted = f"version {version}" if version else "any version"
        super().__init__(f"no checkpoint ({wanted}) in {root}. Materialise bpr_checkpoint first.")


class CheckpointDamagedError(TrainingError):
    """A file of a checkpoint is missing or is not what its manifest says."""

    def __init__(self, *, path: str, problem: str):
        super().__init__(f"{path}: {problem}. Delete this version and train again.")


class LibrariesMissingError(TrainingError):
    """A start that factorises libraries was asked for, and the data has none."""

    def __init__(self) -> None:
        super().__init__("start=joint needs the users' libraries: give TrainingData.user_songs, or set start to als")
