"""Who is paired with whom, and which playlists that makes reachable."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.systems.playlists.pairing import nearest as pairing
from buddies_assets.systems.playlists.pairing.candidates import draw_candidates
from buddies_core.interactions import ragged
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.interactions.ragged import Ragged
from buddies_core.storage.shards import EntityShards, Inputs, Params, ShardedStep


@dataclass(frozen=True)
class _PairingState:
    users: Library
    index: pairing.UserIndex
    keys: np.ndarray
    owned: np.ndarray
    params: Params


def prepare_pairings(inputs: Inputs, params: Params) -> _PairingState:
    """The library with its index, and how many playlists each user owns."""
    users = load_library(inputs["user_library"])
    owners = inputs["playlist_ownership"].frame(["owner"])["owner"].to_numpy()
    owned = np.bincount(owners, minlength=users.n_rows)
    return _PairingState(users, pairing.index_users(users), load_keys(inputs["user_library"]), owned, params)


def pair_users(state: _PairingState, users: range) -> pl.DataFrame:
    """One row a neighbour: `user, rank` (from 1)`, neighbour, similarity, shared`."""
    found = pairing.nearest(state.users, start=users.start, stop=users.stop, index=state.index)
    if state.params["shuffle_nearest"]:
        found = pairing.shuffled(found, state.params["seed"], keys=state.keys, start=users.start)
    taken = pairing.take_owners(found, state.owned)
    every = np.arange(users.start, users.stop, dtype=np.uint32)
    return pl.DataFrame(
        {
            "user": np.repeat(every, np.diff(taken.offsets)),
            "rank": taken.ranks + np.uint32(1),
            "neighbour": taken.neighbour,
            "similarity": taken.similarity,
            "shared": taken.shared,
        }
    )


USER_PAIRINGS = ShardedStep("user_pairings", prepare_pairings, pair_users)


@dataclass(frozen=True)
class _CandidatesState:
    pairings: EntityShards
    splits: EntityShards
    owned: Ragged
    keys: np.ndarray
    pids: np.ndarray
    params: Params


def prepare_candidates(inputs: Inputs, params: Params) -> _CandidatesState:
    """Playlists by owner, and what draws know users and playlists by; pairings and likes are read shard by shard."""
    ownership = inputs["playlist_ownership"].frame(["owner", "playlist"]).sort("owner", "playlist")
    everyone = np.arange(inputs["user_library"].manifest.rows, dtype=np.uint32)
    owned = ragged.of_users(everyone, ownership["owner"].to_numpy(), ownership["playlist"].to_numpy())
    keys, pids = load_keys(inputs["user_library"]), load_keys(inputs["playlist_library"])
    pairings, splits = EntityShards(inputs["user_pairings"]), EntityShards(inputs["splits"])
    return _CandidatesState(pairings, splits, owned, keys, pids, params)


def draw_for_users(state: _CandidatesState, users: range) -> pl.DataFrame:
    """One row a user who has neighbours: `user, playlists`."""
    pairs = state.pairings.frame(users, ["user", "neighbour"])
    likes = state.splits.frame(users, ["user", "playlist", "split"]).filter(pl.col("split") == "train")
    present = pairs["user"].unique().sort().to_numpy()
    drawn = draw_candidates(
        present,
        ragged.of_users(present, pairs["user"].to_numpy(), pairs["neighbour"].to_numpy()),
        state.owned,
        ragged.of_users(present, likes["user"].to_numpy(), likes["playlist"].to_numpy()),
        keys=state.keys[present],
        pids=state.pids,
        seed=state.params["seed"],
        draw=state.params["draw"],
        most=state.params["most"],
    )
    return pl.DataFrame({"user": present, "playlists": ragged.to_lists("playlists", drawn.offsets, drawn.values)})


CANDIDATES = ShardedStep("candidates", prepare_candidates, draw_for_users)
