"""Steps over users that score them against playlists and pick out what they like."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.systems.playlists.scoring.playlist_index import PlaylistIndex, index_playlists
from buddies_assets.systems.playlists.scoring.score import RETAIN_ALL, ScoringRules, score_shard
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.storage.shards import EntityShards, Inputs, Params, ShardedStep


@dataclass(frozen=True)
class _ScoresState:
    users: Library
    keys: np.ndarray
    songs: np.ndarray
    playlists: PlaylistIndex
    exploration: np.ndarray
    seed: int
    rules: ScoringRules
    retain: str


def prepare_scores(inputs: Inputs, params: Params) -> _ScoresState:
    """Libraries in the layout of the kernel, and the coefficients."""
    users, playlists = inputs["user_library"], inputs["playlist_library"]
    return _ScoresState(
        users=load_library(users),
        keys=load_keys(users),
        songs=users.frame(["length"])["length"].to_numpy(),
        playlists=index_playlists(
            load_library(playlists), load_keys(playlists), playlists.frame(["length"])["length"].to_numpy()
        ),
        exploration=inputs["exploration_coefficients"].frame()["exploration"].to_numpy(),
        seed=params["seed"],
        rules=ScoringRules(pool_size=params["pool_size"]),
        retain=params["retain"],
    )


def score_users(state: _ScoresState, users: range) -> pl.DataFrame:
    """One row a user: statistics, liked pairs, sampled pools; with `retain="all"` also `playlists, matches, scores`."""

    def scored(rules: ScoringRules) -> pl.DataFrame:
        shard = score_shard(
            state.users,
            state.playlists,
            state.exploration,
            users.start,
            users.stop,
            keys=state.keys,
            songs=state.songs,
            seed=state.seed,
            rules=rules,
        )
        return shard.to_frame()

    frame = scored(state.rules)
    if state.retain == "all":
        every = scored(RETAIN_ALL)
        frame = frame.with_columns(
            every["liked"].alias("playlists"),
            every["liked_matches"].alias("matches"),
            every["liked_scores"].alias("scores"),
        )
    return frame


SCORES = ShardedStep("scores", prepare_scores, score_users)


def prepare_liked(inputs: Inputs, params: Params) -> EntityShards:
    """The scores, read shard by shard."""
    return EntityShards(inputs["scores"])


def explode_liked(scores: EntityShards, users: range) -> pl.DataFrame:
    """One row a liked pair: `user, playlist, rank, matches, score`, best first for each user."""
    columns = ["user", "liked", "liked_matches", "liked_scores"]
    return (
        scores.frame(users, columns)
        .filter(pl.col("liked").list.len() > 0)
        .select(
            "user",
            playlist="liked",
            rank=pl.int_ranges(1, pl.col("liked").list.len() + 1, dtype=pl.UInt32),
            matches="liked_matches",
            score="liked_scores",
        )
        .explode("playlist", "rank", "matches", "score")
    )


LIKED_PLAYLISTS = ShardedStep("liked_playlists", prepare_liked, explode_liked)
