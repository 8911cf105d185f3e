"""Two stored versions of the served model on the same listeners, by segment, judged by plays that neither was told.

Both are judged by one yardstick: what a listener is known to play is what either version knows, and a hidden play that
either version has seen after all (the share or the seed of the hiding was changed between them) is not counted.
Lists are the answers as the service sends them, those of listeners who were set aside from training among them.
"""

from pathlib import Path

import numpy as np
import polars as pl

from buddies_core.comparison.compared import FEWEST, MEASURES, Compared, NothingToCompareError
from buddies_core.comparison.one_catalogue import OneCatalogue
from buddies_core.comparison.segments import Segment, genres_by_title, segments
from buddies_core.comparison.stored_version import StoredVersion, open_version
from buddies_core.evaluation.hidden_plays import FEWEST_HIDDEN, ListenerMetrics, judged_users, listener_metrics
from buddies_core.evaluation.paired import paired_gain
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.fold_in import select

MOST_JUDGED = 4_000
"""Listeners judged, those of the lowest ids: ids are hashes, so that these are a sample."""
_CANDIDATES = 4
"""Listeners looked at for each that is judged: not all of them have enough known songs."""


def compare_versions(root: Path, first: str, second: str, hidden: pl.DataFrame) -> list[Compared]:
    """Precision and hits of both versions, one row a segment and measure.

    Args:
        root: folder of the served model.
        hidden: `user_id, song_id`, plays that nothing learns from.

    Raises:
        NothingToCompareError: nobody of both versions has three known songs and two hidden ones.
        ServedModelError: a version is not there, or cannot be read.
    """
    return _compare(open_version(root, first), open_version(root, second), hidden)


def _compare(first: StoredVersion, second: StoredVersion, hidden: pl.DataFrame) -> list[Compared]:
    songs = OneCatalogue.of(first, second)
    enough = hidden.group_by("user_id").len().filter(pl.col("len") >= FEWEST_HIDDEN)
    ids = enough["user_id"].sort().to_numpy().astype("S40")
    rows = np.stack([first.rows_of(ids), second.rows_of(ids)])
    in_both = np.flatnonzero((rows >= 0).all(axis=0))[: _CANDIDATES * MOST_JUDGED]
    ids, rows = ids[in_both], rows[:, in_both]
    known = _union([(first, rows[0], songs.first), (second, rows[1], songs.second)], songs.n_songs)
    unknown = _hidden_library(ids, hidden, songs)
    judged = judged_users(known, unknown)[:MOST_JUDGED]
    if not len(judged):
        raise NothingToCompareError(
            f"Nobody who is in both {first.name} and {second.name} has three known songs and two hidden plays: "
            "hidden_plays holds too few of them (BUDDIES_HIDDEN_SHARE), or was made of other data."
        )
    known, unknown, rows = select(known, judged), select(unknown, judged), rows[:, judged]
    metrics = [
        _judged(version, users, numbers, known, unknown)
        for version, users, numbers in ((first, rows[0], songs.first), (second, rows[1], songs.second))
    ]
    new = np.asarray(first.arrays["cold"])[rows[0]] & np.asarray(second.arrays["cold"])[rows[1]]
    likers = np.bincount(songs.second[second.arrays["user_library_indices"]], minlength=songs.n_songs)
    genre = genres_by_title(second, songs.second, songs.n_songs)
    return [
        _row(segment, measure, *(getattr(one, measure) for one in metrics))
        for segment in segments(known, new, likers, genre)
        for measure in MEASURES
    ]


def _union(parts: list[tuple[StoredVersion, np.ndarray, np.ndarray]], n_songs: int) -> Library:
    """What each listener is known to play by any of the versions."""
    pairs = []
    for version, users, numbers in parts:
        held = select(version.users, users)
        pairs.append((np.repeat(np.arange(len(users)), held.lengths), numbers[held.indices]))
    return Library.from_parts(pairs, len(parts[0][1]), n_songs)


def _hidden_library(ids: np.ndarray, hidden: pl.DataFrame, songs: OneCatalogue) -> Library:
    users = pl.DataFrame(
        {"user_id": ids.astype(str), "row": np.arange(len(ids))}, schema_overrides={"user_id": pl.String}
    )
    plays = hidden.join(users, on="user_id")
    numbers = songs.numbers_of(plays["song_id"].to_numpy().astype("S18"))
    there = numbers >= 0
    return Library.from_pairs(plays["row"].to_numpy()[there], numbers[there], len(ids), songs.n_songs)


def _judged(
    version: StoredVersion, users: np.ndarray, numbers: np.ndarray, known: Library, unknown: Library
) -> ListenerMetrics:
    lists = version.shown(users)
    distinct, place = np.unique(lists.values, return_inverse=True)
    held = select(version.playlists, distinct)
    rows = np.repeat(np.arange(len(distinct)), held.lengths)
    playlists = Library.from_pairs(rows, numbers[held.indices], len(distinct), known.n_columns)
    compact = type(lists)(lists.offsets, place)
    return listener_metrics(np.arange(len(users)), compact, playlists, known, unknown)


def _row(segment: Segment, measure: str, first: np.ndarray, second: np.ndarray) -> Compared:
    ours, theirs = second[segment.places], first[segment.places]
    gain = paired_gain(ours, theirs, segment.places, seed=0) if len(ours) >= FEWEST else None
    return Compared(segment.kind, segment.name, measure, len(ours), float(theirs.mean()), float(ours.mean()), gain)
