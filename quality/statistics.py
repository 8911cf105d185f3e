"""Figures of one version of a dataset for the dashboard's training page: counts, means, histograms, Lorenz curves.

Each function reads a dataset shard by shard and returns plain JSON, to be computed once per fingerprint and then kept.
In memory are one shard (10,000 users, or 4 million triplets) and a few numbers for each user and playlist: some 100 MB
at a million of either, however many rows there are.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from buddies_core.storage.datasets import Dataset, DatasetStore
from quality.tables import SCHEMAS

BINS = 40
TAIL = 0.99
QUANTILES = 200
TOPS = (1, 5, 10, 25)
"""Per cent of the largest whose share of the whole is told."""
SHOWN = 5
"""Places of a list that a listener sees."""
Figures = dict[str, Any]


def spread(values: np.ndarray, bins: int = BINS, until: float = TAIL) -> Figures:
    """Count, mean, quantiles and a histogram up to the quantile `until`; one more bin, `beyond`, has all larger values.

    `bins` are for charts; `quantiles`, evenly spaced values that occur, are what two versions are compared by.
    """
    numbers = np.asarray(values, np.float64)
    if not len(numbers):
        nothing = dict.fromkeys(("mean", "median", "p1", "p90", "p99", "max"))
        return {"count": 0, **nothing, "bins": [], "quantiles": []}
    p1, median, p90, p99 = (float(np.quantile(numbers, q)) for q in (0.01, 0.5, 0.9, 0.99))
    top = float(np.quantile(numbers, until))
    whole = bool((numbers == np.round(numbers)).all())
    low = float(numbers.min())
    step = max(1.0, np.ceil((top - low + 1) / bins)) if whole else max((top - low) / bins, 1e-9)
    edges = np.arange(low, top + step * 1.0001, step) if whole else np.linspace(low, low + step * bins, bins + 1)
    if len(edges) < 2:
        edges = np.array([low, low + step])
    if whole and edges[-1] <= top:
        edges = np.append(edges, edges[-1] + step)
    # The last edge belongs to the bins only where the measure is no count: a count of bins is half open throughout.
    beyond = numbers >= edges[-1] if whole else numbers > edges[-1]
    counts, _ = np.histogram(numbers[~beyond], edges)
    rows: list[Figures] = [
        {"start": float(a), "stop": float(b), "count": int(n)}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    if beyond.any():
        last = float(edges[-1])
        rows.append({"start": last, "stop": last + float(step), "count": int(beyond.sum()), "beyond": True})
    mean, most = float(numbers.mean()), float(numbers.max())
    places = (np.arange(min(len(numbers), QUANTILES)) + 0.5) / min(len(numbers), QUANTILES)
    kept = np.quantile(numbers, places, method="inverted_cdf").tolist()
    figures = {"count": len(numbers), "mean": mean, "median": median, "p1": p1, "p90": p90, "p99": p99, "max": most}
    return {**figures, "bins": rows, "quantiles": kept}


def inequality(sizes: np.ndarray, points: int = 60) -> Figures:
    """Gini coefficient, shares of the largest 1, 5, 10 and 25 %, and the Lorenz curve of sizes."""
    ordered = np.sort(np.asarray(sizes, np.float64))
    total, n = ordered.sum(), len(ordered)
    if not n or not total:
        return {"gini": None, "top_percent": None, "top_shares": {}, "lorenz": []}
    gini = float(2 * (ordered * np.arange(1, n + 1)).sum() / (n * total) - (n + 1) / n)
    shares = np.concatenate([[0.0], np.cumsum(ordered) / total])
    at = np.unique(np.linspace(0, n, points).astype(int))
    curve = [{"x": float(i / n), "y": float(shares[i])} for i in at]
    tops = {str(p): float(ordered[-max(1, n * p // 100) :].sum() / total) for p in TOPS}
    return {"gini": gini, "top_percent": tops["1"], "top_shares": tops, "lorenz": curve}


def _per(dataset: Dataset, column: str) -> np.ndarray:
    counts = dataset.counts(column)
    return counts[counts > 0]


def _lengths(dataset: Dataset, column: str) -> np.ndarray:
    return np.concatenate([shard[column].list.len().to_numpy() for shard in dataset.shards([column])])


def _user_blocks(dataset: Dataset, store: DatasetStore) -> Figures:
    without = inconsistent = 0
    for blocks in dataset.shards():
        without += blocks["positive"].null_count()
        inconsistent += blocks.group_by("user", "positive").len("n").filter(pl.col("n") > 1).height
        inconsistent += blocks.select(pl.col("negatives").arr.contains(pl.col("positive")).sum()).item()
    return {
        "per_user": spread(_per(dataset, "user")),
        "blocks": dataset.manifest.rows,
        "without_positive": without,
        "inconsistent": inconsistent,
    }


def _triplets(dataset: Dataset, store: DatasetStore) -> Figures:
    return {"per_user": spread(_per(dataset, "user")), "triplets": dataset.manifest.rows}


def _liked(dataset: Dataset, store: DatasetStore) -> Figures:
    return {"per_user": spread(_per(dataset, "user")), "pairs": dataset.manifest.rows}


def _exploration(dataset: Dataset, store: DatasetStore) -> Figures:
    return {"coefficients": spread(dataset.frame(["exploration"])["exploration"].to_numpy(), until=1.0)}


def _ownership(dataset: Dataset, store: DatasetStore) -> Figures:
    owned = _per(dataset, "owner")
    return {"per_owner": spread(owned), "owned": dataset.manifest.rows, **inequality(owned)}


def _pairings(dataset: Dataset, store: DatasetStore) -> Figures:
    chosen = dataset.counts("neighbour")
    figures = {"per_user": spread(_per(dataset, "user")), "popularity": spread(chosen[chosen > 0])}
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


def _library(dataset: Dataset, store: DatasetStore) -> Figures:
    return {"songs_per_row": spread(dataset.frame(["songs"])["songs"].to_numpy()), "rows": dataset.manifest.rows}


def _candidates(dataset: Dataset, store: DatasetStore) -> Figures:
    return {"per_user": spread(_lengths(dataset, "playlists"))}


def _ranked(dataset: Dataset, store: DatasetStore) -> Figures:
    """How popular what is recommended is: likers in train of each place shown, and how often a playlist is shown."""
    top = [shard["playlists"].list.head(SHOWN).explode() for shard in dataset.shards(["playlists"])]
    shown = pl.concat(top).drop_nulls().to_numpy()
    times = np.bincount(shown)
    figures: Figures = {"per_user": spread(_lengths(dataset, "playlists")), "times_shown": spread(times[times > 0])}
    if store.has("playlist_ownership"):
        owned = store.open("playlist_ownership").frame(["playlist", "likers"])
        playlists = owned["playlist"].to_numpy()
        likers = np.zeros(max(len(times), playlists.max(initial=0) + 1), np.int64)
        likers[playlists] = owned["likers"].to_numpy()
        figures["recommended_popularity"] = spread(likers[shown])
    return figures


def _nulls(dataset: Dataset, store: DatasetStore) -> Figures:
    """Share of nulls in each column that may hold them; where none may, the schema's check says so."""
    columns = sorted(n for n, f in SCHEMAS[dataset.name].fields.items() if f.nullable and n in dataset.manifest.columns)
    counts = dict.fromkeys(columns, 0)
    for shard in dataset.shards(columns):
        for name in columns:
            counts[name] += shard[name].null_count()
    rows = max(dataset.manifest.rows, 1)
    return {"rows": dataset.manifest.rows, "nulls": {name: count / rows for name, count in counts.items()}}


def _rows(dataset: Dataset, store: DatasetStore) -> Figures:
    return {"rows": dataset.manifest.rows}


COMPUTED: dict[str, Callable[[Dataset, DatasetStore], Figures]] = {
    "songs": _rows,
    "user_library": _library,
    "playlist_library": _library,
    "exploration_coefficients": _exploration,
    "liked_playlists": _liked,
    "cold_users": _rows,
    "playlist_ownership": _ownership,
    "user_blocks": _user_blocks,
    "triplets": _triplets,
    "user_pairings": _pairings,
    "candidates": _candidates,
    "ranked_candidates": _ranked,
    "mpd_playlists": _nulls,
    "msd_songs": _nulls,
    "scores": _nulls,
}
"""Datasets that the dashboard and the drift checks know figures of, and how these are computed."""
