"""How much each user would like each playlist, and which playlists they like."""

import dagster as dg
import numpy as np
import polars as pl

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, SCORING, per_value, spread
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.interactions.labelled import load_keys
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset


@dg.asset(
    group_name=SCORING,
    kinds={"parquet", "scipy"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.scoring.exploration"),
)
def exploration_coefficients(pipeline: dg.ResourceParam[Pipeline], user_library: Dataset) -> dg.Output[pl.DataFrame]:
    """How adventurous each user is, in (0, 1): drawn from Beta(1.3, 3.3) once, by (seed, user id) alone."""
    from buddies_assets.systems.playlists.scoring.exploration import exploration_coefficients as drawn

    keys = load_keys(user_library)
    users = np.arange(len(keys), dtype=np.uint32)
    frame = pl.DataFrame({"user": users, "exploration": drawn(keys, pipeline.settings.seed)})
    return dg.Output(
        frame,
        metadata=spread("exploration", frame["exploration"])
        | {"plot": plots.histogram(frame["exploration"], "Exploration coefficients", "coefficient", until=1.0)},
    )


@dg.asset(
    group_name=SCORING,
    kinds={"parquet", "numba"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.scores"),
)
def scores(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    user_library: Dataset,
    playlist_library: Dataset,
    exploration_coefficients: Dataset,
) -> dg.Output[Dataset]:
    """One row a user: how their scores are distributed, the pairs they like, a sample of their hard and easy others.

    The table of all pairs is never made; `BUDDIES_RETAIN=all` keeps it, for small data.
    """
    from buddies_assets.systems.playlists.steps.scores import SCORES

    settings = pipeline.settings
    dataset = pipeline.build(
        context,
        SCORES,
        {
            "user_library": user_library,
            "playlist_library": playlist_library,
            "exploration_coefficients": exploration_coefficients,
        },
        {"seed": settings.seed, "pool_size": settings.pool_size, "retain": settings.retain},
        pipeline.users_in_shards(user_library.manifest.rows),
    )
    statistics = dataset.frame(["pairs", "score_min", "score_median", "score_max"])
    pairs = statistics["pairs"]
    seconds = dataset.manifest.extra["seconds"]
    facts = {
        "pairs": int(pairs.sum()),
        "pairs a second": int(pairs.sum() / seconds) if seconds else 0,
        "lowest score": float(statistics["score_min"].drop_nulls().to_numpy().min(initial=1.0)),
        "median of users' medians": float(statistics["score_median"].quantile(0.5) or 0.0),
        "highest score": float(statistics["score_max"].drop_nulls().to_numpy().max(initial=0.0)),
    }
    plot = plots.histogram(pairs, "Playlists that share a song with a user", "playlists")
    return dg.Output(dataset, metadata=facts | spread("pairs a user", pairs) | {"plot": plot})


@dg.asset(
    group_name=SCORING,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.scores"),
)
def liked_playlists(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline], scores: Dataset
) -> dg.Output[Dataset]:
    """The best 1.5 % of each user's pairs, at least one: `user, playlist, rank, matches, score`, best first."""
    from buddies_assets.systems.playlists.steps.scores import LIKED_PLAYLISTS

    ranges = pipeline.users_in_shards(scores.manifest.rows)
    dataset = pipeline.build(context, LIKED_PLAYLISTS, {"scores": scores}, {}, ranges)
    liked = per_value(dataset, "user")
    plot = plots.histogram(liked, "Liked playlists of a user", "playlists")
    return dg.Output(dataset, metadata=spread("liked a user", liked) | {"users": len(liked), "plot": plot})
