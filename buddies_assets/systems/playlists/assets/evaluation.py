"""How good the model is: beside what it must beat, and for users it was never trained on."""

from dataclasses import fields

import dagster as dg
import polars as pl

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, TRAINING, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.assets.training import bpr_checkpoint, checkpoint_store
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset


@dg.asset(
    group_name=TRAINING,
    kinds={"parquet", "numpy"},
    owners=OWNERS,
    deps=[bpr_checkpoint],
    code_version=code_version("buddies_assets.systems.playlists.steps.evaluation"),
)
def bpr_evaluation(
    pipeline: dg.ResourceParam[Pipeline],
    validation_batches: Dataset,
    test_batches: Dataset,
    splits: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    playlist_ownership: Dataset,
    als_factors: Dataset,
    candidates: Dataset,
    taste_candidates: Dataset,
) -> dg.Output[pl.DataFrame]:
    """One row a (system, split): MRR, Hit@1/5/10 and NDCG@10 of the batches with 95 % intervals (bootstrap over users).

    A tie counts at its expected rank, and `ties` says how many there are; positives with the songs of a train like are
    told apart (`twin_mrr`, `other_mrr`). Besides: MRR among popularity-matched negatives, NDCG and recall over the
    whole catalogue, coverage, novelty, and the same over the neighbours' candidates, with the share of held-out likes
    that these hold (`served_recall`: recall@75) and their likeness to what the listener owns and likes.
    `shown_precision_5` is the P@5 of held-out likes in the lists that are served. The systems: random, most liked, song
    overlap (the ceiling where labels are made of it), the neighbours' vote, ALS, and the model. Likes do not judge a
    model that was taught taste (`positives`).
    """
    from buddies_assets.systems.playlists.steps.evaluation import evaluation_table
    from buddies_assets.systems.playlists.steps.tracked_training import learnt

    store = checkpoint_store(pipeline)
    checkpoint = store.latest()
    frame = evaluation_table(
        store.factors(checkpoint.version),
        als_factors,
        {"validation": validation_batches, "test": test_batches},
        splits=splits,
        user_library=user_library,
        playlist_library=playlist_library,
        playlist_ownership=playlist_ownership,
        candidates=candidates,
        taste_candidates=taste_candidates if pipeline.settings.ranking == "taste" else None,
        seed=pipeline.settings.seed,
    ).with_columns(version=pl.lit(checkpoint.version), positives=pl.lit(learnt(checkpoint.lineage), pl.String))
    return dg.Output(frame, metadata={"version": checkpoint.version, "table": table(frame)})


@dg.asset(
    group_name=TRAINING,
    kinds={"parquet", "numpy"},
    owners=OWNERS,
    deps=[bpr_checkpoint],
    code_version=code_version("buddies_assets.systems.playlists.steps.cold"),
)
def cold_user_evaluation(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    cold_users: Dataset,
    liked_playlists: Dataset,
    splits: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    taste_positives: Dataset,
    hidden_plays: Dataset,
    songs: Dataset,
) -> dg.Output[Dataset]:
    """One row a (system, number of known songs): metrics for the users set aside, folded in from their songs.

    Their positives are what the model was taught of others: what taste chose for their whole library, or likes.

    The most-liked list, which needs no song, stands beside the fold-in from 1, 3, 10 and all songs. The fold-in's lists
    are judged by plays too (`precision` of `listeners`): by hidden ones, and by songs that were not told. The maps from
    songs to factors are its parts; the service folds listeners in with them.
    """
    from buddies_assets.systems.playlists.listeners import plays_library
    from buddies_assets.systems.playlists.steps.cold import (
        cold_table,
        fold_in_of,
        positives_of,
        positives_of_cold_users,
    )
    from buddies_assets.systems.playlists.steps.tracked_training import learnt

    store = checkpoint_store(pipeline)
    checkpoint = store.latest()
    factors = store.factors(checkpoint.version)
    learnt_by = learnt(checkpoint.lineage)
    train = positives_of(learnt_by, splits, taste_positives, user_library, playlist_library)
    fold_in = fold_in_of(factors, train, user_library, playlist_library)
    liked = positives_of_cold_users(learnt_by, liked_playlists, taste_positives)
    seed = pipeline.settings.seed
    hidden = plays_library(hidden_plays.frame(), user_library.frame(["user", "user_id"]), songs.frame())
    frame = cold_table(fold_in, factors, cold_users, liked, train, user_library, playlist_library, hidden, seed=seed)
    sources = {"splits": splits, "user_library": user_library, "playlist_library": playlist_library}
    sources |= {"taste_positives": taste_positives} if learnt_by == "taste" else {}
    sources |= {"hidden_plays": hidden_plays, "songs": songs}
    writer = pipeline.writer(context, "cold_user_evaluation", sources, {"version": checkpoint.version})
    for part in fields(fold_in):
        writer.write_part(part.name, getattr(fold_in, part.name))
    metadata: dict[str, dg.MetadataValue] = {"table": table(frame)}
    folded = frame.filter(pl.col("system") == "fold-in").with_row_index("level")
    if folded.height:
        metadata["plot"] = plots.lines(folded, "level", ["hit_5", "mrr"], "By songs known: 1, 3, 10, all")
    dataset = writer.commit([writer.write_shard(0, frame)])
    return dg.Output(dataset, metadata={"version": checkpoint.version, **metadata})
