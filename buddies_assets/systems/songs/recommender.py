"""The songs recommender on frames: canonical plays made into matrices, the model fitted, lists written as ids."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from buddies_assets.sources.steps.hidden import hashes
from buddies_assets.systems.songs.catalogue import CanonicalPlays, playlist_songs, same_text, texts_of
from buddies_core.interactions.labelled_plays import LabelledPlays
from buddies_core.songs.config import SongsConfig
from buddies_core.songs.facts import SongFacts, song_facts
from buddies_core.songs.histories import Histories
from buddies_core.songs.lists import SongLists
from buddies_core.songs.model import SongsModel


@dataclass(frozen=True)
class Material:
    """What the model is fitted on.

    Attributes:
        plays: listeners, songs and the matrix of plays.
        histories: the same with ages where plays have dates.
        facts: of the songs. groups: int64 [n_songs], songs of one text on file; -1 none.
    """

    plays: LabelledPlays
    histories: Histories
    facts: SongFacts
    groups: np.ndarray

    @property
    def user_hashes(self) -> np.ndarray:
        """Hashes of the listeners' ids, uint64."""
        return hashes(self.plays.users)

    @property
    def song_hashes(self) -> np.ndarray:
        """Hashes of the songs' ids, uint64."""
        return hashes(self.plays.items)


def material(canonical: CanonicalPlays, tracks: pl.DataFrame | None = None, *, now: float | None = None) -> Material:
    """What the model is fitted on.

    Args:
        tracks: `pid, track_uri, title, artist` of playlists.
        now: day from which ages count back; unset: the last play.
    """
    frame = canonical.plays
    plays = LabelledPlays.of(frame.select("user", pl.col("song").alias("item"), "weight"))
    held = None if tracks is None else playlist_songs(canonical.catalogue, tracks)
    facts = song_facts(plays.items, texts_of(canonical.catalogue), held)
    groups = same_text(canonical.catalogue, plays.items)
    if "time" not in frame.columns:
        return Material(plays, Histories(plays.matrix), facts, groups)
    today = float(frame["time"].max()) if now is None else now  # type: ignore[arg-type]
    age, met = (_aligned(plays, frame, today - frame[column].to_numpy()) for column in ("time", "first"))
    return Material(plays, Histories(plays.matrix, age, met), facts, groups)


def fit(found: Material, config: SongsConfig) -> SongsModel:
    """The model of a material; the configuration is that of its size."""
    return SongsModel(config.at_size(*found.histories.plays.shape)).fit(
        found.histories, found.facts, found.user_hashes, found.song_hashes
    )  # fmt: skip


def lists_of(model: SongsModel, found: Material, k: int, rows: np.ndarray | None = None) -> SongLists:
    """The k best songs of listeners by row, all where none are named."""
    histories = found.histories if rows is None else found.histories.of(rows)
    return model.lists(histories, k, found.groups)


def by_user(lists: SongLists, users: list[str], songs: list[str]) -> dict[str, list[str]]:
    """Ids of songs by id of listener."""
    rows = zip(users, lists.songs.tolist(), strict=True)
    return {user: [songs[song] for song in row if song >= 0] for user, row in rows}


def popular_songs(found: Material, k: int) -> list[str]:
    """What strangers get: the songs of most listeners, each text once."""
    counts = np.bincount(found.plays.matrix.indices, minlength=len(found.plays.items))
    chosen: list[str] = []
    groups: set[int] = set()
    for song in np.argsort(-counts, kind="stable").tolist():
        group = int(found.groups[song])
        if group in groups or not counts[song]:
            continue
        if group >= 0:
            groups.add(group)
        chosen.append(found.plays.items[song])
        if len(chosen) == k:
            break
    return chosen


def with_strangers(lists: Mapping[str, list[str]], strangers: list[str], popular: list[str]) -> dict[str, list[str]]:
    """Lists of the known, and popular songs for those of whom nothing is known."""
    return {**lists, **{user: popular for user in strangers if user not in lists}}


def _aligned(plays: LabelledPlays, frame: pl.DataFrame, values: np.ndarray) -> np.ndarray:
    """Values of the frame's rows in the order of the matrix, float32 [nnz]."""
    rows = [plays.user_place[user] for user in frame["user"].to_list()]
    columns = [plays.item_place[song] for song in frame["song"].to_list()]
    matrix = csr_array((np.arange(1, len(rows) + 1), (rows, columns)), shape=plays.matrix.shape)
    matrix.sort_indices()
    return values[matrix.data - 1].astype(np.float32)
