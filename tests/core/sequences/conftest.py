"""A small corpus: six artists of five songs, playlists that walk through them in order."""

import numpy as np
import polars as pl
import pytest
from oracles.playlists import rows_of

from buddies_core.sequences.corpus import Sequences, Songs, encoded, keyed_rows, vocabulary


@pytest.fixture(scope="package")
def corpus() -> tuple[Songs, Sequences]:
    """Forty playlists that each run through two artists' songs, in the order of the songs' numbers."""
    playlists = {}
    for pid in range(40):
        first, second = pid % 6, (pid + 1 + pid // 6) % 6
        start = pid % 3
        playlists[pid] = [(f"song {k}", f"artist {first}") for k in range(start, 5)]
        playlists[pid] += [(f"song {k}", f"artist {second}") for k in range(5)]
    rows = keyed_rows(rows_of(playlists))
    names = pl.DataFrame({"pid": np.arange(40, dtype=np.uint32), "name": [f"artist {pid % 6}" for pid in range(40)]})
    songs = vocabulary(rows)
    return songs, encoded(rows, names, songs)
