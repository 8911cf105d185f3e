"""Which batches an evaluation reads: all of some users, and nothing of the others."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from buddies_assets.systems.playlists.steps.evaluation import judged_cases
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey


@pytest.fixture
def batches(tmp_path: Path) -> Dataset:
    """Users 0, 2, 4 … 18 with one to three batches each, in three shards."""
    users = np.repeat(np.arange(0, 20, 2), [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]).astype(np.uint32)
    negatives = pl.Series("negatives", np.arange(len(users) * 50, dtype=np.uint32)).reshape((len(users), 50))
    frame = pl.DataFrame({"user": users, "positive": np.arange(len(users), dtype=np.uint32), "negatives": negatives})
    writer = DatasetStore.at(str(tmp_path)).writer(CacheKey("validation_batches"), "run")
    return writer.commit([writer.write_shard(i, frame[start : start + 7]) for i, start in enumerate((0, 7, 14))])


# Keys of users 0 to 19: those of 0, 6, 12 and 18 are the lowest of the users with batches, 0 and 18 the lowest of all.
KEYS = np.array([0, 9, 9, 9, 9, 9, 2, 9, 9, 9, 9, 9, 3, 9, 9, 9, 9, 9, 1, 9], np.uint64)


def test_all_batches_of_the_users_with_the_lowest_keys_are_read(batches: Dataset) -> None:
    cases = judged_cases(batches, KEYS, 4)
    assert cases.users.tolist() == [0, 6, 12, 18]
    assert cases.positives.tolist() == [0, 6, 12, 18]
    assert cases.negatives[1].tolist() == list(range(300, 350))
    assert sorted(set(judged_cases(batches, KEYS, 2).users.tolist())) == [0, 18]


def test_every_batch_is_read_when_there_are_few_users(batches: Dataset) -> None:
    assert judged_cases(batches, KEYS, 10).positives.tolist() == list(range(19))
