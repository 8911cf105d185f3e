"""Recommendation ids: `<arm>.<digest><showing>.<model version>`; the digest covers the user and the list as shown.

The showing is random: a list that is shown again has another id, so that a second answer can be told from a replay.

The id describes itself, so feedback that carries one can be checked, and the shown order recovered, after a restart or
a change of model and without a store on the server. It is no signature: who may send feedback is a matter of API keys.
"""

import os
from functools import lru_cache
from hashlib import blake2b

import msgspec

ARMS = {"champion": "a", "challenger": "b", "several": "m"}
_ARM_OF = {letter: arm for arm, letter in ARMS.items()}
_DIGEST_LENGTH, _SHOWING_BYTES = 16, 6
_LENGTHS = (_DIGEST_LENGTH, _DIGEST_LENGTH + 2 * _SHOWING_BYTES)
"""Of the middle part: ids that were given out before they named the showing are understood as well."""


class RecommendationId(msgspec.Struct, frozen=True):
    """The parts of a recommendation id that are checked."""

    arm: str
    digest: str
    version: str


def for_list(arm: str, version: str, user: int, pids: list[int]) -> str:
    """The id of one user's list, in the order shown."""
    return f"{ARMS[arm]}.{_digest(version, user, pids)}{_showing()}.{version}"


def for_fragment(arm: str, version: str, fragment: bytes | memoryview) -> str:
    """`for_list` from the rendered JSON of the user and the list."""
    digest = blake2b(fragment, digest_size=8, person=_person(version)).hexdigest()
    return f"{ARMS[arm]}.{digest}{_showing()}.{version}"


def for_many(version: str, request: bytes) -> str:
    """The id of an answer to several users. Feedback that carries it is attributed, but the list is not checked."""
    return f"m.{blake2b(request, digest_size=8).hexdigest()}{_showing()}.{version}"


def parse(text: str) -> RecommendationId | None:
    """The parts of an id, or None if it is not one."""
    letter, _, rest = text.partition(".")
    middle, _, version = rest.partition(".")
    if letter not in _ARM_OF or len(middle) not in _LENGTHS or not version or len(version) > 64:
        return None
    return RecommendationId(_ARM_OF[letter], middle[:_DIGEST_LENGTH], version)


def shown_order(parts: RecommendationId, user: int, liked: int, others: list[int]) -> list[int] | None:
    """The list as it was shown, or None if the id does not belong to this user and these playlists.

    `others` keeps its order, so the like can only have stood before, between or after them.
    """
    for place in range(len(others) + 1):
        shown = [*others[:place], liked, *others[place:]]
        if _digest(parts.version, user, shown) == parts.digest:
            return shown
    return None


def _showing() -> str:
    return os.urandom(_SHOWING_BYTES).hex()


def _digest(version: str, user: int, pids: list[int]) -> str:
    listed = ",".join(map(str, pids))
    rendered = f'{{"user_id":{user},"playlists":[{listed}]}}'
    return blake2b(rendered.encode(), digest_size=8, person=_person(version)).hexdigest()


@lru_cache(maxsize=64)
def _person(version: str) -> bytes:
    return blake2b(version.encode(), digest_size=16).digest() if len(version) > 16 else version.encode()
