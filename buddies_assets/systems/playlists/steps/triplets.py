"""User-blocks exploded to triplets and shuffled whole, with memory for a few shards.

Two passes: each shard of blocks is exploded and grouped by bucket into a scratch dataset, then each bucket is gathered
from all of them and ordered. A triplet's bucket and place are hashes of the triplet itself.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.systems.playlists.triplet_order import bucket_of, explode, order_in_bucket, shuffle_hashes
from buddies_core.interactions.labelled import load_keys
from buddies_core.interactions.samples import Blocks
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.shards import EntityShards, Inputs, Params, ShardedStep

TRIPLETS_PER_SHARD = 4_000_000
ROWS_READ_TOGETHER = 1 << 15
"""At full size a bucket has some 40,000 rows in each scattered shard: larger row groups would be read for a part."""


@dataclass(frozen=True)
class _ScatterState:
    blocks: EntityShards
    keys: np.ndarray
    pids: np.ndarray
    seed: int
    buckets: int


def prepare_scatter(inputs: Inputs, params: Params) -> _ScatterState:
    """The blocks, read shard by shard, and what draws know users and playlists by."""
    keys, pids = load_keys(inputs["user_library"]), load_keys(inputs["playlist_library"])
    return _ScatterState(EntityShards(inputs["user_blocks"]), keys, pids, params["seed"], params["buckets"])


def scatter_users(state: _ScatterState, users: range) -> pl.DataFrame:
    """One row a triplet, sorted by bucket: `bucket, user, positive, negative`."""
    frame = state.blocks.frame(users)
    negatives = frame["negatives"].to_numpy() if frame.height else np.empty((0, 1), np.uint32)
    triplets = explode(Blocks(frame["user"].to_numpy(), frame["positive"].to_numpy(), negatives, 0))
    buckets = bucket_of(shuffle_hashes(triplets, state.keys, state.pids, state.seed), state.buckets)
    # A stable sort of 16-bit numbers is numpy's radix sort: a tenth of the time of sorting the frame.
    order = np.argsort(buckets.astype(np.uint16) if state.buckets <= 1 << 16 else buckets, kind="stable")
    names = ("bucket", "user", "positive", "negative")
    return pl.DataFrame({name: column[order] for name, column in zip(names, (buckets, *triplets), strict=True)})


@dataclass(frozen=True)
class _GatherState:
    scattered: Dataset
    keys: np.ndarray
    pids: np.ndarray
    seed: int
    pieces: list[np.ndarray]


def prepare_gather(inputs: Inputs, params: Params) -> _GatherState:
    """Where each bucket begins in each scattered shard."""
    scattered = inputs["scattered"]
    edges = np.arange(params["buckets"] + 1)
    pieces = [np.searchsorted(shard["bucket"].to_numpy(), edges) for shard in scattered.shards(["bucket"])]
    keys, pids = load_keys(inputs["user_library"]), load_keys(inputs["playlist_library"])
    return _GatherState(scattered, keys, pids, params["seed"], pieces)


def gather_bucket(state: _GatherState, buckets: range) -> pl.DataFrame:
    """The triplets of one bucket in shuffled order: `user, positive, negative`."""
    parts = [
        state.scattered.shard_rows(index, int(edges[buckets.start]), int(edges[buckets.stop]))
        for index, edges in enumerate(state.pieces)
    ]
    frame = pl.concat(parts).drop("bucket")
    triplets = frame["user"].to_numpy(), frame["positive"].to_numpy(), frame["negative"].to_numpy()
    order = order_in_bucket(triplets, shuffle_hashes(triplets, state.keys, state.pids, state.seed))
    return frame[order]


SCATTERED = ShardedStep("scattered_triplets", prepare_scatter, scatter_users, row_group=ROWS_READ_TOGETHER)
TRIPLETS = ShardedStep("triplets", prepare_gather, gather_bucket)


def bucket_count(blocks: Dataset, negatives: int) -> int:
    """Buckets, and so shards of triplets, that the blocks need; from their number alone."""
    return max(1, -(-blocks.manifest.rows * negatives // TRIPLETS_PER_SHARD))
