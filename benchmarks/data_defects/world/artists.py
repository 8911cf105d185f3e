"""A small world of the artists system: plays, their splits, a search, a model, its figures and what is served."""

from typing import Any

import numpy as np
import polars as pl

_LISTENERS, _ARTISTS, _EACH, _LISTED = 60, 80, 15, 10


def artists(rng: np.random.Generator) -> dict[str, Any]:
    """Every dataset of the system by name, and the inputs of its rules."""
    popularity = 1.0 / (np.arange(_ARTISTS) + 4.0)
    keys = rng.exponential(size=(_LISTENERS, _ARTISTS)) / popularity
    order = keys.argsort(axis=1)
    played, rest = order[:, :_EACH], order[:, _EACH:]
    pairs = [(f"u{user}", f"a{artist}") for user, row in enumerate(played.tolist()) for artist in row]
    weights = rng.pareto(1.0, len(pairs)) + 1.0
    plays = pl.DataFrame(pairs, schema=["user", "item"], orient="row").with_columns(weight=pl.Series(weights))
    held_out = np.isin(np.arange(len(pairs)), rng.choice(len(pairs), len(pairs) // 5, replace=False))
    figures = (("model", 0.27), ("popular by listeners", 0.08), ("popular by plays", 0.07), ("item-kNN", 0.22))
    evaluation: list[tuple[str, str, float, float | None, float | None]] = [
        (name, "ndcg", value, value - 0.01, value + 0.01) for name, value in figures
    ]
    evaluation += [(name, "unseen", 1.0, None, None) for name, _ in figures]
    return {
        "artist_plays": plays,
        "artist_splits": plays.with_columns(split=pl.Series(np.where(held_out, "test", "train"))),
        "artist_search": pl.DataFrame(
            {
                "trial": [0, 1],
                "ndcg": [0.19, None],
                "seconds": [2.0, 1.0],
                "error": [None, "stopped"],
                "config": ["{}"] * 2,
            }
        ),
        "artist_model": pl.DataFrame({"model": ["Blend"], "config": ["{}"]}),
        "artist_arrays": {"weights": rng.standard_normal((_ARTISTS, _ARTISTS)), "order": np.arange(_ARTISTS)},
        "artist_evaluation": pl.DataFrame(
            evaluation,
            schema={"system": pl.String, "metric": pl.String, **dict.fromkeys(("value", "low", "high"), pl.Float64)},
            orient="row",
        ),
        "served_artists": pl.DataFrame(
            {"experiment": ["lastfm"], "version": ["v1"], "users": [_LISTENERS], "items": [_ARTISTS]}
        ),
        "artist_lists": rest[:, :_LISTED].astype(np.int32),
    }
