"""Who is set aside, how likes are split, and who owns which playlist."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.systems.playlists import ownership
from buddies_assets.systems.playlists.adoption import FITS, Bidders, adopt, best_fits
from buddies_core.evaluation import splitting
from buddies_core.interactions import ragged
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.interactions.likes import train_popularity
from buddies_core.interactions.ragged import Ragged
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.shards import EntityShards, Inputs, Params, ShardedStep

SPLIT = pl.Enum(splitting.SPLIT_NAMES)


def cold_users(user_library: Dataset, scores: pl.LazyFrame, seed: int) -> pl.DataFrame:
    """The users set aside whole, of those who like anything: `user, number, user_id, songs, liked`."""
    counted = scores.select("user", liked=pl.col("liked").list.len()).filter(pl.col("liked") > 0)
    # Streamed, since the lists themselves, of which only the lengths are wanted, are a gigabyte at full size.
    liked = counted.collect(engine="streaming")
    cold = pl.Series(splitting.cold_users(load_keys(user_library), seed))
    set_aside = user_library.frame(["user", "number", "user_id", "songs"]).filter(cold)
    return set_aside.join(liked, on="user", maintain_order="left")


@dataclass(frozen=True)
class _SplitsState:
    liked: EntityShards
    cold: pl.Series
    keys: np.ndarray
    pids: np.ndarray
    seed: int


def prepare_splits(inputs: Inputs, params: Params) -> _SplitsState:
    """The likes, read shard by shard, who is cold, and what draws know users and playlists by."""
    cold = inputs["cold_users"].frame(["user"])["user"]
    keys, pids = load_keys(inputs["user_library"]), load_keys(inputs["playlist_library"])
    return _SplitsState(EntityShards(inputs["liked_playlists"]), cold, keys, pids, params["seed"])


def split_users(state: _SplitsState, users: range) -> pl.DataFrame:
    """One row a like of the users who are not cold: `user, playlist, split, score`."""
    likes = state.liked.frame(users, ["user", "playlist", "score"])
    likes = likes.filter(~pl.col("user").is_in(state.cold.implode()))
    owners = likes["user"].to_numpy()
    present, starts = np.unique(owners, return_index=True)
    offsets = np.append(starts, len(owners)).astype(np.int64)
    pids = state.pids[likes["playlist"].to_numpy()]
    codes = splitting.split_likes(state.keys[present], offsets, pids, state.seed)
    return likes.select("user", "playlist", pl.Series("split", codes).cat.to(SPLIT), "score")


SPLITS = ShardedStep("splits", prepare_splits, split_users)


@dataclass(frozen=True)
class Owned:
    """`playlists`: one row an owned playlist, `playlist, owner, priority, likers`.

    `fits`: of the others, whom they fit best, `playlist, place, user`; those with nobody's song have no row.

    `adopted` of them went to somebody who does not like them; `left_over` are liked, and
    yet nobody can own them: all who share a song with them are set aside, hold them out or have no room.
    """

    playlists: pl.DataFrame
    fits: pl.DataFrame
    adopted: int
    left_over: int


def own_playlists(
    splits: Dataset,
    liked_playlists: Dataset,
    cold_users: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    exploration: np.ndarray,
    *,
    cap: int,
) -> Owned:
    """Every playlist that anybody likes with its owner: a liker in train, or else whom it fits best of the others."""
    users, playlists = load_library(user_library), load_library(playlist_library)
    songs, lengths = (side.frame(["length"])["length"].to_numpy() for side in (user_library, playlist_library))

    def train_likes() -> Iterator[ownership.Likes]:
        for shard in splits.shards():
            train = shard.filter(pl.col("split") == "train")
            yield train["user"].to_numpy(), train["playlist"].to_numpy(), train["score"].to_numpy()

    owned = ownership.assign_owners(train_likes, songs, playlists.n_rows, cap=cap)
    liked = np.zeros(playlists.n_rows, bool)
    found = liked_playlists.counts("playlist")
    liked[: len(found)] = found > 0
    liked[owned.playlist] = False
    orphans = np.flatnonzero(liked).astype(np.uint32)
    barred = np.zeros(users.n_rows, bool)
    barred[cold_users.frame(["user"])["user"].to_numpy()] = True
    bidders = Bidders(users, exploration, songs, barred, np.bincount(owned.owner, minlength=users.n_rows))
    owner, priority = adopt(orphans, playlists, lengths, _held_out(splits, orphans), bidders, cap=cap)
    given = owner != ownership.NOBODY
    likers = train_popularity(splits, playlists.n_rows)
    frame = pl.DataFrame(
        {
            "playlist": np.concatenate([owned.playlist, orphans[given]]),
            "owner": np.concatenate([owned.owner, owner[given]]),
            "priority": np.concatenate([owned.priority, priority[given]]),
        }
    ).sort("playlist")
    frame = frame.with_columns(likers=pl.Series(likers[frame["playlist"].to_numpy()]).cast(pl.UInt32))
    unowned = np.setdiff1d(np.arange(playlists.n_rows, dtype=np.uint32), frame["playlist"].to_numpy())
    fits = _fit_rows(unowned, best_fits(unowned, playlists, lengths, bidders))
    return Owned(frame, fits, int(given.sum()), int((~given).sum()))


def _fit_rows(playlists: np.ndarray, users: np.ndarray) -> pl.DataFrame:
    known = users.ravel() != ownership.NOBODY
    columns = {
        "playlist": np.repeat(playlists, FITS)[known],
        "place": np.tile(np.arange(FITS, dtype=np.uint8), len(playlists))[known],
        "user": users.ravel()[known],
    }
    return pl.DataFrame(columns)


def stored_fits(playlist_ownership: Dataset) -> pl.DataFrame:
    """Whom playlists that nobody owns fit best, `playlist, place, user`; empty where they were stored before it was."""
    if "fits.parquet" not in playlist_ownership.manifest.parts:
        return pl.DataFrame(schema={"playlist": pl.UInt32, "place": pl.UInt8, "user": pl.UInt32})
    return playlist_ownership.part("fits")


def _held_out(splits: Dataset, orphans: np.ndarray) -> Ragged:
    """For each of the playlists, ascending, the users of whom it is a validation or test positive."""
    wanted = pl.Series(orphans).implode()
    parts = [
        shard.filter((pl.col("split") != "train") & pl.col("playlist").is_in(wanted)).select("playlist", "user")
        for shard in splits.shards(["user", "playlist", "split"])
    ]
    held = pl.concat(parts).sort("playlist", "user")
    return ragged.of_users(orphans, held["playlist"].to_numpy(), held["user"].to_numpy())
