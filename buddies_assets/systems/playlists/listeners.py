"""What listeners say of the lists: systems beside each other, by hidden plays of the users who have enough of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from buddies_assets.systems.playlists.rules.evaluations import OF_SEVERAL_SONGS
from buddies_core.errors import BuddiesError
from buddies_core.evaluation.hidden_plays import METRICS, SHOWN, intervals, judged_users, listener_metrics
from buddies_core.evaluation.ranks import popularity
from buddies_core.interactions import ragged
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.interactions.likes import train_likes
from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.greatest import MOST_SCORES, greatest_columns
from buddies_core.recommenders.baselines import System, factor_model, popularity_baseline, random_order, song_overlap
from buddies_core.recommenders.factors import Factors
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore

MOST_JUDGED = 2_000
"""Listeners judged, those of the lowest ids: ids are hashes, so that these are a sample. Knows precision to 0.005."""
SIDES = ("user", "playlist")


class PlaysFileError(BuddiesError):
    """A file of plays that cannot be read as user, song and count."""


def plays_from_file(file: Path) -> pl.DataFrame:
    """`user_id, song_id` of a file of user, song and plays by tabs, without a header.

    Raises:
        PlaysFileError: there is no such file, or a line has fewer than two columns.
    """
    if not file.is_file():
        raise PlaysFileError(f"{file}: no such file. Give a file of plays: user, song and count, by tabs.")
    frame = pl.read_csv(file, separator="\t", has_header=False, infer_schema=False, quote_char=None)
    if frame.width < 2 or frame[frame.columns[1]].null_count():
        raise PlaysFileError(f"{file}: not every line has a user and a song. They are divided by tabs.")
    return frame.select(user_id=frame.columns[0], song_id=frame.columns[1])


def plays_library(plays: pl.DataFrame, users: pl.DataFrame, songs: pl.DataFrame) -> Library:
    """Plays as a matrix over the users' rows and the shared songs; what either does not know is left out."""
    of_song = songs.select("song", song_id="song_ids").explode("song_id", empty_as_null=False)
    known = plays.join(of_song, on="song_id").join(users.select("user", "user_id"), on="user_id")
    return Library.from_pairs(known["user"].to_numpy(), known["song"].to_numpy(), users.height, songs.height)


def stored_lists(dataset: Dataset, users: np.ndarray) -> Ragged:
    """The playlists of a dataset of `user, playlists` for these users; none for those it does not have."""
    return lists_of(users, rows_of(dataset, users, ["user", "playlists"]))


def rows_of(dataset: Dataset, users: np.ndarray, columns: list[str]) -> pl.DataFrame:
    """The rows of these users, a shard at a time."""
    wanted = pl.Series(users.astype(np.uint32)).implode()
    return pl.concat([shard.filter(pl.col("user").is_in(wanted)) for shard in dataset.shards(columns)])


def lists_of(users: np.ndarray, frame: pl.DataFrame) -> Ragged:
    """The lists of these users, in their order, from a frame of `user, playlists`."""
    flat = frame.sort("user").explode("playlists").drop_nulls("playlists")
    return ragged.of_users(users.astype(np.uint32), flat["user"].to_numpy(), flat["playlists"].to_numpy())


