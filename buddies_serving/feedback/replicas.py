"""What replicas of the service tell each other through PostgreSQL, a few times a second.

- Rate limits: what an API key spent at one replica is taken from its bucket at the others, so that its rate holds over
  all of them. Before they have told each other, each may give a burst of its own; that is a debt, paid by waiting.
- Which key signs recommendation ids: replicas with different keys call each other's ids forged, so health says it.

What listeners do is read by each replica from the tables themselves (`upkeep.py`). All of it holds while
PostgreSQL takes feedback; while it is away every replica is on its own, and catches up afterwards.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Protocol
from uuid import uuid4

import msgspec

from buddies_serving.http.keys import Keys
from buddies_serving.http.rate_limit import RateLimiter

SHARE_SECONDS = 0.5
"""Between two times that a replica tells the others."""


class Told(msgspec.Struct, frozen=True):
    """What another replica says of itself: its signing key's digest, and the requests that keys have cost there."""

    replica: str
    signer: str
    spent: dict[str, float]


class Shared(Protocol):
    """What is needed of a database; `FeedbackStore` is the real one."""

    async def tell(self, told: Told) -> list[Told]: ...


class Replicas:
    """This process among the replicas."""

    def __init__(self, limiter: RateLimiter, keys: Keys | None) -> None:
        self._limiter = limiter
        self._keys = keys
        self._signer = ""
        self._heard: dict[tuple[str, str], float] = {}
        self._known: set[str] = set()
        self.name = uuid4().hex
        self.others = 0
        self.signs_otherwise = 0

    def sign_with(self, keys: Sequence[bytes]) -> None:
        """Notes which keys ids are signed and checked with; the first one signs."""
        self._signer = blake2b(keys[0], digest_size=8, person=b"replica").hexdigest()

    async def exchange(self, store: Shared) -> None:
        """Tells the others what was spent here, and takes in what they say. Raises whatever the store does."""
        others = await store.tell(Told(self.name, self._signer, dict(self._limiter.spent)))
        rates = self._keys.rates() if self._keys is not None else {}
        for other in others:
            for key, tokens in other.spent.items():
                before = self._heard.get((other.replica, key), 0.0 if other.replica in self._known else tokens)
                self._heard[other.replica, key] = tokens
                if tokens > before:
                    self._limiter.spent_elsewhere(key, rates.get(key), tokens - before)
        self._known = {other.replica for other in others}
        self._heard = {pair: tokens for pair, tokens in self._heard.items() if pair[0] in self._known}
        self.others = len(others)
        self.signs_otherwise = sum(other.signer != self._signer for other in others)
