"""Sizes of a synthetic world: small enough for tests, large enough that no rule is idle."""

from datetime import UTC, datetime

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
USERS, PLAYLISTS, SONGS, COLD = 240, 700, 300, 12
POOL, DIMENSION, DAYS = 256, 32, 30
