"""API keys: a file of hashes, scopes and expiry, read again whenever it changes, so that keys rotate without a restart.

    {"keys": [{"id": "web", "sha256": "…", "scopes": ["recommend", "feedback"], "expires": null, "rate": null}]}

A key is 32 random bytes, so a plain SHA-256 is enough: there is no dictionary to try. Rotation is two entries that
overlap in time.
"""

import hashlib
import logging
import secrets
import stat
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from buddies_core.storage.durable import PRIVATE, write_durably
from buddies_serving.errors import KeyFileError, UnsafeBindError
from buddies_serving.settings import ServingSettings

logger = logging.getLogger(__name__)
Scope = Literal["recommend", "feedback", "admin"]


class KeyEntry(msgspec.Struct, frozen=True):
    """One key; `expires` ISO 8601, in UTC unless it says otherwise, `rate` requests a second, not the general limit."""

    id: str
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...]
    expires: datetime | None = None
    rate: Annotated[float, Meta(gt=0)] | None = None

    def is_valid(self, now: float) -> bool:
        """Whether the key has not expired."""
        if self.expires is None:
            return True
        expires = self.expires if self.expires.tzinfo is not None else self.expires.replace(tzinfo=UTC)
        return expires.timestamp() > now


class KeyFile(msgspec.Struct):
    """The content of the file."""

    keys: list[KeyEntry] = []


class Keys:
    """The keys in force. `entry` is a dictionary look-up by hash, which tells an attacker nothing by its timing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._failed = 0
        self._entries: dict[str, KeyEntry] = {}
        self.trouble: str | None = None
        self._read()

    def __len__(self) -> int:
        return len(self._entries)

    def refresh(self) -> None:
        """Reads the file again if it changed.

        A missing file leaves no key in force. A broken one is given a second look before it does: an editor may be in
        the middle of writing it.
        """
        try:
            self._read()
        except KeyFileError as error:
            self._failed += 1
            self._seen = None
            if self._failed > 1 or not self._path.exists():
                self._entries = {}
            if str(error) != self.trouble:
                logger.error("API keys cannot be read", extra={"reason": str(error)})
            self.trouble = str(error)
        else:
            self._failed = 0
            self.trouble = None if self._entries else f"{self._path} holds no key"

    def _read(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if stamp == self._seen:
                return
        except OSError as error:
            raise KeyFileError(f"{self._path} cannot be read: {error.strerror}") from error
        self._entries = {entry.sha256: entry for entry in read_key_file(self._path).keys}
        self._seen = stamp

    def rates(self) -> dict[str, float | None]:
        """The rate of each key by its id; None where the general limit counts."""
        return {entry.id: entry.rate for entry in self._entries.values()}

    def entry(self, key: bytes) -> KeyEntry | None:
        """The entry of a key that is known and has not expired."""
        found = self._entries.get(hashlib.sha256(key).hexdigest())
        return found if found is not None and found.is_valid(time.time()) else None


def read_key_file(path: Path) -> KeyFile:
    """The content of a key file; raises KeyFileError when there is none or it is not such a file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeyFile)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path} cannot be read as a file of API keys: {error}") from error


def new_key(path: Path, identity: str, scopes: Sequence[Scope], *, days: int | None, rate: float | None = None) -> str:
    """Adds a key to the file and returns it; this is the only time it can be seen."""
    content = read_key_file(path) if path.exists() else KeyFile()
    key = f"sb_{secrets.token_urlsafe(32)}"
    expires = datetime.now(UTC) + timedelta(days=days) if days is not None else None
    digest = hashlib.sha256(key.encode()).hexdigest()
    content.keys.append(KeyEntry(identity, digest, tuple(scopes), expires, rate))
    _write(path, content)
    return key


def revoke_key(path: Path, identity: str) -> int:
    """Takes the keys of a name out of the file; returns how many there were. A running service follows at once."""
    content = read_key_file(path)
    kept = [entry for entry in content.keys if entry.id != identity]
    revoked = len(content.keys) - len(kept)
    if revoked:
        _write(path, KeyFile(kept))
    return revoked


def _write(path: Path, content: KeyFile) -> None:
    # whoever may read the file that is there may read the new one: a container of another user, say
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else PRIVATE
    write_durably(path, msgspec.json.format(msgspec.json.encode(content), indent=2), mode)


def keys_for(settings: ServingSettings) -> Keys | None:
    """The keys to ask for, None on loopback without a file; raises UnsafeBindError where that would be reckless."""
    if settings.api_keys_file is not None:
        try:
            keys = Keys(settings.api_keys_file)
        except KeyFileError as error:
            raise UnsafeBindError(f"{error}; make a key with `python -m buddies_serving new-key`") from error
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
