"""What the service holds of the artists: every list worked out, so that a request is a look-up and needs no model."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from buddies_assets.systems.artists.config import ArtistsConfig
from buddies_assets.systems.artists.recommender import best_lists, inputs
from buddies_core.artifact.named_arrays import check_name, write_artifact
from buddies_core.artifact.texts import pack_texts
from buddies_core.interactions.labelled_plays import LabelledPlays, places
from buddies_core.interactions.side_rows import with_side_rows
from buddies_core.recommenders.cooccurrence import nearest_items
from buddies_core.recommenders.protocol import Recommender

LISTED, NEAREST, TOP, TASTE = 50, 20, 100, 10
"""Artists in a list, like another one, most popular, and most played by a listener."""
SYSTEM = "artists"


def experiment_root(home: Path, name: str) -> Path:
    """Folder of an experiment under the home."""
    return home / SYSTEM / check_name(name)


def served_arrays(
    plays: LabelledPlays,
    tags: pl.DataFrame | None,
    names: pl.DataFrame | None,
    model: Recommender,
    config: ArtistsConfig,
) -> dict[str, np.ndarray]:
    """Arrays of the service, and under `model/` those of the model.

    Users and items are sorted by the bytes of their ids, so that the service finds one by bisection.

    Args:
        names: `item, name, url, picture`; an artist without a row is called by the id.
    """
    weights, features = inputs(plays, tags, config)
    lists = best_lists(model, weights, LISTED)
    near = _near(nearest_items(with_side_rows(weights, features, config.als_tags), NEAREST, shrink=1.0), NEAREST)
    holders = np.bincount(plays.matrix.indices, minlength=len(plays.items))
    popular = np.lexsort((np.arange(len(holders)), -holders))[:TOP]
    users = np.argsort(np.array([user.encode() for user in plays.users], dtype=object), kind="stable")
    taste, amounts = _most_played(plays.matrix)
    arrays: dict[str, np.ndarray] = {
        "lists": lists.items[users],
        "scores": lists.scores[users],
        "because": _because(lists.items, near, weights)[users],
        "similar": near,
        "popular": popular[holders[popular] > 0].astype(np.int32),
        "listeners": holders.astype(np.int32),
        "taste": taste[users],
        "plays": amounts[users],
        "item_order": np.argsort(np.array([item.encode() for item in plays.items], dtype=object)).astype(np.int32),
        **pack_texts("user", [plays.users[place] for place in users]),
        **pack_texts("item", plays.items),
        **_texts(plays.items, names),
    }
    return arrays | {f"model/{name}": array for name, array in model.arrays().items()}


def publish(home: Path, name: str, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> str:
    """Store an experiment for the service; returns its version."""
    return write_artifact(experiment_root(home, name), arrays, {"system": SYSTEM, "experiment": name, **facts})


def _near(similar: csr_array, count: int) -> np.ndarray:
    """The nearest of each item, int32 [n_items, count], nearest first; -1 where there are fewer."""
    found = np.full((similar.shape[0], count), -1, np.int32)
    for item in range(similar.shape[0]):
        mine = slice(similar.indptr[item], similar.indptr[item + 1])
        order = np.argsort(-similar.data[mine], kind="stable")
        found[item, : len(order)] = similar.indices[mine][order]
    return found


def _because(lists: np.ndarray, near: np.ndarray, weights: csr_array) -> np.ndarray:
    """For each recommended item the most played of the listener's that is near to it, int32; -1 where none is."""
    found = np.full(lists.shape, -1, np.int32)
    for user, row in enumerate(lists):
        mine = slice(weights.indptr[user], weights.indptr[user + 1])
        own = weights.indices[mine][np.argsort(-weights.data[mine], kind="stable")]
        for place, item in enumerate(row):
            if item < 0:
                continue
            common = np.flatnonzero(np.isin(own, near[item]))
            if len(common):
                found[user, place] = own[common[0]]
    return found


def _most_played(matrix: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Items that each user plays most, int32 [n_users, 10], -1 where there are fewer, and how much, float32."""
    items = np.full((matrix.shape[0], TASTE), -1, np.int32)
    amounts = np.zeros((matrix.shape[0], TASTE), np.float32)
    for user in range(matrix.shape[0]):
        mine = slice(matrix.indptr[user], matrix.indptr[user + 1])
        order = np.argsort(-matrix.data[mine], kind="stable")[:TASTE]
        items[user, : len(order)] = matrix.indices[mine][order]
        amounts[user, : len(order)] = matrix.data[mine][order]
    return items, amounts


def _texts(items: list[str], names: pl.DataFrame | None) -> dict[str, np.ndarray]:
    columns = {"name": list(items), "url": [""] * len(items), "picture": [""] * len(items)}
    if names is not None:
        known = names.filter(pl.col("item").is_in(items))
        for column, texts in columns.items():
            for place, text in zip(places(items, known["item"].to_list()), known[column].to_list(), strict=True):
                texts[place] = text or texts[place]
    return {array: values for column, texts in columns.items() for array, values in pack_texts(column, texts).items()}
