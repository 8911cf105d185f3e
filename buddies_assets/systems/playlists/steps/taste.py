"""The taste of songs as a dataset, and the playlists that it chooses for each user."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from buddies_assets.sources.steps.hidden import hashes
from buddies_assets.systems.playlists.steps.blocks import TOY_SHARE
from buddies_assets.systems.playlists.taste.choice import choose_playlists, playlists_of_songs
from buddies_assets.systems.playlists.taste.told import told_songs
from buddies_core.evaluation.splitting import toy_users
from buddies_core.interactions import ragged
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import LabelledLibrary, load_keys, load_library
from buddies_core.recommenders.song_taste import SongTaste, artist_rows
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.shards import EntityShards, Inputs, Params, ShardedStep

USERS_AT_ONCE = 64
"""Listeners scored together, 46 MB of scores at full size: with 256 most of the time went into asking for memory."""
BEST_OF_TASTE = 10
"""Playlists a listener that a model is taught, those that taste chooses first."""
SOURCES = ("plays", "playlists", "popularity")


def fit_song_taste(
    user_library: Dataset, playlist_library: Dataset, songs: Dataset, training_window: Dataset, *, seed: int
) -> SongTaste:
    """The model of everybody's plays, of what playlists hold and of what feedback tells."""
    users, playlists = LabelledLibrary.load(user_library), load_library(playlist_library)
    told = _told(training_window, playlists, users.library.n_rows)
    return SongTaste.fit(
        as_matrix(users.library),
        as_matrix(playlists),
        artist_rows(songs.frame(["artist"])["artist"].to_list()),
        user_hashes=hashes(users.rows["user_id"].to_list()),
        song_hashes=hashes(users.columns.to_list()),
        seed=seed,
        told=told if told.nnz else None,
    )


def _told(training_window: Dataset, playlists: Library, n_users: int) -> csr_array:
    weight = training_window.manifest.params["weight"]
    return told_songs(training_window.frame(), playlists, n_users, weight=weight)


def save_song_taste(taste: SongTaste, writer: DatasetWriter) -> Dataset:
    """Commit it: the table has a row a source with its weight in the blend, the arrays are parts."""
    for name, array in taste.arrays().items():
        writer.write_part(name, array)
    blend = pl.DataFrame({"source": list(SOURCES), "weight": taste.blend})
    return writer.commit([writer.write_shard(0, blend)])


def load_song_taste(dataset: Dataset) -> SongTaste:
    """The stored model, memory-mapped when it is a local file."""
    names = ("indptr", "indices", "values", "popularity")
    return SongTaste.from_arrays({name: dataset.array(name) for name in names}, dataset.frame()["weight"].to_numpy())


def as_matrix(library: Library) -> csr_array:
    """A library as float32 matrix of ones."""
    values = np.ones(len(library.indices), np.float32)
    shape = (library.n_rows, library.n_columns)
    return csr_array((values, library.indices.astype(np.int32), np.array(library.indptr)), shape=shape)


@dataclass(frozen=True)
class _TasteState:
    taste: SongTaste
    users: Library
    playlists: Library
    holders: Library
    owner: np.ndarray
    told: csr_array
    keys: np.ndarray
    pids: np.ndarray
    params: Params


def prepare_taste(inputs: Inputs, params: Params) -> _TasteState:
    """The model, both libraries, each song's playlists, each playlist's owner, and what feedback tells of songs."""
    playlists = load_library(inputs["playlist_library"])
    owned = inputs["playlist_ownership"].frame(["playlist", "owner"])
    owner = np.full(playlists.n_rows, -1, np.int64)
    owner[owned["playlist"].to_numpy()] = owned["owner"].to_numpy()
    keys, pids = load_keys(inputs["user_library"]), load_keys(inputs["playlist_library"])
    users, holders = load_library(inputs["user_library"]), playlists_of_songs(playlists, pids, seed=params["seed"])
    told = _told(inputs["training_window"], playlists, users.n_rows)
    taste = load_song_taste(inputs["song_taste"])
    return _TasteState(taste, users, playlists, holders, owner, told, keys, pids, params)


def choose_for_users(state: _TasteState, users: range) -> pl.DataFrame:
    """One row a user with a song that playlists hold: `user, playlists, scores`, best first."""
    parts = [_chosen(state, users[at : at + USERS_AT_ONCE]) for at in range(0, len(users), USERS_AT_ONCE)]
    empty = [("user", pl.UInt32()), ("playlists", pl.List(pl.UInt32)), ("scores", pl.List(pl.Float32))]
    return pl.concat([pl.DataFrame(schema=empty), *parts])


def _chosen(state: _TasteState, users: range) -> pl.DataFrame:
    every = np.arange(users.start, users.stop)
    told = state.told[users.start : users.stop]
    chances = state.taste.scores(as_matrix(state.users.rows(users.start, users.stop)), told if told.nnz else None)
    lists, gains = choose_playlists(
        every, chances, state.users, state.playlists, state.holders, state.owner,
        keys=state.keys[every], pids=state.pids, seed=state.params["seed"], most=state.params["most"],
    )  # fmt: skip
    frame = pl.DataFrame(
        {
            "user": every.astype(np.uint32),
            "playlists": ragged.to_lists("playlists", lists.offsets, lists.values),
            "scores": ragged.to_lists("scores", lists.offsets, gains),
        }
    )
    return frame.filter(pl.col("playlists").list.len() > 0)


TASTE_CANDIDATES = ShardedStep("taste_candidates", prepare_taste, choose_for_users)


@dataclass(frozen=True)
class _PositivesState:
    chosen: EntityShards
    cold: np.ndarray
    kept: np.ndarray
    most: int


def prepare_positives(inputs: Inputs, params: Params) -> _PositivesState:
    """What taste chose, who is cold, and whom a toy set keeps."""
    users = inputs["user_library"]
    cold = np.zeros(users.manifest.rows, bool)
    cold[inputs["cold_users"].frame(["user"])["user"].to_numpy()] = True
    kept = np.ones(len(cold), bool)
    if params["mode"] == "toy":
        kept = toy_users(load_keys(users), params["seed"], share=TOY_SHARE)
    return _PositivesState(EntityShards(inputs["taste_candidates"]), cold, kept, params["most"])


def positives_of_users(state: _PositivesState, users: range) -> pl.DataFrame:
    """One row a (user, playlist), best first: `user, positive, gain, cold`.

    A list grows by the greatest gain, so the first of a longer list are the list of so many.
    """
    first = pl.col("playlists", "scores").list.head(state.most)
    lists = state.chosen.frame(users).select("user", first).rename({"playlists": "positive", "scores": "gain"})
    cold, kept = (pl.Series(values[lists["user"].to_numpy()], dtype=pl.Boolean) for values in (state.cold, state.kept))
    return lists.with_columns(cold=cold).filter(kept).explode("positive", "gain")


TASTE_POSITIVES = ShardedStep("taste_positives", prepare_positives, positives_of_users)


def taught(taste_positives: Dataset) -> pl.DataFrame:
    """The rows that a model learns from: those of users who are not cold."""
    return taste_positives.frame().filter(~pl.col("cold"))
