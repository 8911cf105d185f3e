"""Figures of one version of a dataset: counts, means, histograms, Lorenz curves, shares of nulls.

A dataset's spec names what makes its figures; here are the parts that they are made of, and what any dataset can have.
Each is plain JSON, computed once per fingerprint and then kept.
"""

from collections.abc import Callable

import numpy as np

from buddies_core.evaluation.inequality import gini
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from quality.dataset_spec import DatasetSpec, Figures

BINS = 40
TAIL = 0.99
QUANTILES = 200
TOPS = (1, 5, 10, 25)
"""Per cent of the largest whose share of the whole is told."""


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
    shares = np.concatenate([[0.0], np.cumsum(ordered) / total])
    at = np.unique(np.linspace(0, n, points).astype(int))
    curve = [{"x": float(i / n), "y": float(shares[i])} for i in at]
    tops = {str(p): float(ordered[-max(1, n * p // 100) :].sum() / total) for p in TOPS}
    return {"gini": gini(ordered), "top_percent": tops["1"], "top_shares": tops, "lorenz": curve}


def rows_per(dataset: Dataset, column: str) -> np.ndarray:
    """How many rows each value of an index column has, values without any left out."""
    counts = dataset.counts(column)
    return counts[counts > 0]


def rows_per_value(**figures: str) -> Callable[[Dataset, DatasetStore], Figures]:
    """What computes the spread of rows per value of some columns, each by the name of its figure."""

    def compute(dataset: Dataset, store: DatasetStore) -> Figures:
        frame = dataset.frame([*set(figures.values())])
        return {name: spread(frame.group_by(column).len()["len"].to_numpy()) for name, column in figures.items()}

    return compute


def list_lengths(dataset: Dataset, column: str) -> np.ndarray:
    """Members of the list in each row."""
    return np.concatenate([shard[column].list.len().to_numpy() for shard in dataset.shards([column])])


def row_count(dataset: Dataset, store: DatasetStore) -> Figures:
    """Rows alone."""
    return {"rows": dataset.manifest.rows}


def figures_of(spec: DatasetSpec, dataset: Dataset, store: DatasetStore) -> Figures:
    """Everything that is known of a version: the figures of its spec, and shares of nulls where these are watched."""
    found = spec.figures(dataset, store) if spec.figures else {}
    return {**found, **null_shares(spec, dataset)} if spec.nulls else found


def null_shares(spec: DatasetSpec, dataset: Dataset) -> Figures:
    """Share of nulls in each column that may hold them; where none may, the schema's check says so."""
    nullable = {name for name, field in spec.schema.fields.items() if field.nullable} if spec.schema else set()
    counts = dict.fromkeys(sorted(nullable & set(dataset.manifest.columns)), 0)
    for shard in dataset.shards(list(counts)):
        for name in counts:
            counts[name] += shard[name].null_count()
    rows = max(dataset.manifest.rows, 1)
    return {"rows": dataset.manifest.rows, "nulls": {name: count / rows for name, count in counts.items()}}
