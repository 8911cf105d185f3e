"""API keys: a file of hashes, scopes and expiry, read again whenever it changes, so that keys rotate without a restart.

    {"keys": [{"id": "web", "sha256": "…", "scopes": ["recommend", "feedback"], "expires": null, "rate": null}]}

A key is 32 random bytes, so a plain SHA-256 is enough: there is no dictionary to try. Rotation is two entries that
overlap in time.
"""

import hashlib
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from buddies_serving.errors import UnsafeBindError
from buddies_serving.settings import ServingSettings

Scope = Literal["recommend", "feedback", "admin"]


class KeyEntry(msgspec.Struct, frozen=True):
    """One key; `expires` ISO 8601 in UTC, `rate` requests a second instead of the general limit."""

    id: str
    sha256: str
    scopes: tuple[Scope, ...]
    expires: datetime | None = None
    rate: float | None = None

    def is_valid(self, now: float) -> bool:
        """Whether the key has not expired."""
        return self.expires is None or self.expires.timestamp() > now


class KeyFile(msgspec.Struct):
    """The content of the file."""

    keys: list[KeyEntry] = []


class Keys:
    """The keys in force. `entry` is a dictionary look-up by hash, which tells an attacker nothing by its timing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0
        self._entries: dict[str, KeyEntry] = {}
        self.load()

    def __len__(self) -> int:
        return len(self._entries)

    def load(self) -> None:
        """Reads the file if it changed; raises UnsafeBindError when it cannot be read or is not such a file."""
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp == self._seen:
                return
            content = msgspec.json.decode(self._path.read_bytes(), type=KeyFile)
        except (OSError, msgspec.DecodeError) as error:
            raise UnsafeBindError(
                f"API keys cannot be read from {self._path}: {error}; make one with `python -m buddies_serving new-key`"
            ) from error
        self._seen = stamp
        self._entries = {entry.sha256: entry for entry in content.keys}

    def entry(self, key: bytes) -> KeyEntry | None:
        """The entry of a key that is known and has not expired."""
        found = self._entries.get(hashlib.sha256(key).hexdigest())
        return found if found is not None and found.is_valid(time.time()) else None


def new_key(path: Path, identity: str, scopes: Sequence[Scope], *, days: int | None, rate: float | None = None) -> str:
    """Adds a key to the file and returns it; this is the only time it can be seen."""
    content = msgspec.json.decode(path.read_bytes(), type=KeyFile) if path.exists() else KeyFile()
    key = f"sb_{secrets.token_urlsafe(32)}"
    expires = datetime.now(UTC) + timedelta(days=days) if days is not None else None
    digest = hashlib.sha256(key.encode()).hexdigest()
    content.keys.append(KeyEntry(identity, digest, tuple(scopes), expires, rate))
    partial = path.with_suffix(".partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.touch(0o600)
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2))
    partial.replace(path)
    return key


def keys_for(settings: ServingSettings) -> Keys | None:
    """The keys to ask for, None on loopback without a file; raises UnsafeBindError where that would be reckless."""
    if settings.api_keys_file is not None:
        keys = Keys(settings.api_keys_file)
        if not keys:
            raise UnsafeBindError(
                f"{settings.api_keys_file} holds no key; make one with `python -m buddies_serving new-key`"
            )
        return keys
    if not settings.is_loopback:
        raise UnsafeBindError(
            f"BUDDIES_HOST={settings.host} is reachable by others and no API keys are set. Make one with "
            "`python -m buddies_serving new-key --file keys.json` and set BUDDIES_API_KEYS_FILE=keys.json, "
            "or listen on 127.0.0.1."
        )
    return None
