"""What the service serves, as arrays: rankings, titles, neighbours, libraries and factors of one model version."""

import numpy as np
import polars as pl

from buddies_assets.systems.playlists.adoption import FITS
from buddies_assets.systems.playlists.steps.splits import stored_fits
from buddies_core.artifact.by_number import by_number
from buddies_core.artifact.texts import pack_texts
from buddies_core.interactions import ragged
from buddies_core.interactions.labelled import load_library
from buddies_core.interactions.numbers import numbered_rows, stored_register
from buddies_core.recommenders.factors import Factors
from buddies_core.recommenders.fold_in import BOUNDS, FoldIn, select
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore

MOST_LIKED = 1_000


def served_arrays(
    store: DatasetStore, ranked: Dataset, factors: Factors, likers: np.ndarray, fold_in: FoldIn
) -> dict[str, np.ndarray]:
    """Every array of `buddies_core.artifact.format`, from the stored datasets; users go by their lasting numbers.

    A playlist that nobody likes in train has learnt nothing: its factors are those of its songs.
    """
    playlist_factors = np.array(factors.playlists)
    unseen = np.flatnonzero(likers == 0)
    playlist_factors[unseen] = fold_in.playlists(select(load_library(store.open("playlist_library")), unseen))
    user_library = store.open("user_library")
    users = numbered_rows(user_library)
    known = stored_register(user_library)
    playlists = store.open("playlist_library").frame()
    songs = store.open("songs").frame()
    everyone = np.arange(users.height, dtype=np.uint32)
    by_row = (
        _rankings(ranked, everyone)
        | _users(store, everyone)
        | _playlists(store, playlists)
        | _songs(songs)
        | _libraries(store)
        | {
            "most_liked": np.lexsort((np.arange(len(likers)), -likers))[:MOST_LIKED].astype(np.uint32),
            "user_factors": factors.users,
            "playlist_factors": playlist_factors,
            "song_vectors": fold_in.songs,
            "fold_in_bounds": np.array(BOUNDS),
            "fold_in_maps": fold_in.user_maps,
            "fold_in_popularity": fold_in.popularity,
        }
    )
    return by_number(by_row, users["number"].to_numpy(), known.height) | _ids(known)


def _rankings(ranked: Dataset, everyone: np.ndarray) -> dict[str, np.ndarray]:
    frame = ranked.frame()
    flat = frame.filter(pl.col("playlists").list.len() > 0).explode("playlists", "scores")
    lists = ragged.of_users(everyone, flat["user"].to_numpy(), flat["playlists"].to_numpy())
    return {
        "ranked_indptr": lists.offsets,
        "ranked_playlists": lists.values,
        "ranked_scores": flat["scores"].to_numpy(),
    }


def _ids(register: pl.DataFrame) -> dict[str, np.ndarray]:
    """The ids of everybody who ever had a number, and their order."""
    ids = np.array(register.sort("number")["user_id"].to_list(), "S40")
    return {"user_ids": ids, "user_order": np.argsort(ids).astype(np.uint32)}


def _users(store: DatasetStore, everyone: np.ndarray) -> dict[str, np.ndarray]:
    cold = np.zeros(len(everyone), bool)
    cold[store.open("cold_users").frame(["user"])["user"].to_numpy()] = True
    pairs = store.open("user_pairings").frame(["user", "neighbour", "similarity"])
    neighbours = ragged.of_users(everyone, pairs["user"].to_numpy(), pairs["neighbour"].to_numpy())
    train = store.open("splits").scan().filter(pl.col("split") == "train").select("user", "playlist")
    likes = train.collect(engine="streaming")
    liked = ragged.of_users(everyone, likes["user"].to_numpy(), likes["playlist"].to_numpy())
    return {
        "cold": cold,
        "neighbour_indptr": neighbours.offsets,
        "neighbour_users": neighbours.values,
        "neighbour_similarity": pairs["similarity"].to_numpy(),
        "liked_indptr": liked.offsets,
        "liked_playlists": liked.values,
    }


def _playlists(store: DatasetStore, playlists: pl.DataFrame) -> dict[str, np.ndarray]:
    told = store.open("mpd_playlists").frame(["pid", "name", "tracks", "num_followers"])
    told = playlists.join(told, on="pid", how="left", maintain_order="left")
    owner = np.full(playlists.height, -1, np.int32)
    ownership = store.open("playlist_ownership")
    owned = ownership.frame(["playlist", "owner"])
    owner[owned["playlist"].to_numpy()] = owned["owner"].to_numpy()
    fits = np.full((playlists.height, FITS), -1, np.int32)
    best = stored_fits(ownership)
    fits[best["playlist"].to_numpy(), best["place"].to_numpy()] = best["user"].to_numpy()
    return {
        "playlist_pids": told["pid"].to_numpy(),
        **pack_texts("playlist_names", told["name"].fill_null("").to_list()),
        "playlist_tracks": told["tracks"].to_numpy(),
        "playlist_followers": told["num_followers"].fill_null(0).to_numpy(),
        "playlist_owner": owner,
        "playlist_fits": fits,
    }


def _songs(songs: pl.DataFrame) -> dict[str, np.ndarray]:
    ids = songs.select("song", song_id="song_ids").explode("song_id").sort("song_id")
    return {
        **pack_texts("song_titles", songs["title"].to_list()),
        **pack_texts("song_artists", songs["artist"].to_list()),
        **pack_texts("song_keys", songs["key"].to_list()),
        "song_ids": np.array(ids["song_id"].to_list(), dtype="S18"),
        "song_id_songs": ids["song"].to_numpy(),
    }


def _libraries(store: DatasetStore) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for side in ("user", "playlist"):
        library = load_library(store.open(f"{side}_library"))
        arrays |= {f"{side}_library_indptr": library.indptr, f"{side}_library_indices": library.indices}
    return arrays
