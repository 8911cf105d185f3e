"""The table of systems by ranking metrics, on the batches, on the whole catalogue, and on what is really served."""

import numpy as np
import polars as pl

from buddies_assets.systems.playlists.listeners import lists_of, rows_of
from buddies_assets.systems.playlists.steps.training import ranked_lists
from buddies_core.evaluation.ranks import popularity
from buddies_core.evaluation.report import evaluation_protocol, lowest_keys, quality_table
from buddies_core.evaluation.served_lists import served_metrics, shown_precision
from buddies_core.interactions import ragged
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.interactions.likes import all_likes, train_likes
from buddies_core.recommenders.baselines import (
    factor_model,
    neighbours_vote,
    popularity_baseline,
    random_order,
    song_overlap,
)
from buddies_core.recommenders.bpr.data import EvaluationCases, cases_from_frame
from buddies_core.recommenders.factors import Factors
from buddies_core.storage.dataset import Dataset

NOTHING_TO_JUDGE = pl.Schema(
    {
        **dict.fromkeys(("system", "split"), pl.String),
        **dict.fromkeys(("users", "batches"), pl.Int64),
        **dict.fromkeys(("mrr", "hit_1", "hit_5", "hit_10", "ndcg_10"), pl.Float64),
    }
)
"""Columns of the table where nobody has a like to be judged by."""
METRICS = ("mrr", "hit_1", "hit_5", "hit_10", "ndcg_10")
JUDGED_USERS = 2_000
"""Users of a split whose batches are ranked, which knows the MRR to about 0.005; the whole catalogue is ranked for
those that `training.quality` lists."""


def evaluation_table(
    factors: Factors,
    als_factors: Dataset,
    batches: dict[str, Dataset],
    *,
    splits: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    playlist_ownership: Dataset,
    candidates: Dataset,
    taste_candidates: Dataset | None,
    seed: int,
) -> pl.DataFrame:
    """One row a (system, split); splits without a batch have no row.

    Columns: those of `report.quality_table` (the cases are the batches), `served_<metric>` of
    `served_lists.served_metrics` over the stored candidates in the system's order, and `shown_precision_5` of the lists
    that this model would serve, the same for every system.

    Args:
        taste_candidates: what lists are ranked by; None where the candidates are, in the model's order.
    """
    n_users, n_playlists = user_library.manifest.rows, playlist_library.manifest.rows
    train = train_likes(splits, n_users, n_playlists)
    likes = _with_owned(playlist_ownership, all_likes(splits, n_users, n_playlists))
    counts = popularity(train)
    keys, pids = load_keys(user_library), load_keys(playlist_library)
    user_songs, playlist_songs = load_library(user_library), load_library(playlist_library)
    protocols = {
        split: evaluation_protocol(
            split,
            judged_cases(dataset, keys, JUDGED_USERS),
            likes=likes,
            train=train,
            popularity=counts,
            playlist_songs=playlist_songs,
            keys=keys,
            pids=pids,
            seed=seed,
            most_users=JUDGED_USERS,
        )
        for split, dataset in batches.items()
        if dataset.manifest.rows
    }
    if not protocols:
        return NOTHING_TO_JUDGE.to_frame()
    lengths = playlist_library.frame(["length"])["length"].to_numpy()
    systems = [
        random_order(keys, pids, seed=seed),
        popularity_baseline(counts),
        song_overlap(user_songs, playlist_songs, lengths),
        neighbours_vote(user_songs, train),
        factor_model("als", Factors(als_factors.array("users"), als_factors.array("playlists"))),
        factor_model("bpr", factors),
    ]
    offered = _offered(candidates, n_users, n_playlists)
    known = _with_owned(playlist_ownership, train)
    rows = quality_table(systems, protocols.values(), seed=seed)
    precision = {
        split: _shown_precision(factors, candidates, taste_candidates, protocol.users, protocol.relevant)
        for split, protocol in protocols.items()
    }
    for row in rows:
        system = next(system for system in systems if system.name == row["system"])
        relevant = protocols[str(row["split"])].relevant
        served = served_metrics(
            system, offered, relevant, known=known, playlist_songs=playlist_songs, keys=keys, pids=pids
        )
        row |= {f"served_{name}": value for name, value in served.items()}
        row["shown_precision_5"] = precision[str(row["split"])]
    # A figure that no system has (there may be no twins at all) is a column of numbers all the same.
    return pl.DataFrame(rows).rename({"cases": "batches"}).with_columns(pl.col(pl.Null).cast(pl.Float64))


def _shown_precision(
    factors: Factors, candidates: Dataset, taste_candidates: Dataset | None, users: np.ndarray, relevant: Library
) -> float:
    """Of the lists that `ranked_candidates` holds once this model is ranked with."""
    columns = ["user", "playlists", "scores"]
    chosen = None if taste_candidates is None else rows_of(taste_candidates, users, columns)
    shown = ranked_lists(factors, rows_of(candidates, users, columns[:2]), chosen)
    return shown_precision(lists_of(users, shown), users, relevant)


def judged_cases(batches: Dataset, keys: np.ndarray, most_users: int) -> EvaluationCases:
    """Every batch of at most `most_users` users, those of the lowest keys; the others are never held."""
    users = np.flatnonzero(batches.counts("user")).astype(np.uint32)
    wanted = pl.Series(lowest_keys(users, keys, most_users)).implode()
    return cases_from_frame(pl.concat([shard.filter(pl.col("user").is_in(wanted)) for shard in batches.shards()]))


def _with_owned(playlist_ownership: Dataset, likes: Library) -> Library:
    """What each user likes or owns."""
    owned = playlist_ownership.frame(["owner", "playlist"])
    users = np.repeat(np.arange(likes.n_rows, dtype=np.uint32), likes.lengths)
    pairs = [(users, likes.indices), (owned["owner"].to_numpy(), owned["playlist"].to_numpy())]
    return Library.from_parts(pairs, likes.n_rows, likes.n_columns)


def _offered(candidates: Dataset, n_users: int, n_playlists: int):
    """The stored candidates as a matrix over all users."""
    frame = candidates.frame()
    lists = ragged.from_lists(frame["playlists"])
    lengths = np.zeros(n_users, np.int64)
    lengths[frame["user"].to_numpy()] = lists.lengths
    return Library(np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]), lists.values, n_playlists)
