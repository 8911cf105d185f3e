"""Listeners by an id of their own: the 40 hex digits by which training and service know whoever has no number yet.

A client that has other names for its listeners writes `client:<name>`; the id is made from the name and is always the
same. The next training gives a number; until then a negative stand-in, made from the id, goes where a number must.
"""

import re
from hashlib import blake2b

CLIENT = "client:"
"""What a client's own name for a listener begins with."""
LISTENER = r"^([0-9a-f]{40}|client:[!-~]{1,200})$"
"""A listener by an id: 40 hex digits, or a client's name of visible ASCII characters."""
_HEX = re.compile(r"[0-9a-f]{40}")
_STAND_INS = 1 << 31


def is_listener_id(text: str) -> bool:
    """Whether a text is an id of 40 hex digits."""
    return _HEX.fullmatch(text) is not None


def listener_id(named: str) -> str:
    """The 40-hex id of a listener who is named as `LISTENER` allows."""
    if not named.startswith(CLIENT):
        return named
    return blake2b(named.removeprefix(CLIENT).encode(), digest_size=20, person=b"listener").hexdigest()


def stand_in(user_id: str) -> int:
    """The number, from -2**31 to -1, that stands for a listener who has none; the same wherever it is worked out.

    Two listeners may share one: it is good for counting and for memory of late, never for saying who somebody is.
    """
    digest = blake2b(user_id.encode(), digest_size=4, person=b"stand-in").digest()
    return int.from_bytes(digest, "little") % _STAND_INS - _STAND_INS
