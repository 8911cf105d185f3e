"""Versioned store of served models: a folder that the pipeline writes and the service watches.

    served_model/
      versions/<version>/manifest.json, <array>.npy ...
      current.json        {"format", "champion": {"version"}, "challenger": {"version", "share"} | null}

A version is written beside its final place, synced and renamed, and `current.json` is replaced in one step, so a
reader sees a whole model or the one before it, never half of one. The manifest holds a digest of every file and of
itself: what a disk or a hand changed later is found by `verify` before it is served.
"""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from buddies_core.artifact.errors import (
    DamagedModelError,
    ModelFormatError,
    NoServedModelError,
    ServedModelError,
)
from buddies_core.artifact.format import ARRAYS, FORMAT, READ, WITHOUT_DIGESTS, Manifest, check_shapes, check_values
from buddies_core.artifact.fragments import contract_fragments
from buddies_core.storage.durable import abandoned, publishing, synced, write_durably

MANIFEST = "manifest.json"
CURRENT = "current.json"
VERSION_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class Challenger(msgspec.Struct, frozen=True):
    """The version on trial and the share of users, in [0, 1], who are given it."""

    version: str
    share: float


class Channels(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions are served: the champion, and optionally a challenger for a share of the users."""

    format: int = 1
    champion: str
    challenger: Challenger | None = None
    since: str = ""
    digest: str = ""


def write_version(root: Path, version: str, arrays: Mapping[str, np.ndarray], **about: Any) -> Path:
    """The folder of a newly written version.

    `arrays` holds the required arrays of `model_format.ARRAYS` (text columns from `texts.pack_texts`); byte order and
    integer width are adapted when no value is lost. `about` fills the manifest: `run_id`, `model_version`, `metrics`,
    `data_fingerprint`, `song_key_scheme`, `extra`. Raises ArrayMismatchError when the content breaks
    the format and ServedModelError when the version exists or its name is unusable. Nothing is published by this.
    """
    _check_version_name(version)
    target = root / "versions" / version
    if target.exists():
        raise ServedModelError(f"version {version} exists at {target}; versions are never overwritten, choose another")
    prepared = {name: _as_stored(name, array) for name, array in arrays.items()}
    lengths = check_shapes(prepared)
    check_values(prepared, lengths)
    prepared |= contract_fragments(prepared)
    lengths = check_shapes(prepared)
    manifest = Manifest(
        format=FORMAT,
        version=version,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        model_version=str(about.pop("model_version", version)),
        counts=lengths,
        arrays={name: (array.dtype.str, array.shape) for name, array in prepared.items()},
        **about,
    )
    clear_partial(root)
    with publishing(target) as partial:
        digests = {name: _write_array(partial / f"{name}.npy", array) for name, array in prepared.items()}
        manifest = sealed(msgspec.structs.replace(manifest, digests=digests))
        write_durably(partial / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    return target


def clear_partial(root: Path) -> list[str]:
    """Removes what writers left behind that are no more; the names of what was removed."""
    removed = []
    for path in [*abandoned(root / "versions"), *abandoned(root)]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        removed.append(path.name)
    return removed


def verify(folder: Path, version: str | None = None) -> Manifest:
    """The manifest of a version all of whose files are as they were written; reads them whole, at the disk's speed.

    `version` is what it must be the manifest of, the folder's name if not given. Raises DamagedModelError naming the
    first file that is not.
    """
    manifest = read_manifest(folder)
    if manifest.format == WITHOUT_DIGESTS and not manifest.digest:
        _check_content(folder, manifest)
        return manifest
    if sealed(manifest).digest != manifest.digest:
        raise DamagedModelError(f"{folder / MANIFEST} was changed after it was written; publish another version")
    if manifest.version != (version or folder.name):
        raise DamagedModelError(f"{folder / MANIFEST} is that of version {manifest.version!r}")
    for name in manifest.arrays:
        path = folder / f"{name}.npy"
        if name not in manifest.digests or _digest_of(path) != manifest.digests[name]:
            raise DamagedModelError(f"{path} was changed after it was written; publish another version")
    return manifest


def _check_content(folder: Path, manifest: Manifest) -> None:
    try:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in manifest.arrays}
        check_values(arrays, check_shapes(arrays))
    except (OSError, ValueError) as error:
        raise DamagedModelError(f"{folder} cannot be served: {error}") from error


def sealed(manifest: Manifest) -> Manifest:
    """The manifest with the digest of its own content."""
    content = msgspec.json.encode(msgspec.structs.replace(manifest, digest=""), order="deterministic")
    return msgspec.structs.replace(manifest, digest=blake2b(content, digest_size=16).hexdigest())


def publish(root: Path, version: str, *, challenger: Challenger | None = None) -> Channels:
    """Makes `version` the champion, with `challenger` (None: no trial) beside it. Both must have been written."""
    for name in (version, challenger.version if challenger else version):
        _check_version_name(name)
        if not (root / "versions" / name / MANIFEST).is_file():
            raise NoServedModelError(f"version {name} is not under {root / 'versions'}; write it before publishing it")
    if challenger is not None and not 0.0 <= challenger.share <= 1.0:
        raise ServedModelError(f"the challenger's share is {challenger.share}; it must be within 0 and 1")
    since = datetime.now(UTC).isoformat(timespec="seconds")
    channels = Channels(champion=version, challenger=challenger, since=since)
    channels = msgspec.structs.replace(channels, digest=_seal(channels))
    write_durably(root / CURRENT, msgspec.json.encode(channels))
    return channels


def read_channels(root: Path) -> Channels:
    """What is published; raises NoServedModelError when nothing is."""
    path = root / CURRENT
    if not path.is_file():
        raise NoServedModelError(f"{path} does not exist; materialise the asset served_model (or run `make run`) first")
    try:
        channels = msgspec.json.decode(path.read_bytes(), type=Channels)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServedModelError(f"{path} cannot be read: {error}; publish a version again") from error
    trial = channels.challenger
    for version in (channels.champion, trial.version if trial else channels.champion):
        if not is_version_name(version):
            raise DamagedModelError(f"{path} names {version!r}, which is no version; publish a version again")
    if trial is not None and not 0.0 <= trial.share <= 1.0:
        raise DamagedModelError(f"{path}: the challenger's share is {trial.share}; publish a version again")
    if channels.digest and channels.digest != _seal(channels):
        raise DamagedModelError(f"{path} was changed after it was written; publish a version again")
    return channels


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version's folder; raises ModelFormatError when this program does not read its format."""
    path = folder / MANIFEST
    if not path.is_file():
        raise NoServedModelError(f"{path} does not exist; the version was never written in full")
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServedModelError(f"{path} cannot be read: {error}") from error
    if manifest.format not in READ:
        raise ModelFormatError(
            f"{path} is of format {manifest.format}, this program reads {FORMAT}; "
            "materialise the asset served_model again"
        )
    return manifest


def versions(root: Path) -> list[str]:
    """All versions written in full, in order of name."""
    return sorted(path.parent.name for path in (root / "versions").glob(f"*/{MANIFEST}") if path.parent.name[0] != ".")


def _as_stored(name: str, array: np.ndarray) -> np.ndarray:
    spec = ARRAYS.get(name)
    array = np.ascontiguousarray(array)
    if spec is None or array.dtype.str == spec.dtype:
        return array
    wanted = np.dtype(spec.dtype)
    if wanted.kind not in "iuf" or array.dtype.kind not in "iufb":
        return array
    stored = array.astype(wanted)
    kept = np.array_equal(stored, array) if wanted.kind in "iu" else True
    return stored if kept else array


def is_version_name(version: str) -> bool:
    """Whether a text can name a version: it stands in paths, headers and ids."""
    return 0 < len(version) <= 64 and version[0] != "." and VERSION_CHARACTERS.issuperset(version)


def _check_version_name(version: str) -> None:
    if not is_version_name(version):
        raise ServedModelError(f"version name {version!r} is unusable; use up to 64 of letters, digits, '.', '_', '-'")


def _seal(channels: Channels) -> str:
    content = msgspec.json.encode(msgspec.structs.replace(channels, digest=""), order="deterministic")
    return blake2b(content, digest_size=16).hexdigest()


def _write_array(path: Path, array: np.ndarray) -> str:
    """The digest of the file, worked out from what is written rather than from what is read back."""
    with synced(path) as file:
        digest = _Digesting(file)
        np.lib.format.write_array(digest, array, allow_pickle=False)
    return digest.hexdigest()


class _Digesting:
    """A file that is written to, with the digest of all that was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = blake2b(digest_size=16)

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._file.write(data)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _digest_of(path: Path) -> str:
    try:
        with path.open("rb", buffering=0) as file:
            return file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise DamagedModelError(f"{path} cannot be read: {error.strerror}; publish another version") from error
