"""What a dataset is made of, as its manifest says: cache key, files with their digests, who made it and when."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from upath import UPath

from buddies_core import json_text
from buddies_core.errors import BuddiesError
from buddies_core.storage.files import digest


class DatasetNotFoundError(BuddiesError, LookupError):
    """A dataset that was asked for and is not stored."""


class DamagedDatasetError(DatasetNotFoundError):
    """A dataset whose files are not those that its manifest names: it must be materialised again."""


@dataclass(frozen=True)
class StoredFile:
    """One file of a dataset: its name in the cache key's folder, its rows (0 for arrays), bytes and content digest."""

    file: str
    rows: int
    bytes: int
    digest: str


@dataclass(frozen=True)
class CacheKey:
    """Everything that decides a dataset's content, apart from the entities themselves."""

    name: str
    code: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """16 hex digits; equal for equal cache keys on any machine."""
        return digest(json_text.dumps(asdict(self), sort_keys=True, default=str).encode())[:16]


_STORED_KEY = "recipe"
"""What the cache key is called in stored manifests, which homes of earlier versions have too."""


@dataclass(frozen=True)
class Manifest:
    """What a dataset holds, who made it and from what. `fingerprint` is a digest of the content alone."""

    name: str
    cache_key: str
    shards: list[StoredFile]
    parts: dict[str, StoredFile]
    columns: dict[str, str]
    rows: int
    bytes: int
    fingerprint: str
    created_at: str
    run_id: str
    inputs: dict[str, str]
    params: dict[str, Any]
    extra: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """Manifest from its JSON.

        Raises:
            DamagedDatasetError: the text is no manifest.
        """
        try:
            raw = json.loads(text)
            raw["cache_key"] = raw.pop(_STORED_KEY)
            raw["shards"] = [StoredFile(**shard) for shard in raw["shards"]]
            raw["parts"] = {name: StoredFile(**part) for name, part in raw["parts"].items()}
            return cls(**raw)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedDatasetError(
                f"A manifest cannot be read ({error}): materialise the asset of its folder again."
            ) from error

    def to_json(self) -> str:
        """Its JSON, which `parse` reads."""
        named = {_STORED_KEY if name == "cache_key" else name: value for name, value in asdict(self).items()}
        return json_text.dumps(named, indent=1)


def is_whole(folder: UPath, stored: StoredFile) -> bool:
    """Whether a file is there with the size and the digest that its record names."""
    path = folder / stored.file
    return path.exists() and path.stat().st_size == stored.bytes and digest(path.read_bytes()) == stored.digest
