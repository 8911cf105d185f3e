"""Figures of one version of a dataset for the dashboard's training page: counts, means, histograms, Lorenz curves.

Each function reads a dataset lazily and returns plain JSON, to be computed once per fingerprint and then kept.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from buddies_assets.datasets import Dataset, DatasetStore

BINS = 40
TAIL = 0.99
Figures = dict[str, Any]


def spread(values: np.ndarray, bins: int = BINS, until: float = TAIL) -> Figures:
    """Count, mean, quantiles and a histogram whose last bin gathers the tail beyond the quantile `until`."""
    numbers = np.asarray(values, np.float64)
    if not len(numbers):
        return {"count": 0, "mean": None, "median": None, "p1": None, "p99": None, "max": None, "bins": []}
    p1, median, p99 = (float(np.quantile(numbers, q)) for q in (0.01, 0.5, 0.99))
    top = float(np.quantile(numbers, until))
    whole = bool((numbers == np.round(numbers)).all())
    low = float(numbers.min())
    step = max(1.0, np.ceil((top - low + 1) / bins)) if whole else max((top - low) / bins, 1e-9)
    edges = np.arange(low, top + step * 1.0001, step) if whole else np.linspace(low, low + step * bins, bins + 1)
    if len(edges) < 2:
        edges = np.array([low, low + step])
    if whole and edges[-1] <= top:
        edges = np.append(edges, edges[-1] + step)
    counts, _ = np.histogram(np.minimum(numbers, top), edges)
    rows = [
        {"start": float(a), "stop": float(b), "count": int(n)}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    mean, most = float(numbers.mean()), float(numbers.max())
    return {"count": len(numbers), "mean": mean, "median": median, "p1": p1, "p99": p99, "max": most, "bins": rows}


def inequality(sizes: np.ndarray, points: int = 60) -> Figures:
    """Gini coefficient, share of the largest 1 %, and the Lorenz curve of sizes."""
    ordered = np.sort(np.asarray(sizes, np.float64))
    total, n = ordered.sum(), len(ordered)
    if not n or not total:
        return {"gini": None, "top_percent": None, "lorenz": []}
    gini = float(2 * (ordered * np.arange(1, n + 1)).sum() / (n * total) - (n + 1) / n)
    shares = np.concatenate([[0.0], np.cumsum(ordered) / total])
    at = np.unique(np.linspace(0, n, points).astype(int))
    curve = [{"x": float(i / n), "y": float(shares[i])} for i in at]
    top = float(ordered[-max(1, n // 100) :].sum() / total)
    return {"gini": gini, "top_percent": top, "lorenz": curve}


def _per(dataset: Dataset, column: str) -> np.ndarray:
    return dataset.scan().group_by(column).len("n").select("n").collect()["n"].to_numpy()


def _user_blocks(dataset: Dataset, store: DatasetStore) -> Figures:
    blocks = dataset.scan()
    doubled = blocks.select("user", "positive").group_by("user", "positive").len("n").filter(pl.col("n") > 1)
    among = blocks.filter(pl.col("negatives").arr.contains(pl.col("positive")))
    return {
        "per_user": spread(_per(dataset, "user")),
        "blocks": dataset.manifest.rows,
        "without_positive": blocks.filter(pl.col("positive").is_null()).select(pl.len()).collect().item(),
        "inconsistent": doubled.select(pl.len()).collect().item() + among.select(pl.len()).collect().item(),
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
    figures = {"per_user": spread(_per(dataset, "user")), "popularity": spread(_per(dataset, "neighbour"))}
    if store.has("playlist_ownership"):
        owned = store.open("playlist_ownership").scan().group_by("owner").len("owned")
        pairs = dataset.scan().select("user", owner="neighbour").join(owned, on="owner")
        reach = pairs.group_by("user").agg(pl.col("owned").sum()).collect()["owned"]
        figures["reachable"] = spread(reach.to_numpy())
    return figures


def _library(dataset: Dataset, store: DatasetStore) -> Figures:
    return {"songs_per_row": spread(dataset.frame(["songs"])["songs"].to_numpy()), "rows": dataset.manifest.rows}


def _candidates(dataset: Dataset, store: DatasetStore) -> Figures:
    return {"per_user": spread(dataset.frame(["playlists"])["playlists"].list.len().to_numpy())}


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
}
"""Datasets that the training page shows, and how their figures are computed."""
