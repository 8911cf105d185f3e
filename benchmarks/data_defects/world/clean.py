"""Small synthetic worlds: every dataset of the pipeline, made by brute force from the definitions.

Nothing here calls the pipeline's algorithms: a world is a second opinion on what the datasets must look like, so it
both exercises the rules on good data and is the ground on which defects are planted.
"""

from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.world.answers import feedback, model, pairings
from benchmarks.data_defects.world.artists import artists
from benchmarks.data_defects.world.labels import ownership, scores, splits, training
from benchmarks.data_defects.world.sequences import sequences
from benchmarks.data_defects.world.served import served
from benchmarks.data_defects.world.sizes import COLD, NOW, PLAYLISTS, SONGS, USERS
from benchmarks.data_defects.world.songs import songs as songs_system
from benchmarks.data_defects.world.sources import sources
from buddies_core.interactions.csr import Library
from quality.inputs import with_derived
from quality.registry import dataset_specs


def _library(dense: np.ndarray) -> Library:
    """The CSR form of a dense 0/1 matrix."""
    indptr = np.concatenate([[0], np.cumsum(dense.sum(axis=1))]).astype(np.int64)
    return Library(indptr, np.nonzero(dense)[1].astype(np.uint32), dense.shape[1])


def clean_world(seed: int) -> dict[str, Any]:
    """Every dataset of one world by name, with the figures that rules compare with."""
    rng = np.random.default_rng(seed)
    popularity = 1.0 / (np.arange(SONGS) + 8.0)
    heard = _memberships(rng, USERS, 8, 26, popularity)
    held = _memberships(rng, PLAYLISTS, 5, 30, popularity)
    world: dict[str, Any] = {"now": NOW.timestamp(), "now_at": NOW, "model_versions": ["v1", "v2"]}
    world |= sources(rng, heard, held)
    world |= {"user_library": _library(heard), "playlist_library": _library(held)}
    exploration = rng.beta(1.3, 3.3, USERS)
    world["exploration_coefficients"] = pl.DataFrame(
        {"user": np.arange(USERS, dtype=np.uint32), "exploration": exploration}
    )
    matches = heard.astype(np.int64) @ held.T.astype(np.int64)
    sizes, lengths = (side.sum(axis=1) + rng.integers(0, 6, len(side)) for side in (heard, held))
    world |= {"user_sizes": _sizes("user", heard, sizes), "playlist_sizes": _sizes("playlist", held, lengths)}
    overlap = (1 - exploration)[:, None] * np.log1p(matches) + exploration[:, None]
    score = np.where(matches > 0, overlap / np.sqrt(np.outer(sizes, lengths)), -np.inf)
    world |= scores(rng, score, matches, sizes, exploration)
    cold = np.sort(rng.choice(USERS, COLD, replace=False))
    world |= splits(rng, world["liked_playlists"], cold, world["user_rows"], sizes)
    world["playlist_ownership"] = ownership(world["splits"], world["liked_playlists"], cold, score, sizes)
    world |= training(rng, world["splits"], world["scores"], world["playlist_ownership"])
    world |= pairings(rng, heard, world["playlist_ownership"], world["splits"])
    world |= model(rng, world["splits"], world["candidates"], cold)
    world |= served(world)
    world |= feedback(rng, world["candidates"], world["playlist_rows"])
    likes = (world["splits"], world["liked_playlists"])
    world["training_window"] = _judged_by_none(world["training_window"], *likes, cold)
    world |= artists(np.random.default_rng([seed, 1]))
    world |= sequences(np.random.default_rng([seed, 2]))
    world |= songs_system(np.random.default_rng([seed, 3]))
    fingerprints = {"input": ["user_library"], "made_of": ["f00d"], "stored": ["f00d"]}
    world |= {f"lineage:{asset}": pl.DataFrame(fingerprints) for asset, spec in dataset_specs().items() if spec.fresh}
    return with_derived(world)


def _judged_by_none(window: pl.DataFrame, splits: pl.DataFrame, liked: pl.DataFrame, cold: np.ndarray) -> pl.DataFrame:
    """The window without train sessions that like what is held out."""
    held_out = splits.filter(pl.col("split").cast(pl.String) != "train").select("user", "playlist").rows()
    held_out += liked.filter(pl.col("user").is_in(cold.tolist())).select("user", "playlist").rows()
    out = set(held_out)
    rows = window.select("user", "positive", "split").rows()
    return window.filter([split != "train" or (user, liked) not in out for user, liked, split in rows])


def _sizes(name: str, dense: np.ndarray, lengths: np.ndarray) -> pl.DataFrame:
    """Songs in each row's library, and its length, which counts those that the other source lacks too."""
    columns = {name: np.arange(len(dense)), "songs": dense.sum(axis=1), "length": lengths}
    return pl.DataFrame(columns).cast(pl.UInt32)


def _memberships(rng: np.random.Generator, rows: int, fewest: int, most: int, weight: np.ndarray) -> np.ndarray:
    keys = rng.exponential(size=(rows, len(weight))) / weight
    order = keys.argsort(axis=1).argsort(axis=1)
    return order < rng.integers(fewest, most + 1, rows)[:, None]
