"""Next track: songs in order in, the song that follows out."""

REQUIRES = ("lightgbm",)
SHARED = ("sequences",)
"""Groups of assets that it is made from and shares with others."""
