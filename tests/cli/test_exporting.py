"""Exports of datasets whose stored table means little elsewhere."""

from pathlib import Path

import numpy as np
import polars as pl

from buddies_assets.cli.exporting import export_dataset
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import LabelledLibrary
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey


def small_home(folder: Path) -> DatasetStore:
    """Two users with songs 0, 1 and 1; two playlists; one ranked list of two, one empty."""
    store = DatasetStore.at(str(folder))

    def commit(name: str, frame: pl.DataFrame) -> None:
        writer = store.writer(CacheKey(name), "run")
        writer.commit([writer.write_shard(0, frame)])

    library = Library.from_pairs(np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 2)
    keys = pl.Series(["a", "b"])
    users = pl.DataFrame(
        {"user": [0, 1], "user_id": ["u0", "u1"], "songs": [2, 1]}, schema_overrides={"user": pl.UInt32}
    )
    LabelledLibrary(library, users, keys).save(store.writer(CacheKey("user_library"), "run"))
    playlists = pl.DataFrame({"playlist": [0, 1], "pid": [70, 71]}, schema_overrides={"playlist": pl.UInt32})
    commit("playlist_library", playlists)
    songs = {"song": [0, 1], "key": ["a", "b"], "title": ["A", "B"], "artist": ["x", "y"]}
    commit("songs", pl.DataFrame(songs, schema_overrides={"song": pl.UInt32}))
    lists = {"user": [0, 1], "playlists": [[1, 0], []], "scores": [[0.5, 0.25], []]}
    types = {"user": pl.UInt32, "playlists": pl.List(pl.UInt32), "scores": pl.List(pl.Float32)}
    commit("ranked_candidates", pl.DataFrame(lists, schema=types))
    return store


def test_ranked_candidates_are_one_row_a_place_by_user_id_and_pid(tmp_path):
    file = tmp_path / "ranked.csv"
    assert export_dataset(small_home(tmp_path / "home"), "ranked_candidates", file) == 2
    found = pl.read_csv(file)
    assert found.columns[:3] == ["user_id", "pid", "rank"]
    assert found.select("user_id", "pid", "rank", "score").rows() == [("u0", 71, 1, 0.5), ("u0", 70, 2, 0.25)]


def test_a_library_is_written_with_its_songs(tmp_path):
    file = tmp_path / "users.parquet"
    assert export_dataset(small_home(tmp_path / "home"), "user_library", file) == 3
    found = pl.read_parquet(file)
    assert found.select("user_id", "song", "title").rows() == [("u0", 0, "A"), ("u0", 1, "B"), ("u1", 1, "B")]
