"""Versioned store of trained models.

Layout: `<root>/<version>/{factors.safetensors, config.json, metrics.json, lineage.json, manifest.json}`, version a
six-digit number. The manifest holds a digest of each other file and is written last: a version without one does not
exist, so a run that dies while saving leaves nothing that could be served. No pickles. `root` is a `Path` or any
`UPath` (object storage).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from buddies_core import json_text
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.errors import CheckpointDamagedError, CheckpointNotFoundError
from buddies_core.storage.files import write_atomically

if TYPE_CHECKING:
    from upath import UPath

    from buddies_core.recommenders.factors import Factors

Folder = Union[Path, "UPath"]
"""A folder of this machine or of an object store."""

_FACTORS, _CONFIG, _METRICS, _LINEAGE, _MANIFEST = (
    "factors.safetensors",
    "config.json",
    "metrics.json",
    "lineage.json",
    "manifest.json",
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One stored model, without its factors (see `CheckpointStore.factors`).

    `metrics` is flat (name to number). `lineage` holds the datasets' fingerprints, the run id, the git revision, the
    feedback watermark and whatever else says where the model comes from.
    """

    version: str
    path: "Folder"
    config: TrainingConfig
    metrics: dict[str, float]
    lineage: dict[str, Any]


class CheckpointStore:
    """Models under one root, oldest first; a version is never changed once it is there."""

    def __init__(self, root: "Folder"):
        self.root = root

    @classmethod
    def at(cls, home: str) -> "CheckpointStore":
        """The store of a `BUDDIES_HOME`."""
        from buddies_core.storage.files import home_path

        return cls(home_path(home) / "checkpoints")

    def versions(self) -> list[str]:
        """Complete versions, oldest first."""
        if not self.root.exists():
            return []
        return sorted(p.name for p in self.root.iterdir() if p.name.isdigit() and (p / _MANIFEST).exists())

    def latest(self) -> Checkpoint:
        """The newest complete version.

        Raises:
            CheckpointNotFoundError: There is none yet.
        """
        versions = self.versions()
        if not versions:
            raise CheckpointNotFoundError(root=str(self.root), version=None)
        return self.load(versions[-1])

    def load(self, version: str) -> Checkpoint:
        """One version's description.

        Raises:
            CheckpointNotFoundError: There is no such version.
            CheckpointDamagedError: A file is not what the manifest says.
        """
        folder = self.root / version
        if not (folder / _MANIFEST).exists():
            raise CheckpointNotFoundError(root=str(self.root), version=version)
        config = TrainingConfig.model_validate_json(_checked(folder, _CONFIG))
        return Checkpoint(
            version, folder, config, json.loads(_checked(folder, _METRICS)), json.loads(_checked(folder, _LINEAGE))
        )

    def factors(self, version: str) -> "Factors":
        """Factors of a version, read and checked against the manifest.

        Raises:
            CheckpointNotFoundError: There is no such version.
            CheckpointDamagedError: The file is missing or was changed.
        """
        from safetensors.numpy import load

        from buddies_core.recommenders.factors import Factors

        if not (self.root / version / _MANIFEST).exists():
            raise CheckpointNotFoundError(root=str(self.root), version=version)
        tensors = load(_checked(self.root / version, _FACTORS))
        return Factors(tensors["users"], tensors["playlists"])

    def save(
        self, factors: "Factors", config: TrainingConfig, *, metrics: Mapping[str, float], lineage: Mapping[str, Any]
    ) -> Checkpoint:
        """Store a model as the next version."""
        from safetensors.numpy import save

        folder = self._next()
        files = {
            _FACTORS: save({"users": factors.users, "playlists": factors.playlists}),
            _CONFIG: _json(config.model_dump(mode="json")),
            _METRICS: _json(dict(metrics)),
            _LINEAGE: _json(dict(lineage)),
        }
        for name, content in files.items():
            write_atomically(folder / name, content)
        manifest = {name: {"sha256": _digest(content), "bytes": len(content)} for name, content in files.items()}
        write_atomically(folder / _MANIFEST, _json(manifest))
        return self.load(folder.name)

    def _next(self) -> "Folder":
        """A folder of this call's own: reserving the number is what makes it so, also between processes."""
        taken = [int(p.name) for p in self.root.iterdir() if p.name.isdigit()] if self.root.exists() else []
        number = max(taken, default=0) + 1
        while not _reserve(self.root / f"{number:06d}"):
            number += 1
        return self.root / f"{number:06d}"


def _reserve(folder: "Folder") -> bool:
    """Make the folder, unless it is there. An object store has no folders: there, a first object makes it."""
    try:
        if isinstance(folder, Path):
            folder.mkdir(parents=True)
        else:
            folder.fs.makedirs(folder.parent.path, exist_ok=True)
            folder.fs.pipe_file((folder / "reserved").path, b"", mode="create")
    except FileExistsError:
        return False
    return True


def _checked(folder: "Folder", name: str) -> bytes:
    manifest = json.loads((folder / _MANIFEST).read_bytes())
    path = folder / name
    if not path.exists():
        raise CheckpointDamagedError(path=str(path), problem="the file is missing")
    content = path.read_bytes()
    if _digest(content) != manifest[name]["sha256"]:
        raise CheckpointDamagedError(path=str(path), problem="the content differs from the manifest's digest")
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value: Any) -> bytes:
    return json_text.dumps(value, indent=2, sort_keys=True).encode()
