"""Recommendation ids: `<arm>.<signature><showing>.<model version>`, signed with a key that only the service knows.

The signature covers arm, version, showing, user and the list as shown, so feedback that carries an id can be checked,
and the shown order recovered, after a restart or a change of model and without a store on the server. Nobody can make
one up: what is counted for a version or an arm in a trial was served by it. The showing is random: a list that is shown
again has another id, so that a second answer can be told from a replay.
"""

import os
import secrets
import string
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import Any

import msgspec

from buddies_core.artifact.store import is_version_name
from buddies_core.storage.durable import PRIVATE, write_first
from buddies_serving.errors import SigningKeyError

ARMS = {"champion": "a", "challenger": "b", "several": "m"}
_ARM_OF = {letter: arm for arm, letter in ARMS.items()}
_SIGNATURE_LENGTH, _SHOWING_BYTES, _KEY_BYTES = 16, 6, 32
_MOST_KEYS = 4
_LENGTH = _SIGNATURE_LENGTH + 2 * _SHOWING_BYTES
_HEX = frozenset(string.hexdigits.lower())


class RecommendationId(msgspec.Struct, frozen=True):
    """The parts of a recommendation id; of one user's list (`arm` champion or challenger) or of `several`."""

    arm: str
    signature: str
    showing: str
    version: str


class RecommendationIds:
    """Makes ids with the first of its keys, of 32 bytes each, and takes those of any: keys rotate one by one."""

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys
        self._begun = lru_cache(maxsize=64)(self._begin)

    def for_list(self, arm: str, version: str, user: int, pids: list[int]) -> str:
        """The id of one user's list, in the order shown."""
        return self.for_fragment(arm, version, _rendered(user, pids))

    def for_fragment(self, arm: str, version: str, fragment: bytes | memoryview) -> str:
        """`for_list` from the rendered JSON of the user and the list."""
        showing = os.urandom(_SHOWING_BYTES).hex()
        return f"{ARMS[arm]}.{self._sign(self._keys[0], arm, version, showing, fragment)}{showing}.{version}"

    def for_many(self, version: str) -> str:
        """The id of an answer to several users. It proves the version; the lists are not checked."""
        return self.for_fragment("several", version, b"")

    def parse(self, text: str) -> RecommendationId | None:
        """The parts of an id, or None if it is not one; that of an answer to several is checked here already."""
        letter, _, rest = text.partition(".")
        middle, _, version = rest.partition(".")
        arm = _ARM_OF.get(letter)
        if arm is None or len(middle) != _LENGTH or not _HEX.issuperset(middle) or not is_version_name(version):
            return None
        parts = RecommendationId(arm, middle[:_SIGNATURE_LENGTH], middle[_SIGNATURE_LENGTH:], version)
        return None if arm == "several" and not self._is_signed(parts, b"") else parts

    def shown_order(self, parts: RecommendationId, user: int, liked: int, others: list[int]) -> list[int] | None:
        """The list as it was shown, or None if the id was not given out for this user and these playlists.

        `others` keeps its order, so the like can only have stood before, between or after them.
        """
        for place in range(len(others) + 1):
            shown = [*others[:place], liked, *others[place:]]
            if self._is_signed(parts, _rendered(user, shown)):
                return shown
        return None

    def _is_signed(self, parts: RecommendationId, content: bytes) -> bool:
        signed = (self._sign(key, parts.arm, parts.version, parts.showing, content) for key in self._keys)
        return any(compare_digest(signature, parts.signature) for signature in signed)

    def _sign(self, key: bytes, arm: str, version: str, showing: str, content: bytes | memoryview) -> str:
        begun = self._begun(key, arm, version).copy()
        begun.update(showing.encode())
        begun.update(content)
        return begun.hexdigest()

    def _begin(self, key: bytes, arm: str, version: str) -> Any:
        of_arm = blake2b(f"{arm}.{version}".encode(), key=key, digest_size=32).digest()
        return blake2b(key=of_arm, digest_size=_SIGNATURE_LENGTH // 2)


def signing_keys(path: Path) -> tuple[bytes, ...]:
    """The keys in a file, a line each, of which the first signs; made at the first start, readable by its owner alone.

    Raises SigningKeyError when it cannot be read or made, or holds no such key: another one would call all ids forged.
    """
    try:
        if not path.exists():
            # of two services that start at once the first one's key stays
            write_first(path, secrets.token_hex(_KEY_BYTES).encode(), PRIVATE)
        keys = tuple(bytes.fromhex(line) for line in path.read_text(encoding="ascii").split())
    except (OSError, ValueError) as error:
        raise SigningKeyError(
            f"{path} cannot be used as the key that signs recommendations: {error}; remove it to have a new one made"
        ) from error
    if not 0 < len(keys) <= _MOST_KEYS:
        raise SigningKeyError(f"{path} holds {len(keys)} keys; it needs 1 to {_MOST_KEYS}, a line each")
    for key in keys:
        if len(key) != _KEY_BYTES:
            raise SigningKeyError(f"{path} holds {len(key)} bytes, a key has {_KEY_BYTES}; remove it to have one made")
    return keys


def _rendered(user: int, pids: list[int]) -> bytes:
    listed = ",".join(map(str, pids))
    return f'{{"user_id":{user},"playlists":[{listed}]}}'.encode()
