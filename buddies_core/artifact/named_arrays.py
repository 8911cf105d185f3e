"""An artifact of whatever arrays a model or a list declares: versions beside each other, the current one named last.

    <root>/versions/<version>/manifest.json, <array>.npy …
    <root>/current.json

Arrays are `.npy` files, memory-mapped when read and never pickled. A version's folder is written beside its name and
moved into place; `current.json` is replaced when everything else is on the disk, so a reader sees one whole version.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from buddies_core import json_text
from buddies_core.artifact.errors import DamagedModelError, NoServedModelError, ServedModelError
from buddies_core.storage.durable import publishing, synced, write_durably

FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_KEPT = 3


@dataclass(frozen=True, slots=True)
class Artifact:
    """One version: what it says of itself, and its arrays by name, read-only."""

    version: str
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]


def check_name(name: str) -> str:
    """The name itself, when it may be that of an artifact.

    Raises:
        ServedModelError: it is empty, too long, or holds anything but letters, digits, `.`, `_` and `-`.
    """
    if not _NAME.fullmatch(name):
        raise ServedModelError(f"the name {name!r} is unusable; use up to 64 of letters, digits, '.', '_' and '-'")
    return name


def write_artifact(root: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> str:
    """Store a version and make it the current one; the newest three are kept.

    Returns:
        Its name, a digest of the content: the same arrays and facts are the same version.
    """
    named = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    for name, array in named.items():
        if array.dtype.hasobject:
            raise ServedModelError(f"the array {name!r} holds objects; store numbers, or packed text")
    version = _version_of(facts, named)
    folder = root / "versions" / version
    if not (folder / "manifest.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        with publishing(folder) as partial:
            listed: dict[str, dict[str, Any]] = {}
            for place, (name, array) in enumerate(named.items()):
                file = f"{place:03d}.npy"
                listed[name] = {"file": file, "dtype": array.dtype.str, "shape": list(array.shape)}
                with synced(partial / file) as stream:
                    np.save(stream, array, allow_pickle=False)
            write_durably(partial / "manifest.json", _text({"format": FORMAT, "facts": dict(facts), "arrays": listed}))
    since = datetime.now(UTC).isoformat(timespec="seconds")
    write_durably(root / "current.json", _text({"version": version, "since": since}))
    _forget_old(root, version)
    return version


def read_artifact(root: Path) -> Artifact:
    """The current version, memory-mapped.

    Raises:
        NoServedModelError: nothing was stored yet.
        ServedModelError: a file is damaged, missing, or of another format.
    """
    current = root / "current.json"
    if not current.is_file():
        raise NoServedModelError(
            f"{current} does not exist: nothing is published under this name yet. `buddies run --system NAME` "
            "publishes what a system serves, `buddies fit FILE` a model of your own."
        )
    try:
        version = check_name(json.loads(current.read_bytes())["version"])
        facts, arrays = _read(root / "versions" / version)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServedModelError(f"{root} cannot be read: {error}; fit it again") from error
    return Artifact(version, facts, arrays)


def verify_artifact(folder: Path, version: str) -> None:
    """Raises DamagedModelError unless a folder holds what was stored as `version`; reads it whole."""
    try:
        facts, arrays = _read(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedModelError(f"{folder} cannot be read: {error}; fit it again") from error
    if _version_of(facts, {name: arrays[name] for name in sorted(arrays)}) != version:
        raise DamagedModelError(f"{folder} was changed after it was written; fit it again")


def _version_of(facts: Mapping[str, Any], named: Mapping[str, np.ndarray]) -> str:
    """The name of a version, a digest of its facts and of its arrays in order of name."""
    digest = hashlib.blake2b(json_text.dumps(facts, sort_keys=True).encode(), digest_size=8)
    for name, array in named.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return f"v-{digest.hexdigest()}"


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    if manifest["format"] != FORMAT:
        raise ServedModelError(f"{folder} is of format {manifest['format']}, this program reads {FORMAT}; fit again")
    return manifest["facts"], {name: _mapped(folder, name, entry) for name, entry in manifest["arrays"].items()}


def _mapped(folder: Path, name: str, entry: Mapping[str, Any]) -> np.ndarray:
    path = folder / Path(entry["file"]).name
    size = int(np.prod(entry["shape"], dtype=np.int64))
    array = np.load(path, mmap_mode="r" if size else None, allow_pickle=False)
    if array.dtype.str != entry["dtype"] or list(array.shape) != entry["shape"]:
        raise ServedModelError(f"{path}: {name} is {array.dtype} {array.shape}, the manifest says otherwise; fit again")
    return array


def _forget_old(root: Path, current: str) -> None:
    """Remove all but the newest versions; a service that still maps one keeps its files until it lets go."""
    others = sorted(
        (path for path in (root / "versions").glob("v-*") if path.name != current),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for path in others[_KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


def _text(content: Mapping[str, Any]) -> bytes:
    return json_text.dumps(content, sort_keys=True).encode()
