"""Continuation: a playlist's songs, its title, or both in, what else belongs to it out."""

REQUIRES = ("lightgbm",)
SHARED = ("sequences",)
"""Groups of assets that it is made from and shares with others."""
