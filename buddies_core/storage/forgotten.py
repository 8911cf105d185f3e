"""Who asked to be forgotten, as keyed hashes: enough to leave them out when raw files are read again, and no more.

    <home>/forgotten.txt        one hash a line, in order of their values
    <home>/keys/forgotten       the key, made with the first of them; without it nobody can say whose a hash is

An id is text and hashed in lower case, since the same 40 hex digits may be written either way.
"""

import secrets
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import polars as pl
from upath import UPath

from buddies_core.errors import BuddiesError
from buddies_core.storage.durable import PRIVATE
from buddies_core.storage.files import home_path, write_atomically

_KEY_BYTES = 32


class ForgottenKeyError(BuddiesError):
    """The list of the forgotten without its key, so that nobody on it could be recognised."""


@dataclass(frozen=True)
class ForgottenIds:
    """The list of a home at the moment it was read.

    Attributes:
        root: the home.
        hashes: 40 hex digits each.
        key: 32 bytes; empty while nobody was forgotten.
    """

    root: UPath
    hashes: frozenset[str] = frozenset()
    key: bytes = field(default=b"", repr=False)

    @classmethod
    def at(cls, home: str) -> "ForgottenIds":
        """The list of a `BUDDIES_HOME`.

        Raises:
            ForgottenKeyError: there is a list, and its key is gone or damaged.
        """
        root = home_path(home)
        listed, key_file = root / "forgotten.txt", root / "keys" / "forgotten"
        if not listed.exists():
            return cls(root)
        try:
            key = bytes.fromhex(key_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise ForgottenKeyError(
                f"{key_file} is missing or damaged, and {listed} cannot be applied without it: restore it from a "
                "backup, or delete both and forget those users again."
            )
        return cls(root, frozenset(listed.read_text(encoding="ascii").split()), key)

    def __len__(self) -> int:
        return len(self.hashes)

    def __contains__(self, user_id: str) -> bool:
        return bool(self.hashes) and _hash(self.key, user_id) in self.hashes

    @property
    def digest(self) -> str:
        """What a reading depends on: changes with the list, empty while nobody is on it."""
        return blake2b("".join(sorted(self.hashes)).encode(), digest_size=8).hexdigest() if self.hashes else ""

    def mask(self, user_ids: pl.Series) -> pl.Series:
        """Whether each id, all text or null, is of somebody forgotten; each distinct id is hashed once."""
        if not self.hashes:
            return pl.Series(np.zeros(len(user_ids), bool))
        found = [name for name in user_ids.unique().to_list() if name is not None and name in self]
        return user_ids.is_in(pl.Series(found, dtype=pl.String).implode()).fill_null(value=False)

    def adding(self, user_id: str) -> "ForgottenIds":
        """The list with one more id, stored; the key comes first, so that no hash is ever without one."""
        key = self.key
        if not key:
            key = secrets.token_bytes(_KEY_BYTES)
            write_atomically(self.root / "keys" / "forgotten", key.hex().encode(), PRIVATE)
        hashes = self.hashes | {_hash(key, user_id)}
        write_atomically(self.root / "forgotten.txt", "".join(f"{one}\n" for one in sorted(hashes)).encode())
        return ForgottenIds(self.root, hashes, key)


def _hash(key: bytes, user_id: str) -> str:
    return blake2b(user_id.lower().encode(), key=key, digest_size=20).hexdigest()
