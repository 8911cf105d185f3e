"""What can be seen of a training file, a held-out file and an answer before minutes are spent on them."""

from pathlib import Path

from buddies_core.errors import BuddiesError, SourceNotFoundError


class AnswerFileError(BuddiesError):
    """A place where recommendations cannot be written, or must not be."""


def check_judged_files(train: Path, heldout: Path, out: Path) -> None:
    """Nothing is read of the files but that they are there.

    Raises:
        SourceNotFoundError: one of the two files is absent or empty.
        AnswerFileError: the answer is a folder, or would overwrite one of them.
    """
    for name, path in (("training file", train), ("held-out file", heldout)):
        if not path.exists():
            raise SourceNotFoundError(name, path, "no such file", "Name a file with a listener and a song in each row.")
        if path.is_file() and not path.stat().st_size:
            raise SourceNotFoundError(name, path, "nothing is written", "Name a file with at least one row.")
    if out.is_dir():
        raise AnswerFileError(f"{out} is a folder: name the file in it that recommendations are written to.")
    if out.resolve() in (train.resolve(), heldout.resolve()):
        raise AnswerFileError(f"{out} would be overwritten by the recommendations: name another file for them.")
