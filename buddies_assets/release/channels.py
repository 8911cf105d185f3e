"""Champion and challenger of the served model, changed by one process at a time.

A decision reads what is served and replaces it; between the two, no other process of this machine may do the same, so
both happen under a lock on the model's folder. What was rolled back is remembered there too: it is never served again,
though it may be the newest checkpoint.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from buddies_core import json_text
from buddies_core.artifact.errors import ModelFormatError, NoServedModelError
from buddies_core.artifact.store import Challenger, Channels, publish, read_channels, read_manifest
from buddies_core.errors import BuddiesError
from buddies_core.storage.durable import write_durably

_LOCK, _REJECTED = ".channels.lock", "rejected.json"


class NoTrialError(BuddiesError):
    """A promotion or rollback that has nothing to act on."""


def model_of(version: str) -> str:
    """Checkpoint version of a served version, which is named `<checkpoint>-<ranking>-<run>`."""
    return version.split("-", 1)[0]


def channels(root: Path) -> Channels | None:
    """What is served; None before the first publication."""
    try:
        return read_channels(root)
    except NoServedModelError:
        return None


def publish_version(root: Path, version: str, *, share: float) -> tuple[Channels | None, str]:
    """Give a newly written version its place; returns what is served then and the place.

    Places are `champion`, `challenger` and `nobody`. A ranking redrawn by the champion's (or challenger's) own model
    replaces it. Another model goes on trial with `share` of the users; it is the champion at once when there is none,
    when `share` is 0, or when a number means another user to it than to the champion (the register of numbers was lost)
    or the champion is of a format that is no longer read. A trial that runs is replaced by the newer model. A model
    that was rolled back while its version was being written gets no place: `nobody` is served it.
    """
    with _locked(root):
        served = channels(root)
        if model_of(version) in rejected(root):
            return served, "nobody"
        if served is None or share == 0 or not _same_numbers(root, served.champion, version):
            return publish(root, version), "champion"
        trial = served.challenger
        if model_of(version) == model_of(served.champion):
            return publish(root, version, challenger=trial), "champion"
        kept = trial.share if trial and model_of(trial.version) == model_of(version) else share
        return publish(root, served.champion, challenger=Challenger(version, kept)), "challenger"


def publish_successors(root: Path, successors: Mapping[str, str]) -> None:
    """Serve, in place of versions, others of the same models: champion, challenger, and the one to roll back to."""
    with _locked(root):
        served, previous = channels(root), previous_version(root)
        if served is not None:
            trial = served.challenger
            if trial is not None:
                trial = Challenger(successors.get(trial.version, trial.version), trial.share)
            publish(root, successors.get(served.champion, served.champion), challenger=trial)
        if previous is not None and previous in successors:
            _keep_previous(root, successors[previous])


def promote_challenger(root: Path, *, expected: str | None = None) -> tuple[str, str]:
    """Make the challenger the champion; returns (old champion, new champion) as checkpoint versions.

    Args:
        expected: checkpoint version that the decision was about; another challenger is left alone.

    Raises:
        NoTrialError: there is no challenger, or it is not the expected one.
    """
    with _locked(root):
        served, trial = _trial(root, expected)
        publish(root, trial.version)
        _keep_previous(root, served.champion)
        return model_of(served.champion), model_of(trial.version)


def reject_challenger(root: Path, *, expected: str | None = None) -> tuple[str, str]:
    """End the trial with the champion alone; returns (champion, challenger). The rejection is noted first.

    Raises:
        NoTrialError: there is no challenger, or it is not the expected one.
    """
    with _locked(root):
        served, trial = _trial(root, expected)
        _note_rejection(root, model_of(trial.version))
        publish(root, served.champion)
        return model_of(served.champion), model_of(trial.version)


def restore_previous(root: Path) -> tuple[str, str]:
    """Serve the champion before this one again; returns (restored, rejected) as checkpoint versions.

    Raises:
        NoTrialError: no earlier champion is kept.
        ModelFormatError: it is of a format that is no longer read.
    """
    with _locked(root):
        served = channels(root)
        previous = previous_version(root)
        if served is None or previous is None or previous == served.champion:
            raise NoTrialError("There is neither a challenger nor an earlier champion to roll back to.")
        read_manifest(root / "versions" / previous)
        _note_rejection(root, model_of(served.champion))
        publish(root, previous)
        (root / "previous").unlink()
        return model_of(previous), model_of(served.champion)


def reject_model(root: Path, model: str) -> bool:
    """Note that a checkpoint must not be served; False when that was noted before."""
    with _locked(root):
        if model in rejected(root):
            return False
        _note_rejection(root, model)
        return True


def rejected(root: Path) -> set[str]:
    """Checkpoint versions that were rolled back."""
    path = root / _REJECTED
    return set(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else set()


def model_to_serve(root: Path, checkpoints: list[str]) -> str | None:
    """The newest checkpoint that was not rolled back; None when there is none."""
    out = rejected(root)
    return next((version for version in reversed(checkpoints) if version not in out), None)


def _trial(root: Path, expected: str | None) -> tuple[Channels, Challenger]:
    served = channels(root)
    if served is None or served.challenger is None:
        raise NoTrialError("There is no challenger on trial: a newly trained model becomes one (`train_job`).")
    if expected is not None and model_of(served.challenger.version) != expected:
        raise NoTrialError(f"The challenger is {model_of(served.challenger.version)} now, no longer {expected}.")
    return served, served.challenger


def _same_numbers(root: Path, champion: str, version: str) -> bool:
    """Whether every number that both versions know is the same user; either may know users that came later."""
    try:
        read_manifest(root / "versions" / champion)
    except ModelFormatError:
        return False
    before, after = (np.load(root / "versions" / name / "user_ids.npy", mmap_mode="r") for name in (champion, version))
    both = min(len(before), len(after))
    return np.array_equal(before[:both], after[:both])


def _note_rejection(root: Path, model: str) -> None:
    write_durably(root / _REJECTED, json_text.dumps(sorted(rejected(root) | {model})).encode())


def _keep_previous(root: Path, version: str) -> None:
    write_durably(root / "previous", version.encode())


def previous_version(root: Path) -> str | None:
    """The served version before the champion, which a rollback restores; None where none is kept."""
    path = root / "previous"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
