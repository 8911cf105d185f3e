"""The stored versions of a home, and any two of them compared by its hidden plays; each pair is compared once."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import msgspec

from buddies_core.artifact.errors import NoServedModelError
from buddies_core.artifact.store import read_channels, read_manifest, versions
from buddies_core.comparison.compared import Compared, NothingToCompareError
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

KEPT = 32
"""Pairs that are remembered."""


class StoredVersionInfo(msgspec.Struct, frozen=True):
    """A stored version: when it was made, by which run, and what it is to listeners now."""

    version: str
    created_at: str
    run_id: str | None
    model: str
    role: str


@dataclass(frozen=True)
class Pair:
    """Two versions, the one that is measured against first."""

    first: str
    second: str


class Comparisons:
    """Comparisons of a home's versions; threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.local_home / "served_model"
        self._store = DatasetStore.at(settings.home)
        self._found: dict[tuple[str, str, str], list[Compared]] = {}
        self._lock = Lock()

    def stored(self) -> list[StoredVersionInfo]:
        """Versions that are on the disk, the newest first."""
        roles = self._roles()
        found = []
        for name in versions(self._root):
            manifest = read_manifest(self._root / "versions" / name)
            role = roles.get(name, "")
            found.append(StoredVersionInfo(name, manifest.created_at, manifest.run_id, manifest.model_version, role))
        return sorted(found, key=lambda one: (one.created_at, one.version), reverse=True)

    def usual(self) -> Pair | None:
        """Champion and challenger; else what the champion followed and it, or the two newest; None of fewer."""
        names = [one.version for one in self.stored()]
        by_role = {role: name for name, role in self._roles().items() if name in names}
        for first, second in (("champion", "challenger"), ("previous", "champion")):
            if first in by_role and second in by_role:
                return Pair(by_role[first], by_role[second])
        return Pair(names[1], names[0]) if len(names) > 1 else None

    def of(self, pair: Pair) -> list[Compared]:
        """The second version against the first, by segment.

        Raises:
            NoServedModelError: a version is not stored.
            NothingToCompareError: no plays are hidden, or nobody can be judged by them.
        """
        there = versions(self._root)
        for name in (pair.first, pair.second):
            if name not in there:
                raise NoServedModelError(f"No version {name!r} is stored. There are: {', '.join(there) or 'none'}.")
        if not self._store.has("hidden_plays"):
            raise NothingToCompareError("There is no hidden_plays to judge by: run `buddies run`, which makes it.")
        hidden = self._store.open("hidden_plays")
        key = (pair.first, pair.second, hidden.fingerprint)
        with self._lock:
            from buddies_core.comparison.versions import compare_versions  # numba: not before somebody compares

            if key not in self._found:
                plays = hidden.frame(["user_id", "song_id"])
                self._found[key] = compare_versions(self._root, pair.first, pair.second, plays)
                while len(self._found) > KEPT:
                    self._found.pop(next(iter(self._found)))
            return self._found[key]

    def _roles(self) -> dict[str, str]:
        """`champion`, `challenger` and `previous` by version."""
        try:
            channels = read_channels(self._root)
        except NoServedModelError:
            return {}
        previous = _text(self._root / "previous")
        roles = {previous: "previous"} if previous else {}
        if channels.challenger is not None:
            roles[channels.challenger.version] = "challenger"
        return roles | {channels.champion: "champion"}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
