"""What listeners make of the lists, asked with plays that nothing learnt from."""

import dagster as dg
import polars as pl

from buddies_assets.metadata import OWNERS, SERVING, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.assets.training import checkpoint_store
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset


@dg.asset(
    group_name=SERVING,
    kinds={"parquet", "numpy"},
    owners=OWNERS,
    deps=["als_factors", "bpr_checkpoint", "candidates", "playlist_ownership", "splits"],
    code_version=code_version("buddies_assets.systems.playlists.listeners"),
)
def listener_evaluation(
    pipeline: dg.ResourceParam[Pipeline],
    ranked_candidates: Dataset,
    hidden_plays: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    songs: Dataset,
) -> dg.Output[pl.DataFrame]:
    """One row a system: of the songs that five playlists bring new, how many are hidden plays of the listener.

    `precision`, `hits` (distinct such songs), `any`, `common`, `shorter`, each with its 95 % interval over listeners;
    random, most liked, song overlap, ALS and the model alone, the reference's recipe, and what is served.
    """
    from buddies_assets.systems.playlists.listeners import listener_table, plays_library
    from buddies_assets.systems.playlists.steps.tracked_training import learnt
    from buddies_core.interactions.labelled import load_library

    hidden = plays_library(hidden_plays.frame(), user_library.frame(["user", "user_id"]), songs.frame())
    version = ranked_candidates.manifest.params["version"]
    checkpoints = checkpoint_store(pipeline)
    factors, positives = checkpoints.factors(version), learnt(checkpoints.load(version).lineage)
    seed = pipeline.settings.seed
    frame, judged = listener_table(pipeline.store, factors, load_library(user_library), hidden, seed=seed)
    ranking = ranked_candidates.manifest.params["ranking"]
    frame = frame.with_columns(
        listeners=pl.lit(judged, pl.UInt32),
        version=pl.lit(version),
        ranking=pl.lit(ranking, pl.String),
        positives=pl.lit(positives, pl.String),
    )
    return dg.Output(frame, metadata={"listeners judged": judged, "ranking": ranking, "table": table(frame)})
