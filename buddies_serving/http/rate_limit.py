"""Rate limits: a token bucket for each API key."""

import time
from collections.abc import Callable


class RateLimiter:
    """`rate` tokens a second up to `burst`, for each name; the number of names is that of the keys."""

    def __init__(self, rate: float, burst: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self.spent: dict[str, float] = {}
        """Tokens that each name has cost here so far."""

    def wait(self, name: str, rate: float | None = None) -> float:
        """Takes a token: 0 when there was one, else the seconds until there will be."""
        rate, tokens, now = self._now(name, rate)
        if tokens < 1.0:
            self._buckets[name] = (tokens, now)
            return (1.0 - tokens) / rate
        self._buckets[name] = (tokens - 1.0, now)
        self.spent[name] = self.spent.get(name, 0.0) + 1.0
        return 0.0

    def spend(self, name: str, rate: float | None, tokens: float) -> None:
        """Takes what a request costs beyond its one token; a debt is paid off by waiting."""
        self.spent_elsewhere(name, rate, tokens)
        self.spent[name] = self.spent.get(name, 0.0) + tokens

    def spent_elsewhere(self, name: str, rate: float | None, tokens: float) -> None:
        """Takes what requests of the same name cost another replica."""
        _, held, now = self._now(name, rate)
        self._buckets[name] = (held - tokens, now)

    def _now(self, name: str, rate: float | None) -> tuple[float, float, float]:
        rate = self._rate if rate is None else rate
        burst = max(self._burst * rate / self._rate, 1.0)
        now = self._clock()
        tokens, then = self._buckets.get(name, (burst, now))
        return rate, min(burst, tokens + (now - then) * rate), now
