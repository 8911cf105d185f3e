"""What the rules of a checkpoint are given: no IO manager loads one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import polars as pl
from upath import UPath

from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore


def checkpoint_inputs(settings: Settings) -> Mapping[str, Any]:
    """The newest checkpoint's vectors, what it says of itself, and the data as they are stored now."""
    from buddies_core.registry.checkpoints import CheckpointStore

    store = DatasetStore.at(settings.home)
    checkpoints = CheckpointStore(cast(Path, UPath(settings.home) / "checkpoints"))
    checkpoint = checkpoints.latest()
    factors = checkpoints.factors(checkpoint.version)
    trained_on = dict(checkpoint.lineage.get("datasets", {}))
    return {
        "bpr_checkpoint": checkpoint,
        "user_vectors": factors.users,
        "playlist_vectors": factors.playlists,
        "model_card": {"inputs": trained_on, "losses": checkpoint.lineage.get("losses", [])},
        "current_inputs": {name: store.open(name).fingerprint for name in trained_on if store.has(name)},
        "n_users": store.open("user_library").manifest.rows,
        "n_playlists": store.open("playlist_library").manifest.rows,
        "triplets": _trained_triplets(store, checkpoint.lineage),
    }


def _trained_triplets(store: DatasetStore, lineage: Mapping[str, Any]) -> pl.DataFrame:
    """Some (user, positive, negative) of what the model was taught.

    A positive of taste has no negative of its own: it is given another user's positive, by a hash of both ids' rows.
    """
    if lineage.get("positives") != "taste":
        return store.open("triplets").shard(0)
    taught = store.open("taste_positives").shard(0).filter(~pl.col("cold"))
    keys = ["user", "positive"]
    other = pl.struct(keys).hash(seed=0)
    negative = taught.select(negative=pl.col("positive").sort_by(other))
    triplets = pl.concat([taught.select(keys), negative], how="horizontal")
    return triplets.join(taught.select(keys), left_on=["user", "negative"], right_on=keys, how="anti")
