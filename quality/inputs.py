"""What rules compare with besides the datasets themselves: figures and small tables derived from them.

A figure of a whole dataset (blocks a user, likers a playlist) is counted a shard at a time, in the memory of the table
that it gives. A rule over such a table is judged once, and exactly, however large the dataset is.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from buddies_core.settings import Settings
from quality.rules.models import SHOWN
from quality.rules.shapes import as_lists, exploded

SPLITS = ("train", "validation", "test")
_ROWS_WAITING = 1_000_000


@dataclass(frozen=True)
class Counted:
    """A table of counts over the rows of `dataset`, one row a value of `by`, of which only `columns` are read.

    `count` gives it for some of the rows; the counts of the same value in other rows are added.
    """

    dataset: str
    columns: tuple[str, ...]
    by: str
    count: Callable[[pl.DataFrame], pl.DataFrame]

    def of(self, shards: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """The counts over all shards; added up when as many wait as are known, so that each is moved a few times."""
        held: list[pl.DataFrame] = []
        for shard in shards:
            held.append(self.count(shard))
            if sum(found.height for found in held[1:]) > max(held[0].height, _ROWS_WAITING):
                held = [self._added(held)]
        return self._added(held)

    def _added(self, counts: list[pl.DataFrame]) -> pl.DataFrame:
        return counts[0] if len(counts) == 1 else pl.concat(counts).group_by(self.by).sum()


def _likes(splits: pl.DataFrame) -> pl.DataFrame:
    named = pl.col("split").cast(pl.String)
    return splits.group_by("user").agg(pl.len().alias("likes"), *((named == s).sum().alias(s) for s in SPLITS))


def _places(ranked_candidates: pl.DataFrame) -> pl.DataFrame:
    ranked = as_lists(ranked_candidates.select("playlists"), "playlists")
    first = ranked.select(pl.col("playlists").list.head(SHOWN))
    offered, shown = (
        exploded(lists, "playlists", "playlist").group_by("playlist").len(name)
        for lists, name in ((ranked, "offered"), (first, "shown"))
    )
    return offered.join(shown, on="playlist", how="left").with_columns(pl.col("shown").fill_null(0))


def _negatives(batches: pl.DataFrame) -> pl.DataFrame:
    return exploded(batches.select("negatives"), "negatives", "playlist").group_by("playlist").len("times")


def _rows_by(column: str, name: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda rows: rows.group_by(column).len(name)


COUNTED: dict[str, Counted] = {
    "track_counts": Counted("mpd_tracks", ("pid",), "pid", _rows_by("pid", "found")),
    "listed_uris": Counted("mpd_tracks", ("track_uri",), "track_uri", lambda t: t.select("track_uri").unique()),
    "owned_counts": Counted("playlist_ownership", ("owner",), "owner", _rows_by("owner", "owned")),
    "likes_by_split": Counted("splits", ("user", "split"), "user", _likes),
    "liker_counts": Counted("splits", ("playlist",), "playlist", _rows_by("playlist", "likers")),
    "owners_of_playlists": Counted("playlist_ownership", ("playlist",), "playlist", _rows_by("playlist", "owners")),
    "liked_counts": Counted("liked_playlists", ("playlist",), "playlist", _rows_by("playlist", "likers")),
    "blocks_per_user": Counted("user_blocks", ("user",), "user", _rows_by("user", "blocks")),
    "places_by_playlist": Counted("ranked_candidates", ("playlists",), "playlist", _places),
    "validation_negatives": Counted("validation_batches", ("negatives",), "playlist", _negatives),
    "test_negatives": Counted("test_batches", ("negatives",), "playlist", _negatives),
}


@dataclass(frozen=True)
class Derived:
    """An input made of other inputs."""

    needs: tuple[str, ...]
    make: Callable[..., Any]


def _sizes(library: Any, name: str) -> pl.DataFrame:
    sizes = np.diff(np.asarray(library.indptr))
    songs = pl.Series("songs", sizes.astype(np.uint32))
    return pl.DataFrame([pl.Series(name, np.arange(len(sizes), dtype=np.uint32)), songs, songs.alias("length")])


def _exploded_sessions(user_feedback: pl.DataFrame) -> pl.DataFrame:
    scored = user_feedback.with_row_index("session").explode("shown").rename({"shown": "playlist_id"})
    return scored.select(
        "created_at",
        "session",
        "user_id",
        "playlist_id",
        (pl.col("playlist_id") == pl.col("liked")).fill_null(False).cast(pl.Int8).alias("score"),
    )


def count_likers(scores: pl.DataFrame) -> int:
    """Users of some rows of `scores` who like anything."""
    return int((scores["liked"].list.len() > 0).sum())


def _from_a_frame(counted: Counted) -> Derived:
    return Derived((counted.dataset,), lambda **frames: counted.of(frames.values()))


DEFAULTS = {
    name: Settings.model_fields[field].default
    for name, field in (
        ("block_negatives", "negatives"),
        ("validation_batch_negatives", "batch_negatives"),
        ("test_batch_negatives", "batch_negatives"),
        ("ownership_cap", "ownership_cap"),
        ("hidden_share", "hidden_share"),
        ("most_candidates", "candidates"),
    )
} | {"unownable": 0}
"""What a dataset was made with where nothing says so: the settings' own defaults."""

DERIVED: dict[str, Derived] = {
    **{name: Derived((), lambda value=value: value) for name, value in DEFAULTS.items()},
    "n_users": Derived(("user_rows",), lambda user_rows: user_rows.height),
    "n_numbers": Derived(("user_rows",), lambda user_rows: user_rows.height),
    "n_playlists": Derived(("playlist_rows",), lambda playlist_rows: playlist_rows.height),
    "n_likers": Derived(("scores",), count_likers),
    "n_songs": Derived(("songs",), lambda songs: songs.height),
    "n_plays": Derived(("entp_plays",), lambda entp_plays: entp_plays.height),
    "user_sizes": Derived(("user_library",), lambda user_library: _sizes(user_library, "user")),
    "playlist_sizes": Derived(("playlist_library",), lambda playlist_library: _sizes(playlist_library, "playlist")),
    "feedback_scores": Derived(("user_feedback",), _exploded_sessions),
    **{name: _from_a_frame(counted) for name, counted in COUNTED.items()},
}


def with_derived(base: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs and everything that can be derived from them; what is given already is kept."""
    known = dict(base)
    for name, derived in DERIVED.items():
        if name not in known and all(need in known for need in derived.needs):
            known[name] = derived.make(**{need: known[need] for need in derived.needs})
    return known
