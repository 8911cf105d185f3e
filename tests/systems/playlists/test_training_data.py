"""What training and its evaluation read: as much as fits, and no pool that is not drawn from."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from buddies_assets.systems.playlists.steps.training import spread_cases, training_data
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import LabelledLibrary
from buddies_core.recommenders.bpr.config import NegativeMix
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey


def stored(tmp_path: Path, name: str, frame: pl.DataFrame, cuts: list[int]) -> Dataset:
    """A frame as a dataset of shards that end at the cuts."""
    writer = DatasetStore.at(str(tmp_path)).writer(CacheKey(name), "run")
    edges = [0, *cuts, frame.height]
    shards = [writer.write_shard(i, frame[edges[i] : edges[i + 1]]) for i in range(len(edges) - 1)]
    return writer.commit(shards)


def rows(n: int, width: int) -> pl.DataFrame:
    """Blocks or cases whose every number tells which row it is of."""
    numbers = np.arange(n, dtype=np.uint32)
    negatives = pl.Series("negatives", np.repeat(numbers, width)).reshape((n, width))
    return pl.DataFrame({"user": numbers, "positive": numbers, "negatives": negatives})


def library(tmp_path: Path, name: str, n: int) -> Dataset:
    """A library of n rows that hold nothing."""
    rows = pl.DataFrame({"playlist": range(n), "pid": range(n)})
    empty = Library(np.zeros(n + 1, np.int64), np.empty(0, np.uint32), 2)
    writer = DatasetStore.at(str(tmp_path)).writer(CacheKey(name), "run")
    return LabelledLibrary(empty, rows, pl.Series("key", ["a", "b"])).save(writer)


@pytest.mark.parametrize(("most", "expected"), [(100, list(range(20))), (20, list(range(20))), (5, [0, 4, 9, 14, 19])])
def test_cases_that_are_too_many_are_spread_evenly_over_all(tmp_path: Path, most: int, expected: list[int]) -> None:
    cases = spread_cases(stored(tmp_path, "validation_batches", rows(20, 50), [6, 6, 13]), most)
    assert cases.users.tolist() == cases.positives.tolist() == expected
    assert cases.negatives.tolist() == [[row] * 50 for row in expected]


def test_positives_of_taste_take_the_place_of_likes_and_those_of_cold_users_are_left_out(tmp_path: Path) -> None:
    positives = pl.DataFrame(
        {
            "user": [0, 0, 1, 2],
            "positive": [3, 1, 4, 2],
            "gain": [0.5, 0.2, 0.3, 0.1],
            "cold": [False, False, True, False],
        },
        schema={"user": pl.UInt32, "positive": pl.UInt32, "gain": pl.Float32, "cold": pl.Boolean},
    )
    data = training_data(
        stored(tmp_path, "user_blocks", rows(3, 4), [2]),
        stored(tmp_path, "validation_batches", rows(3, 50), []),
        stored(tmp_path, "scores", pl.DataFrame({"user": [0, 1, 2]}), []),
        library(tmp_path, "user_library", 3),
        library(tmp_path, "playlist_library", 5),
        mix=NegativeMix(uniform=2),
        positives=stored(tmp_path, "taste_positives", positives, []),
    )
    taught = data.train_likes()
    assert [taught.row(user).tolist() for user in range(3)] == [[1, 3], [], [2]]


@pytest.mark.parametrize(
    ("mix", "read"),
    [
        (None, ["hard", "easy"]),
        (NegativeMix(hard=2, easy=2), ["hard", "easy"]),
        (NegativeMix(hard=1, uniform=3), ["hard"]),
        (NegativeMix(uniform=2, popular=2), []),
        (NegativeMix(hard=2, easy=2, resample=False), []),
    ],
)
def test_pools_are_read_only_where_the_mix_draws_from_them(
    tmp_path: Path, mix: NegativeMix | None, read: list[str]
) -> None:
    pools = pl.DataFrame(
        {"user": [0, 1, 2], "hard": [[1], [], [2, 3]], "easy": [[], [4], []]},
        schema={"user": pl.UInt32, "hard": pl.List(pl.UInt32), "easy": pl.List(pl.UInt32)},
    )
    data = training_data(
        stored(tmp_path, "user_blocks", rows(3, 4), [2]),
        stored(tmp_path, "validation_batches", rows(3, 50), []),
        stored(tmp_path, "scores", pools, [1]),
        library(tmp_path, "user_library", 3),
        library(tmp_path, "playlist_library", 5),
        mix=mix,
    )
    found = {name: getattr(data, name) for name in ("hard", "easy")}
    assert [name for name, pool in found.items() if pool is not None] == read
    for name in read:
        assert [found[name].row(user).tolist() for user in range(3)] == pools[name].to_list()
