"""What must hold of the films."""

import dagster as dg
import polars as pl

from buddies_assets.resources.pipeline import Pipeline


@dg.asset_check(asset="film_evaluation")
def films_beat_chance(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """Half of the films are of the wrong kind: a list at random would have an NDCG of a quarter at best."""
    ndcg = pipeline.store.open("film_evaluation").frame().filter(pl.col("metric") == "ndcg")["value"][0]
    return dg.AssetCheckResult(passed=bool(ndcg > 0.25), metadata={"value": float(ndcg)})
