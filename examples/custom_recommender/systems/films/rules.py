"""What must hold of the films."""

import polars as pl

from quality.rules.verdict import Finding, rule, within


@rule(blocking=True)
def films_beat_chance(film_evaluation: pl.DataFrame) -> Finding:
    """The NDCG is above a quarter: half of the films are of the wrong kind, a list at random has no more."""
    ndcg = film_evaluation.filter(pl.col("metric") == "ndcg")["value"][0]
    return within(ndcg, 0.25, None, film_evaluation.height)
