"""Who is paired with whom by taste, and which playlists that puts within reach."""

from typing import Any

import dagster as dg
import polars as pl

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, PAIRING, per_value, spread
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import DatasetNotFoundError

KINDS = {"parquet", "numba"}


@dg.asset(
    group_name=PAIRING,
    kinds=KINDS,
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.pairs"),
)
def user_pairings(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    user_library: Dataset,
    playlist_ownership: Dataset,
) -> dg.Output[Dataset]:
    """Each user's neighbours by cosine of libraries: `user, rank, neighbour, similarity, shared`, nearest first.

    Among the 100 nearest those who own nothing are skipped; the rest are taken until 50 neighbours and 20 playlists
    are reached.
    """
    from buddies_assets.systems.playlists.steps.pairs import USER_PAIRINGS

    settings = pipeline.settings
    inputs = {"user_library": user_library, "playlist_ownership": playlist_ownership}
    params: dict[str, Any] = {"shuffle_nearest": settings.shuffle_nearest}
    if settings.shuffle_nearest:
        params["seed"] = settings.seed
    dataset = pipeline.build(
        context, USER_PAIRINGS, inputs, params, pipeline.users_in_shards(user_library.manifest.rows)
    )
    owned = playlist_ownership.frame(["owner"]).group_by("owner").len("owned")
    pairs = dataset.scan().select("user", "neighbour").join(owned.lazy(), left_on="neighbour", right_on="owner")
    per_user = (
        pairs.group_by("user").agg(pl.len().alias("neighbours"), pl.col("owned").sum().alias("reachable")).collect()
    )
    chosen = per_value(dataset, "neighbour")
    facts = (
        {"users with a neighbour": per_user.height, "users chosen": len(chosen)}
        | spread("neighbours a user", per_user["neighbours"])
        | spread("playlists reachable", per_user["reachable"])
        | spread("times chosen", chosen)
    )
    shown = {
        "neighbours": plots.histogram(per_user["neighbours"], "Neighbours of a user", "neighbours", until=1.0),
        "reachable": plots.histogram(per_user["reachable"], "Playlists reachable through neighbours", "playlists"),
        "popularity": plots.histogram(chosen, "How often a user is a neighbour", "times chosen"),
    }
    return dg.Output(dataset, metadata={**facts, **shown})


@dg.asset(
    group_name=PAIRING,
    kinds=KINDS,
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.pairs"),
)
def candidates(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    user_library: Dataset,
    playlist_library: Dataset,
    user_pairings: Dataset,
    playlist_ownership: Dataset,
    splits: Dataset,
) -> dg.Output[Dataset]:
    """At most 75 playlists a user, drawn from those the neighbours own: `user, playlists`; none owned or liked already.

    Each materialisation draws anew (`BUDDIES_CANDIDATE_DRAW` fixes the draw), so that what is offered stays fresh.
    """
    from buddies_assets.systems.playlists.steps.pairs import CANDIDATES

    settings = pipeline.settings
    draw = settings.candidate_draw
    if draw is None:
        draw = _last_draw(pipeline.store) + 1
    inputs = {
        "user_library": user_library,
        "playlist_library": playlist_library,
        "user_pairings": user_pairings,
        "playlist_ownership": playlist_ownership,
        "splits": splits,
    }
    params = {"seed": settings.seed, "draw": draw, "most": settings.candidates}
    dataset = pipeline.build(context, CANDIDATES, inputs, params, pipeline.users_in_shards(user_library.manifest.rows))
    drawn = dataset.frame(["playlists"])["playlists"].list.len()
    return dg.Output(dataset, metadata={"draw": draw, **spread("candidates a user", drawn)})


def _last_draw(store: DatasetStore) -> int:
    """The draw of the stored candidates; -1 where there are none, or none that can be read."""
    try:
        return int(store.open("candidates").manifest.params["draw"])
    except DatasetNotFoundError:
        return -1
