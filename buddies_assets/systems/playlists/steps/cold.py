"""Users never trained on: the maps from songs to factors, and how well they rank for the users set aside."""

from dataclasses import fields

import polars as pl

from buddies_assets.systems.playlists import cold_listeners
from buddies_assets.systems.playlists.cold_listeners import listened_table
from buddies_assets.systems.playlists.cold_users import KNOWN, cold_user_table
from buddies_assets.systems.playlists.steps.taste import taught
from buddies_assets.systems.playlists.steps.tracked_training import Positives, learnt
from buddies_assets.systems.playlists.steps.training import stored_keys
from buddies_core.evaluation.metrics import RankingMetrics
from buddies_core.evaluation.ranks import popularity
from buddies_core.evaluation.sampled_negatives import evaluation_batches
from buddies_core.interactions import ragged
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.interactions.likes import train_likes
from buddies_core.kernels.drawing import Catalogue
from buddies_core.recommenders.bpr.data import EvaluationCases
from buddies_core.recommenders.factors import Factors
from buddies_core.recommenders.fold_in import FoldIn, drawn_rows, fit_fold_in
from buddies_core.registry.checkpoints import Checkpoint
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore

JUDGED_USERS, JUDGED_CASES = 2_000, 200_000
_METRICS = tuple(field.name for field in fields(RankingMetrics) if field.name != "batches")
_WITH_INTERVALS = tuple(metric for metric in _METRICS if metric != "recall_10")
RANKED = pl.Schema(
    {
        "system": pl.String,
        **dict.fromkeys(("known_songs", "users", "bags"), pl.Int64),
        **dict.fromkeys(_METRICS, pl.Float64),
        **dict.fromkeys((f"{m}_gain{edge}" for m in ("mrr", "hit_5") for edge in ("", "_low", "_high")), pl.Float64),
        **dict.fromkeys((f"{metric}_{edge}" for edge in ("low", "high") for metric in _WITH_INTERVALS), pl.Float64),
    }
)
"""Columns of `cold_user_table`."""
COLUMNS = pl.Schema({**RANKED, **{name: dtype for name, dtype in cold_listeners.COLUMNS.items() if name not in RANKED}})
"""Columns of the evaluation of cold users, whether or not anybody was set aside."""


def positives_of(
    learnt: Positives, splits: Dataset, taste_positives: Dataset, user_library: Dataset, playlist_library: Dataset
) -> Library:
    """What a model was taught, users x playlists: train likes, or what taste chose."""
    shape = user_library.manifest.rows, playlist_library.manifest.rows
    if learnt == "likes":
        return train_likes(splits, *shape)
    rows = taught(taste_positives)
    return Library.from_pairs(rows["user"].to_numpy(), rows["positive"].to_numpy(), *shape)


def positives_of_cold_users(learnt: Positives, liked_playlists: Dataset, taste_positives: Dataset) -> pl.LazyFrame:
    """The same for whom it was not taught: `user, playlist`, of others too where they are likes."""
    if learnt == "likes":
        return liked_playlists.scan().select("user", "playlist")
    return taste_positives.scan().filter(pl.col("cold")).select("user", playlist="positive")


def fold_in_of(factors: Factors, likes: Library, user_library: Dataset, playlist_library: Dataset) -> FoldIn:
    """The maps from songs to a model's factors, by the positives that it was taught."""
    keys = stored_keys(user_library, playlist_library)
    return fit_fold_in(factors.playlists, load_library(user_library), load_library(playlist_library), likes, keys=keys)


def stored_fold_in(cold_user_evaluation: Dataset) -> FoldIn:
    """The maps that the evaluation of cold users was made with, its parts."""
    return FoldIn(**{part.name: cold_user_evaluation.array(part.name) for part in fields(FoldIn)})


def fold_in_to_serve(
    store: DatasetStore,
    checkpoint: Checkpoint,
    factors: Factors,
    splits: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
) -> FoldIn:
    """The maps kept with the evaluation of cold users; fitted anew when that was of another version of the model."""
    if store.has("cold_user_evaluation"):
        stored = store.open("cold_user_evaluation")
        if stored.manifest.params.get("version") == checkpoint.version:
            return stored_fold_in(stored)
    learnt_by = learnt(checkpoint.lineage)
    # A home from before taste was taught has no such dataset, and its models learnt likes.
    taste = splits if learnt_by == "likes" else store.open("taste_positives")
    likes = positives_of(learnt_by, splits, taste, user_library, playlist_library)
    return fold_in_of(factors, likes, user_library, playlist_library)


def cold_table(
    fold_in: FoldIn,
    factors: Factors,
    cold_users: Dataset,
    liked: pl.LazyFrame,
    train: Library,
    user_library: Dataset,
    playlist_library: Dataset,
    hidden: Library,
    *,
    seed: int,
) -> pl.DataFrame:
    """One row a (system, number of known songs); no row, of the same columns, where nobody can be judged by.

    That is where nobody was set aside, or too few playlists are left to rank theirs among.

    Judged by at most `JUDGED_USERS` of them and `JUDGED_CASES` of their likes, the users drawn by their keys.

    Args:
        liked: `user, playlist`, of cold users and perhaps of others.
        train: what the model was taught; its most liked playlists are the list that needs no song.
        hidden: plays that nothing learnt from, over all users and songs; with the songs that are not told they judge
            the fold-in's lists (columns of `cold_listeners.listened_table`).
    """
    everybody = cold_users.frame(["user"])["user"]
    cold = everybody[drawn_rows(load_keys(user_library)[everybody.to_numpy()], JUDGED_USERS, seed)]
    likes = liked.filter(pl.col("user").is_in(cold.implode())).collect()
    if not likes.height:
        return COLUMNS.to_frame()
    likes = likes.sort("user", "playlist")
    users = likes["user"].unique().sort().to_numpy()
    held = ragged.of_users(users, likes["user"].to_numpy(), likes["playlist"].to_numpy())
    keys = stored_keys(user_library, playlist_library)
    catalogue = Catalogue.of(keys.playlists)
    drawn = evaluation_batches(users, held, held, keys=keys.users[users], catalogue=catalogue, seed=seed)
    if not len(drawn.user):
        return COLUMNS.to_frame()
    cases = EvaluationCases(drawn.user, drawn.positive, drawn.negatives).head(JUDGED_CASES)
    songs, counts = load_library(user_library), popularity(train)
    contents = load_library(playlist_library)
    lengths = playlist_library.frame(["length"])["length"].to_numpy()
    rows = cold_user_table(fold_in, factors, songs, contents, lengths, cases, counts, keys=keys, seed=seed)
    listened = listened_table(
        fold_in, factors.playlists, cold.to_numpy(), songs, hidden, contents, counts, known=KNOWN, keys=keys, seed=seed
    )
    folded = listened.with_columns(system=pl.lit("fold-in"))
    ranked = pl.DataFrame(rows, schema=RANKED)
    return ranked.join(folded, on=["system", "known_songs"], how="left", nulls_equal=True, maintain_order="left")
