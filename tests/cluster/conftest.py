"""A real Ray cluster of two nodes on this machine, and a small world of libraries to work on."""

import os
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pytest

from buddies_assets.systems.playlists.scoring.exploration import exploration_coefficients
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import LabelledLibrary, load_keys
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey

N_USERS, N_PLAYLISTS, N_SONGS, SEED = 400, 600, 300, 5


@pytest.fixture(scope="session")
def cluster(s3_endpoint: str) -> Iterator:
    """A head node of two CPUs; its environment has the object store's address and keys."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ.update(_keys(s3_endpoint))
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    yield nodes
    ray.shutdown()
    nodes.shutdown()
    for name in _keys(s3_endpoint):
        os.environ.pop(name, None)


def _keys(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "RAY_usage_stats_enabled": "0",
    }


def _libraries_in(store: DatasetStore) -> dict[str, Dataset]:
    """The inputs of scoring, stored: libraries of users and playlists, and the coefficients."""
    generator = np.random.default_rng(SEED)
    sides = {}
    for side, key, n, most in (("user", "user_id", N_USERS, 40), ("playlist", "pid", N_PLAYLISTS, 60)):
        lengths = generator.integers(1, most, n)
        songs = (generator.random(lengths.sum()) ** 2 * N_SONGS).astype(np.uint32)
        library = Library.from_pairs(np.repeat(np.arange(n), lengths), songs, n, N_SONGS)
        ids = pl.Series(key, np.arange(n, dtype=np.uint32) + 9).cast(pl.String if side == "user" else pl.UInt32)
        rows = pl.DataFrame([pl.Series(side, np.arange(n, dtype=np.uint32)), ids])
        keys = pl.Series("key", [f"song {i}" for i in range(N_SONGS)])
        lengths_of = pl.Series(library.lengths).cast(pl.UInt32)
        labelled = LabelledLibrary(library, rows.with_columns(songs=lengths_of, length=lengths_of), keys)
        name = f"{side}_library"
        sides[name] = labelled.save(store.writer(CacheKey(name), "test"))
    writer = store.writer(CacheKey("exploration_coefficients"), "test")
    users = np.arange(N_USERS, dtype=np.uint32)
    coefficients = exploration_coefficients(load_keys(sides["user_library"]), SEED)
    drawn = pl.DataFrame({"user": users, "exploration": coefficients})
    return sides | {"exploration_coefficients": writer.commit([writer.write_shard(0, drawn)])}


@pytest.fixture
def libraries_in() -> Callable[[DatasetStore], dict[str, Dataset]]:
    """Stores the inputs of scoring 400 users against 600 playlists."""
    return _libraries_in
