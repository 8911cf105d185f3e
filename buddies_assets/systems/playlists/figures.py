"""Figures of the playlists' datasets, for charts and for drift.

Each reads a dataset shard by shard. In memory are one shard (10,000 users, or 4 million triplets) and a few numbers for
each user and playlist: some 100 MB at a million of either, however many rows there are.
"""

import numpy as np
import polars as pl

from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from quality.dataset_spec import Figures
from quality.statistics import inequality, list_lengths, rows_per, spread

SHOWN = 5
"""Places of a list that a listener sees."""


def user_blocks(dataset: Dataset, store: DatasetStore) -> Figures:
    """Blocks of a user, and how many are broken."""
    without = inconsistent = 0
    for blocks in dataset.shards():
        without += blocks["positive"].null_count()
        inconsistent += blocks.group_by("user", "positive").len("n").filter(pl.col("n") > 1).height
        inconsistent += blocks.select(pl.col("negatives").arr.contains(pl.col("positive")).sum()).item()
    return {
        "per_user": spread(rows_per(dataset, "user")),
        "blocks": dataset.manifest.rows,
        "without_positive": without,
        "inconsistent": inconsistent,
    }


def triplets(dataset: Dataset, store: DatasetStore) -> Figures:
    """Triplets of a user."""
    return {"per_user": spread(rows_per(dataset, "user")), "triplets": dataset.manifest.rows}


def liked_playlists(dataset: Dataset, store: DatasetStore) -> Figures:
    """Likes of a user."""
    return {"per_user": spread(rows_per(dataset, "user")), "pairs": dataset.manifest.rows}


def exploration(dataset: Dataset, store: DatasetStore) -> Figures:
    """The coefficients."""
    return {"coefficients": spread(dataset.frame(["exploration"])["exploration"].to_numpy(), until=1.0)}


def ownership(dataset: Dataset, store: DatasetStore) -> Figures:
    """Playlists of an owner, and how unevenly they are held."""
    owned = rows_per(dataset, "owner")
    figures: dict = {"per_owner": spread(owned), "owned": dataset.manifest.rows, **inequality(owned)}
    if store.has("playlist_library"):
        playlists = store.open("playlist_library").manifest.rows
        figures["without_owner"] = 1 - dataset.manifest.rows / max(1, playlists)
    return figures


def pairings(dataset: Dataset, store: DatasetStore) -> Figures:
    """Neighbours of a user, how often a user is one, and the playlists that neighbours hold."""
    chosen = dataset.counts("neighbour")
    figures = {"per_user": spread(rows_per(dataset, "user")), "popularity": spread(chosen[chosen > 0])}
    if store.has("playlist_ownership"):
        owned = store.open("playlist_ownership").counts("owner")
        owned = np.append(owned, np.zeros(max(0, len(chosen) - len(owned)), np.int64))
        users, reached = [], []
        for shard in dataset.shards(["user", "neighbour"]):
            summed = shard.select("user", n=pl.Series(owned[shard["neighbour"].to_numpy()])).group_by("user").sum()
            users.append(summed["user"])
            reached.append(summed["n"])
        # A user's pairs may lie in two shards, and be summed twice: once in each.
        reach = pl.DataFrame({"user": pl.concat(users), "n": pl.concat(reached)}).group_by("user").sum()["n"]
        figures["reachable"] = spread(reach.filter(reach > 0).to_numpy())
    return figures


def candidates(dataset: Dataset, store: DatasetStore) -> Figures:
    """Candidates of a user."""
    return {"per_user": spread(list_lengths(dataset, "playlists"))}


def ranked(dataset: Dataset, store: DatasetStore) -> Figures:
    """How popular what is recommended is: likers in train of each place shown, and how often a playlist is shown."""
    top = [shard["playlists"].list.head(SHOWN).explode() for shard in dataset.shards(["playlists"])]
    shown = pl.concat(top).drop_nulls().to_numpy()
    times = np.bincount(shown)
    figures: Figures = {"per_user": spread(list_lengths(dataset, "playlists")), "times_shown": spread(times[times > 0])}
    if store.has("playlist_ownership"):
        owned = store.open("playlist_ownership").frame(["playlist", "likers"])
        playlists = owned["playlist"].to_numpy()
        likers = np.zeros(max(len(times), playlists.max(initial=0) + 1), np.int64)
        likers[playlists] = owned["likers"].to_numpy()
        figures["recommended_popularity"] = spread(likers[shown])
    return figures
