"""Stored datasets as training data, and trained factors as rankings and evaluations."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from buddies_core.evaluation.metrics import require_finite
from buddies_core.interactions import ragged
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.kernels.entity_keys import id_keys
from buddies_core.recommenders.bpr.config import NegativeMix
from buddies_core.recommenders.bpr.data import (
    EvaluationCases,
    Loader,
    TrainingData,
    blocks_from_frame,
    cases_from_frame,
    even_places,
)
from buddies_core.recommenders.factors import Factors, RowKeys
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.shards import EntityShards, Inputs, Params, ShardedStep, ranges_of

if TYPE_CHECKING:
    from buddies_core.interactions.csr import Library

USERS_AT_ONCE = 1_000
USERS_IN_A_SHARD = 10_000
"""Users whose blocks a training has in memory together, whatever ranges they are stored in."""
MOST_CASES = 500_000


def training_data(
    blocks: Dataset,
    validation: Dataset,
    scores: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    window: Dataset | None = None,
    *,
    mix: NegativeMix | None = None,
    positives: Dataset | None = None,
) -> TrainingData:
    """What the trainer reads: blocks shard by shard, the pools a mix may draw from anew, and the window of feedback.

    With `positives`, those of taste, they take the place of the likes in the blocks; they have no stored negatives.
    With a `mix` pools and stored negatives are read only where it draws from them: at full size they are 2 GB and 4.
    """
    from buddies_assets.feedback.days import train_rows

    feedback = train_rows(window.frame()) if window is not None else None
    n_playlists = playlist_library.manifest.rows

    columns = ["user", "positive"] + ["negatives"] * (mix is None or mix.stored)
    if positives is not None:
        blocks, columns = positives, ["user", "positive", "cold"]

    # Ranges of their own: a training goes through its shards in an order, so that files cut otherwise would give
    # another model.
    read = EntityShards(blocks)

    def loader(users: range) -> Loader:
        return lambda: blocks_from_frame(_taught(read.frame(users, columns)))

    def pool(name: str) -> "Library | None":
        unused = mix is not None and not (mix.resample and getattr(mix, name))
        return None if unused else _pool(scores, name, n_playlists)

    shards = [loader(users) for users in ranges_of(user_library.manifest.rows, USERS_IN_A_SHARD)]
    fingerprint = blocks.fingerprint + validation.fingerprint
    if window is not None and feedback is not None and feedback.height:
        shards.append(lambda: blocks_from_frame(feedback, explicit=True))
        fingerprint = window.fingerprint + fingerprint
    return TrainingData(
        n_users=user_library.manifest.rows,
        n_playlists=n_playlists,
        shards=shards,
        validation=spread_cases(validation),
        hard=pool("hard"),
        easy=pool("easy"),
        fingerprint=fingerprint,
        user_songs=load_library(user_library),
        keys=stored_keys(user_library, playlist_library),
    )


def stored_keys(user_library: Dataset, playlist_library: Dataset) -> RowKeys:
    """What draws know users, playlists and songs by."""
    songs = user_library.part("columns")["key"].to_list()
    song_keys = id_keys(np.array([key.encode() for key in songs], "S"))
    return RowKeys(load_keys(user_library), load_keys(playlist_library), song_keys)


def _taught(blocks: pl.DataFrame) -> pl.DataFrame:
    """Without what taste chose for cold users; blocks of likes have none of theirs."""
    return blocks.filter(~pl.col("cold")) if "cold" in blocks.columns else blocks


def _pool(scores: Dataset, name: str, n_playlists: int) -> "Library":
    """The users' hard or easy pools, a shard at a time."""
    from buddies_core.interactions.csr import Library

    parts = [ragged.from_lists(shard[name]) for shard in scores.shards([name])]
    indptr = np.concatenate([np.zeros(1, np.int64), *(part.lengths for part in parts)]).cumsum()
    return Library(indptr, np.concatenate([part.values for part in parts]), n_playlists)


def spread_cases(batches: Dataset, most: int = MOST_CASES) -> EvaluationCases:
    """The evaluation batches of a dataset, or `most` of them spread evenly over all: the others would not fit.

    Of half a million cases the MRR is known to about 0.0006, and judging them takes a fraction of an epoch.
    """
    n = batches.manifest.rows
    if n <= most:
        return cases_from_frame(batches.frame())
    take = even_places(n, most)
    parts, start = [], 0
    for shard in batches.shards():
        first, last = np.searchsorted(take, [start, start + shard.height])
        parts.append(shard[take[first:last] - start])
        start += shard.height
    return cases_from_frame(pl.concat(parts))


@dataclass(frozen=True)
class _RankingState:
    candidates: EntityShards
    by_taste: EntityShards | None
    factors: Factors


def prepare_ranking(inputs: Inputs, params: Params) -> _RankingState:
    """The candidates, read shard by shard, and the checkpoint's factors."""
    from upath import UPath

    store = CheckpointStore(UPath(params["checkpoints"]))
    by_taste = EntityShards(inputs["taste_candidates"]) if params["ranking"] == "taste" else None
    return _RankingState(EntityShards(inputs["candidates"]), by_taste, store.factors(params["version"]))


def rank_users(state: _RankingState, users: range) -> pl.DataFrame:
    """`ranked_lists` of a range of users."""
    chosen = state.by_taste.frame(users) if state.by_taste is not None else None
    return ranked_lists(state.factors, state.candidates.frame(users), chosen)


def ranked_lists(factors: Factors, candidates: pl.DataFrame, chosen: pl.DataFrame | None) -> pl.DataFrame:
    """One row a user with candidates: `user, playlists, scores`, best first, ties by lower playlist.

    By taste (`chosen`), the list is the one that taste chose; only users without one get their neighbours' candidates.

    Raises:
        NonFiniteScoresError: a score is not a number; it would otherwise rank first.
    """
    frame = candidates
    if chosen is not None:
        frame = frame.join(chosen, on="user", how="anti", maintain_order="left")
    parts = [_rank(factors, frame[start : start + USERS_AT_ONCE]) for start in range(0, frame.height, USERS_AT_ONCE)]
    empty = [("user", pl.UInt32()), ("playlists", pl.List(pl.UInt32)), ("scores", pl.List(pl.Float32))]
    ranked = pl.concat([pl.DataFrame(schema=empty), *parts])
    return ranked if chosen is None else pl.concat([ranked, chosen]).sort("user")


def _rank(factors: Factors, frame: pl.DataFrame) -> pl.DataFrame:
    lists = ragged.from_lists(frame["playlists"])
    users = np.repeat(frame["user"].to_numpy(), lists.lengths)
    scores = np.einsum("nd,nd->n", factors.users[users], factors.playlists[lists.values])
    require_finite(scores, "candidates")
    rows = np.repeat(np.arange(frame.height), lists.lengths)
    order = np.lexsort((lists.values, -scores, rows))
    playlists = ragged.to_lists("playlists", lists.offsets, lists.values[order])
    best_first = ragged.to_lists("scores", lists.offsets, scores[order])
    return pl.DataFrame({"user": frame["user"], "playlists": playlists, "scores": best_first})


RANKED_CANDIDATES = ShardedStep("ranked_candidates", prepare_ranking, rank_users)
