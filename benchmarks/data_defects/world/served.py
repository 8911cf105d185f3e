"""The served version and the daily file of a synthetic world, by brute force."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.world.sizes import NOW, PLAYLISTS, SONGS, USERS
from buddies_assets.systems.playlists.served_readers import array_table

SHOWN = 5


def served(world: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays of a version as the service maps them, their table, what they were made of, and everybody's daily list."""
    pids = world["playlist_rows"]["pid"].to_numpy()
    train = world["splits"].filter(pl.col("split") == "train")
    likers = np.bincount(train["playlist"].to_numpy(), minlength=PLAYLISTS)
    popular = np.lexsort((np.arange(PLAYLISTS), -likers)).astype(np.uint32)
    liked = {user: set(found) for user, found in train.group_by("user").agg("playlist").iter_rows()}
    ranked = dict(world["ranked_candidates"].select("user", "playlists").iter_rows())
    lists, answers = [], []
    for user in range(USERS):
        spare = [int(p) for p in popular if p not in liked.get(user, set()) and p not in ranked[user]]
        lists.append([int(pids[p]) for p in (ranked[user] + spare)[:SHOWN]])
        shown = ",".join(map(str, lists[-1]))
        answers.append(f'{{"user_id":{user},"playlists":[{shown}]}}'.encode())
    arrays = {
        **_rows("ranked", "playlists", [ranked[user] for user in range(USERS)]),
        "ranked_scores": world["ranked_candidates"]["scores"].explode(empty_as_null=False).to_numpy(),
        **_rows("liked", "playlists", [sorted(liked.get(user, set())) for user in range(USERS)]),
        **_neighbours(world["user_pairings"]),
        "user_ids": np.array(world["user_rows"]["user_id"].to_list(), "S40"),
        "user_order": np.argsort(world["user_rows"]["user_id"].to_numpy()).astype(np.uint32),
        "cold": np.isin(np.arange(USERS), world["cold_users"]["user"].to_numpy()),
        "playlist_pids": pids,
        "playlist_tracks": np.diff(world["playlist_library"].indptr).astype(np.uint32),
        "playlist_followers": np.zeros(PLAYLISTS, np.uint32),
        "playlist_owner": _owners(world["playlist_ownership"]),
        "playlist_fits": _fits(world),
        "most_liked": popular,
        "user_factors": world["user_vectors"],
        "playlist_factors": world["playlist_vectors"],
        "song_ids": np.array(sorted(i for ids in world["songs"]["song_ids"] for i in ids), "S18"),
        "song_id_songs": np.arange(SONGS, dtype=np.uint32),
        **_text("playlist_names", world["mpd_playlists"]["name"].to_list()),
        **_text("song_titles", world["songs"]["title"].to_list()),
        **_text("song_artists", world["songs"]["artist"].to_list()),
        **_text("song_keys", world["songs"]["key"].to_list()),
        "contract_offsets": np.cumsum([0, *map(len, answers)]),
        "contract_bytes": np.frombuffer(b"".join(answers), np.uint8),
    }
    for side in ("user", "playlist"):
        library = world[f"{side}_library"]
        arrays |= {f"{side}_library_indptr": library.indptr, f"{side}_library_indices": library.indices}
    daily = pl.DataFrame({"user_id": range(USERS), "playlists": lists}, schema_overrides={"user_id": pl.Int64})
    return {
        "served_arrays": arrays,
        "served_model": array_table(arrays, {"users": USERS, "playlists": PLAYLISTS, "songs": SONGS}),
        "served_lineage": pl.DataFrame({"input": ["ranked_candidates"], "made_of": ["f00d"], "stored": ["f00d"]}),
        "daily_recommendations": daily,
        "served_lists": daily,
        "daily_day": NOW.date(),
    }


def _rows(name: str, member: str, lists: list[list[int]]) -> dict[str, np.ndarray]:
    flat = [value for row in lists for value in row]
    return {
        f"{name}_indptr": np.cumsum([0, *map(len, lists)]),
        f"{name}_{member}": np.array(flat, np.uint32),
    }


def _neighbours(pairs: pl.DataFrame) -> dict[str, np.ndarray]:
    lists: list[list[int]] = [[] for _ in range(USERS)]
    for user, neighbour in pairs.select("user", "neighbour").iter_rows():
        lists[user].append(neighbour)
    return {**_rows("neighbour", "users", lists), "neighbour_similarity": pairs["similarity"].to_numpy()}


def _owners(ownership: pl.DataFrame) -> np.ndarray:
    owner = np.full(PLAYLISTS, -1, np.int32)
    owner[ownership["playlist"].to_numpy()] = ownership["owner"].to_numpy()
    return owner


def _fits(world: Mapping[str, Any]) -> np.ndarray:
    """Of playlists that nobody owns the two users who share most songs with them."""
    owner, users, playlists = _owners(world["playlist_ownership"]), world["user_library"], world["playlist_library"]
    fits = np.full((PLAYLISTS, 2), -1, np.int32)
    for playlist in np.flatnonzero(owner < 0):
        shared = np.array([len(np.intersect1d(users.row(user), playlists.row(playlist))) for user in range(USERS)])
        best = np.argsort(-shared, kind="stable")[:2]
        fits[playlist] = np.where(shared[best] > 0, best, -1)
    return fits


def _text(name: str, values: Any) -> dict[str, np.ndarray]:
    encoded = [str(value).encode() for value in values]
    return {
        f"{name}_offsets": np.cumsum([0, *map(len, encoded)]),
        f"{name}_bytes": np.frombuffer(b"".join(encoded), np.uint8),
    }
