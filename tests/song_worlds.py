"""A small world of songs: two kinds of listeners and of songs, whose songs by one artist go together."""

from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from buddies_core.songs.config import SongsConfig
from buddies_core.songs.facts import SongFacts, song_facts
from buddies_core.songs.histories import Histories
from buddies_core.songs.model import SongsModel
from buddies_core.songs.source_list import SOURCES

LISTENERS, SONGS = 48, 40
SMALL = SongsConfig(
    sources=tuple(source for source in SOURCES if source.name in ("EASE with artists", "item neighbours", "popular")),
    candidates=24, folds=3, trees=12, all_of_best=10, thin=2, threads=1,
)  # fmt: skip


def plays(seed: int = 0) -> csr_array:
    """Listeners of even number mostly play songs of even number; the first songs are played most."""
    rng = np.random.default_rng(seed)
    kind = (np.arange(LISTENERS)[:, None] + np.arange(SONGS)) % 2 == 0
    chance = np.where(kind, 0.55, 0.04) * (0.6 + 0.4 * (np.arange(SONGS) < 12))
    matrix = csr_array((rng.random((LISTENERS, SONGS)) < chance) * rng.integers(1, 6, (LISTENERS, SONGS)))
    return matrix.astype(np.float32)


def facts() -> SongFacts:
    """Songs 0, 4, 8, … are of one artist, and so on; every tenth song has no text; playlists hold two songs each."""
    rows = [
        {"song": f"s{n:02d}", "artist_key": f"artist {n % 4}", "title_key": f"title {n}", "release": f"record {n % 8}",
         "year": 1980 + n}
        for n in range(SONGS) if n % 10 != 9
    ]  # fmt: skip
    schema: dict[str, Any] = {"song": pl.String, "artist_key": pl.String, "title_key": pl.String}
    texts = pl.DataFrame(rows, schema_overrides=schema | {"release": pl.String, "year": pl.UInt16})
    held = pl.DataFrame({"pid": [n // 2 for n in range(SONGS)], "song": [f"s{n:02d}" for n in range(SONGS)]})
    return song_facts([f"s{n:02d}" for n in range(SONGS)], texts, held)


def hashes(count: int) -> np.ndarray:
    """Numbers in the place of hashes of ids."""
    return np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def fitted(histories: Histories | None = None, config: SongsConfig = SMALL) -> SongsModel:
    """The model of the world."""
    histories = Histories(plays()) if histories is None else histories
    return SongsModel(config).fit(histories, facts(), hashes(LISTENERS), hashes(SONGS))
