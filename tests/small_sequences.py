"""Forty playlists that run through two artists' songs in order, and the small models fitted on them."""

import numpy as np
import polars as pl
from oracles.playlists import rows_of

from buddies_core.sequences.answers import served_arrays
from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.corpus import Sequences, Songs, encoded, keyed_rows, vocabulary
from buddies_core.sequences.fit import SequenceConfig
from buddies_core.sequences.models import SequenceModels
from buddies_core.sequences.ranker_training import RankerConfig
from buddies_core.sequences.skipgram import SkipGramConfig
from buddies_core.sequences.training import ModelsConfig, fit_models

SMALL = SequenceConfig(
    factors=4, wide_factors=4, artist_factors=4, iterations=3, skip_gram=SkipGramConfig(dimension=4, epochs=2)
)
CONFIG = ModelsConfig(
    index=SMALL, folds=2, rankers=1, next_track=RankerConfig(epochs=20), continuation=RankerConfig(epochs=5)
)


def small_corpus() -> tuple[Songs, Sequences]:
    """Six artists of five songs; playlist `pid` is called after its first artist."""
    playlists = {}
    for pid in range(40):
        first, second = pid % 6, (pid + 1 + pid // 6) % 6
        playlists[pid] = [(f"song {k}", f"artist {first}") for k in range(pid % 3, 5)]
        playlists[pid] += [(f"song {k}", f"artist {second}") for k in range(5)]
    rows = keyed_rows(rows_of(playlists))
    names = pl.DataFrame({"pid": np.arange(40, dtype=np.uint32), "name": [f"artist {pid % 6}" for pid in range(40)]})
    songs = vocabulary(rows)
    return songs, encoded(rows, names, songs)


def small_models() -> SequenceModels:
    """Both models of the small corpus."""
    songs, sequences = small_corpus()
    return fit_models(sequences, catalogue_of(songs), CONFIG)


def small_artifact() -> dict[str, np.ndarray]:
    """What is stored of them; song 0 of artist 0 has a second URI, `spotify:track:other`."""
    songs, sequences = small_corpus()
    playlists = sequences.pids, sequences.titles
    uris = {uri: song for song, uri in enumerate(songs.table["uri"].to_list())} | {"spotify:track:other": 0}
    columns = {name: songs.table[name].to_list() for name in ("key", "uri", "title", "artist")}
    return served_arrays(small_models(), columns, songs.artists.to_list(), uris, playlists)
