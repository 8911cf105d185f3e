"""A synthetic world written as the pipeline would have stored it."""

from pathlib import Path
from typing import Any

import polars as pl

from buddies_core.artifact.named_arrays import write_artifact
from buddies_core.interactions.labelled import row_keys
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality.rules.catalogue import rules_by_asset

ARRAYS = {
    "artist_model": "artist_arrays",
    "next_track_ranker": "next_track_arrays",
    "playlist_graph": "graph_by_song",
    "track2vec": "track2vec_vectors",
}
"""Datasets whose parts are arrays, and the input that has them."""
TABLES = {
    "graphsage_checkpoint": ("orders", "graphsage_orders"),
    "listener_plays": ("listeners", "event_senders"),
    "served_continuation": ("answers", "continuation_answers"),
    "track_index": ("answers", "next_track_answers"),
}
"""Datasets with a table as a part: its name, and the input that it is."""
RAW = ("mpd_playlists", "mpd_tracks", "entp_plays", "msd_songs")


SONG_PARTS = {
    "song_plays": {"told": "songs_told", "catalogue": "songs_on_file"},
    "song_ranker": {"popularity": "ranker_popularity"},
    "served_songs": {"features": "serving_features"},
}
"""Parts of the songs' datasets that rules read, and what the world calls them."""


def store_world(world: dict[str, Any], home: Path, run_id: str = "run-made") -> DatasetStore:
    """The world's datasets as the pipeline would have stored them."""
    store = DatasetStore.at(str(home))
    for name, frame in world.items():
        if not isinstance(frame, pl.DataFrame) or name not in rules_by_asset():
            continue
        writer = store.writer(CacheKey(name), run_id)
        counts = {"rows": frame.height, "kept": frame.height, "quarantined": 0, "repeats": 0}
        extra = {"counts": counts} if name in RAW else {}
        for part in ("users", "playlists") if name == "als_factors" else ():
            writer.write_part(part, world[f"als_{part}"])
        for part, array in world[ARRAYS[name]].items() if name in ARRAYS else ():
            writer.write_part(part, array)
        for part, source in SONG_PARTS.get(name, {}).items():
            writer.write_part(part, world[source])
        if name in TABLES:
            writer.write_part(TABLES[name][0], world[TABLES[name][1]])
        writer.commit([writer.write_shard(0, frame)], extra=extra)
    for name, row, rows in (("user_library", "user", "user_rows"), ("playlist_library", "playlist", "playlist_rows")):
        library, writer = world[name], store.writer(CacheKey(name), run_id)
        writer.write_part("indptr", library.indptr)
        writer.write_part("indices", library.indices)
        writer.write_part("columns", world["songs"].select("key"))
        writer.write_part("keys", row_keys(world[rows]))
        counted = world[f"{row}_sizes"].select("songs", "length")
        writer.commit([writer.write_shard(0, world[rows].with_row_index(row).hstack(counted))])
    write_artifact(home / "artists" / "lastfm", {"lists": world["artist_lists"]}, {"experiment": "lastfm"})
    write_artifact(home / "songs" / "plays", world["song_arrays"], {"experiment": "plays"})
    return store
