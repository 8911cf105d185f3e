"""Versioned store of served models: a folder that the pipeline writes and the service watches.

    served_model/
      versions/<version>/manifest.json, <array>.npy ...
      current.json        {"format", "champion": {"version"}, "challenger": {"version", "share"} | null}

A version is written beside its final place, synced and renamed, and `current.json` is replaced in one step, so a
reader sees a whole model or the one before it, never half of one.
"""

import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from buddies_core.artifact.errors import ModelFormatError, NoServedModelError, ServedModelError
from buddies_core.artifact.format import ARRAYS, FORMAT, READ, Manifest, check_shapes, check_values
from buddies_core.artifact.fragments import contract_fragments

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
    partial = root / "versions" / f".{version}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, array in prepared.items():
        with (partial / f"{name}.npy").open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    _write_synced(partial / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    partial.rename(target)
    _sync_folder(target.parent)
    return target


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
    partial = root / f".{CURRENT}.{os.getpid()}.partial"
    _write_synced(partial, msgspec.json.encode(channels))
    partial.replace(root / CURRENT)
    _sync_folder(root)
    return channels


def read_channels(root: Path) -> Channels:
    """What is published; raises NoServedModelError when nothing is."""
    path = root / CURRENT
    if not path.is_file():
        raise NoServedModelError(f"{path} does not exist; materialise the asset served_model (or run `make run`) first")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Channels)
    except msgspec.DecodeError as error:
        raise ServedModelError(f"{path} cannot be read: {error}; publish a version again") from error


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version's folder; raises ModelFormatError when this program does not read its format."""
    path = folder / MANIFEST
    if not path.is_file():
        raise NoServedModelError(f"{path} does not exist; the version was never written in full")
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:
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


def _check_version_name(version: str) -> None:
    if not version or len(version) > 64 or version[0] == "." or not VERSION_CHARACTERS.issuperset(version):
        raise ServedModelError(f"version name {version!r} is unusable; use up to 64 of letters, digits, '.', '_', '-'")


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