def best_lists(
    system: System, users: np.ndarray, offered: np.ndarray, owner: np.ndarray, left_out: Library | None = None
) -> Ragged:
    """The five best playlists of a system among those offered, without the user's own; equal ones by index.

    Args:
        offered: bool [n_playlists].
        owner: row of each playlist's owner, -1 for nobody.
        left_out: playlists that a user is not shown either.
    """
    parts, at_once = [], max(1, MOST_SCORES // max(1, len(offered)))
    for start in range(0, len(users), at_once):
        chosen = users[start : start + at_once].astype(np.uint32)
        scores = np.array(system.rows(chosen), np.float32)
        scores[:, ~offered] = -np.inf
        for place, user in enumerate(chosen.tolist()):
            scores[place, owner == user] = -np.inf
            if left_out is not None:
                scores[place, left_out.row(user)] = -np.inf
        parts.append(greatest_columns(scores, min(SHOWN, len(offered))))
    values = np.concatenate(parts) if parts else np.empty((0, SHOWN), np.int64)
    return Ragged(np.arange(len(users) + 1) * values.shape[1], values.astype(np.uint32).ravel())


def listener_table(
    store: DatasetStore, factors: Factors, visible: Library, hidden: Library, *, seed: int
) -> tuple[pl.DataFrame, int]:
    """One row a system with mean and 95 % interval of each metric, and how many listeners were judged.

    Intervals are drawn over listeners in the order of their ids, which numbers given later do not change.

    The systems: random, most liked, the overlap that likes are computed from, the factors of ALS and of the model
    alone, each over all owned playlists; the model alone over all; the reference's recipe (the neighbours' candidates
    in the model's order); and what is served, without playlists of one song and as it is.
    """
    playlists = load_library(store.open("playlist_library"))
    lengths = store.open("playlist_library").frame(["length"])["length"].to_numpy()
    every = judged_users(visible, hidden)
    ids = store.open("user_library").frame(["user_id"])["user_id"]
    users = np.sort(every[ids.gather(every).arg_sort().to_numpy()][:MOST_JUDGED])
    by_id = ids.gather(users).arg_sort().to_numpy()
    owned = store.open("playlist_ownership").frame(["playlist", "owner"])
    owner = np.full(playlists.n_rows, -1, np.int64)
    owner[owned["playlist"].to_numpy()] = owned["owner"].to_numpy()
    train = train_likes(store.open("splits"), visible.n_rows, playlists.n_rows)
    model, is_owned = factor_model("bpr", factors), owner >= 0
    every_playlist = np.ones(len(owner), bool)
    als = store.open("als_factors")

    def best(system: System, offered: np.ndarray = is_owned) -> Callable[[], Ragged]:
        return lambda: best_lists(system, users, offered, owner)

    def served() -> Ragged:
        return stored_lists(store.open("ranked_candidates"), users)

    systems: dict[str, Callable[[], Ragged]] = {
        "random": best(random_order(*(load_keys(store.open(f"{side}_library")) for side in SIDES), seed=seed)),
        "most liked": best(popularity_baseline(popularity(train))),
        "song overlap": best(song_overlap(visible, playlists, lengths)),
        "als": best(factor_model("als", Factors(als.array("users"), als.array("playlists")))),
        "bpr": best(model),
        "bpr, all playlists": best(model, every_playlist),
        "reference's recipe": lambda: _ranked(model, stored_lists(store.open("candidates"), users), users),
        OF_SEVERAL_SONGS: lambda: of_several_songs(served(), playlists),
        "served": served,
    }
    rows = []
    for name, lists in systems.items():
        row: dict[str, object] = {"system": name}
        judged = listener_metrics(users, lists(), playlists, visible, hidden).taken(by_id)
        for metric, (value, low, high) in intervals(judged).items():
            row |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
        rows.append(row)
    return pl.DataFrame(rows), len(users)


def of_several_songs(lists: Ragged, playlists: Library) -> Ragged:
    """Lists without playlists of one song, those behind them move up."""
    kept = playlists.lengths[lists.values] > 1
    return Ragged(np.concatenate([[0], np.cumsum(kept)])[lists.offsets], lists.values[kept])


def _ranked(system: System, lists: Ragged, users: np.ndarray) -> Ragged:
    """Lists in a system's order, equal ones by index."""
    owners = np.repeat(np.arange(len(users)), lists.lengths)
    scores = system.scores(users.astype(np.uint32)[owners], lists.values)
    return Ragged(lists.offsets, lists.values[np.lexsort((lists.values, -scores, owners))])


def metric_columns() -> list[str]:
    """Columns of `listener_table` beside the system."""
    return [f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")]
