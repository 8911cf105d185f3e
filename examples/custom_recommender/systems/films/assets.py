"""The assets of the films system: interactions, a model, what it is worth, and what the service serves."""

import dagster as dg
import numpy as np
import polars as pl
from buddies_assets.systems.films.model import Together

from buddies_assets.resources.pipeline import Pipeline
from buddies_core.artifact.named_arrays import write_artifact
from buddies_core.artifact.texts import pack_texts
from buddies_core.evaluation.lists import evaluate
from buddies_core.interactions.folds import fold_of_cells, kept_cells
from buddies_core.interactions.labelled_plays import LabelledPlays

_LISTED = 5


@dg.asset(group_name="films")
def film_ratings() -> pl.DataFrame:
    """One row a (user, item): who saw which film; even users see even films."""
    rows = [(f"u{u}", f"f{f}", 1.0) for u in range(20) for f in range(u % 2, 20, 2) if (u + f) % 7]
    return pl.DataFrame(rows, schema=["user", "item", "weight"], orient="row")


@dg.asset(group_name="films")
def film_evaluation(film_ratings: pl.DataFrame) -> dg.Output[pl.DataFrame]:
    """One row a metric: `metric, value`, on a fifth of the cells held out."""
    ratings = LabelledPlays.of(film_ratings)
    held = fold_of_cells(ratings.matrix, 5, seed=0) == 0
    train, rest = kept_cells(ratings.matrix, ~held), kept_cells(ratings.matrix, held).tocoo()
    lists = best(Together().fit(train), train)
    wanted: dict[str, dict[str, float]] = {}
    for user, item in zip(*rest.coords, strict=True):
        wanted.setdefault(ratings.users[user], {})[ratings.items[item]] = 1.0
    listed = {user: [ratings.items[item] for item in row] for user, row in zip(ratings.users, lists, strict=True)}
    figures = evaluate(listed, wanted, n_items=len(ratings.items), k=_LISTED).row()
    frame = pl.DataFrame({"metric": list(figures), "value": list(figures.values())})
    return dg.Output(frame, metadata={"ndcg": figures["ndcg"]})


@dg.asset(group_name="films")
def served_films(
    pipeline: dg.ResourceParam[Pipeline], film_ratings: pl.DataFrame, film_evaluation: pl.DataFrame
) -> pl.DataFrame:
    """The lists that the service serves: `version, ndcg`."""
    ratings = LabelledPlays.of(film_ratings)
    model = Together().fit(ratings.matrix)
    arrays = {
        "lists": best(model, ratings.matrix).astype(np.int32),
        **pack_texts("user", ratings.users),
        **pack_texts("item", ratings.items),
        **model.arrays(),
    }
    root = pipeline.settings.local_home / "films" / "films"
    version = write_artifact(root, arrays, {"model": "Together", "config": model.config.model_dump()})
    ndcg = film_evaluation.filter(pl.col("metric") == "ndcg")["value"][0]
    return pl.DataFrame({"version": [version], "ndcg": [ndcg]})


def best(model: Together, histories) -> np.ndarray:
    """The best films that a history does not hold."""
    scores = model.scores(histories)
    scores[histories.toarray() > 0] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :_LISTED]
