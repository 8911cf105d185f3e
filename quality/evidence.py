"""What a check needs, looked up by name among stored datasets: whole, or the rows of one range of users.

A dataset larger than memory is judged range by range (`quality/judging.py`): other datasets that are sorted by user
then give the rows of the same users, and small tables are read whole once.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from buddies_assets.datasets import Dataset, DatasetStore
from buddies_assets.shards import EntityShards

BY_USER = frozenset(
    {
        "exploration_coefficients",
        "scores",
        "liked_playlists",
        "splits",
        "user_blocks",
        "validation_batches",
        "test_batches",
        "user_pairings",
        "candidates",
        "ranked_candidates",
    }
)
"""Datasets sorted by user, whose shards are ranges of users."""

LIBRARIES = frozenset({"user_library", "playlist_library"})
RAW = ("mpd_playlists", "mpd_tracks", "entp_plays", "msd_songs")
SHUFFLED = frozenset({"triplets"})
"""Datasets of users' rows in no order of users."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "n_users": ("user_library",),
    "n_playlists": ("playlist_library",),
    "n_songs": ("songs",),
    "n_likers": ("scores",),
    "user_rows": ("user_library",),
    "playlist_rows": ("playlist_library",),
    "user_sizes": ("user_library",),
    "playlist_sizes": ("playlist_library",),
    "owned_counts": ("playlist_ownership",),
    "track_counts": ("mpd_tracks",),
    "listed_uris": ("mpd_tracks",),
    "raw_counts": RAW,
    "als_users": ("als_factors",),
    "als_playlists": ("als_factors",),
    "window_from": ("training_window",),
    "now": (),
    "now_at": (),
}
"""Datasets that a derived input is made of. What is not named here is a dataset itself."""


class UnknownInputError(LookupError):
    """A rule asks for an input that nothing provides."""


def needs_of(name: str) -> tuple[str, ...]:
    """The datasets that a named input is made of; `lineage:x` is the lineage of the dataset x."""
    return NEEDS.get(name, (name.removeprefix("lineage:"),))


def datasets_for(names: Iterator[str] | list[str]) -> set[str]:
    """The datasets that the named inputs are made of."""
    return {need for name in names for need in needs_of(name)}


@dataclass
class Evidence:
    """Inputs by name, made of the stored datasets `handles`; `given` are inputs that are there already.

    `users` limits datasets sorted by user to a range. Values that do not depend on the range are kept in `cache`.
    """

    handles: Mapping[str, Any]
    given: Mapping[str, Any] = field(default_factory=dict)
    users: range | None = None
    cache: dict[str, Any] = field(default_factory=dict)

    def within(self, users: range) -> "Evidence":
        """The same evidence for a range of users."""
        return Evidence(self.handles, self.given, users, self.cache)

    def __contains__(self, name: object) -> bool:
        return name in self.given or all(need in self.handles for need in needs_of(str(name)))

    def __iter__(self) -> Iterator[str]:
        return iter({*self.given, *self.handles})

    def __getitem__(self, name: str) -> Any:
        if name in self.given:
            return self.given[name]
        if self.users is not None and (name in BY_USER or f"scattered {name}" in self.cache):
            return self._users_of(name, self.users)
        if name not in self.cache:
            self.cache[name] = self._make(name)
        return self.cache[name]

    def _users_of(self, name: str, users: range) -> pl.DataFrame:
        key = f"{name}[{users.start}:{users.stop}]"
        if key not in self.cache:
            for old in [k for k in self.cache if k.startswith(f"{name}[")]:
                del self.cache[old]
            scattered = self.cache.get(f"scattered {name}")
            self.cache[key] = (scattered or EntityShards(self.handles[name])).frame(users)
        return self.cache[key]

    def _make(self, name: str) -> Any:
        makers = _MAKERS
        if name in makers:
            return makers[name](self.handles)
        if name.startswith("lineage:"):
            return _lineage(self.handles[name.removeprefix("lineage:")])
        if name not in self.handles:
            raise UnknownInputError(f"no dataset or figure named {name!r}; there are: {sorted(self)}")
        if name in LIBRARIES:
            return _library(self.handles[name])
        return table(self.handles[name])


def table(stored: Any) -> pl.DataFrame:
    """A dataset's whole table; of a partitioned dataset, all its partitions."""
    if isinstance(stored, Mapping):
        return pl.concat([table(part) for _, part in sorted(stored.items())], how="vertical_relaxed")
    return stored if isinstance(stored, pl.DataFrame) else stored.frame()


def _lineage(dataset: Dataset) -> pl.DataFrame:
    store = DatasetStore(dataset.folder.parent.parent)
    rows = [
        {"input": name, "made_of": made_of, "stored": store.open(name).fingerprint if store.has(name) else None}
        for name, made_of in sorted(dataset.manifest.inputs.items())
    ]
    return pl.DataFrame(rows, schema={"input": pl.String, "made_of": pl.String, "stored": pl.String})


def _library(stored: Dataset) -> Any:
    from buddies_assets.matrices import load_library

    return load_library(stored)


def _sizes(name: str, row: str) -> Any:
    return lambda handles: table(handles[name]).select(row, "songs")


def _lazy(stored: Any) -> pl.LazyFrame:
    return stored.scan() if isinstance(stored, Dataset) else table(stored).lazy()


def _raw_counts(handles: Mapping[str, Any]) -> pl.DataFrame:
    sources = {"mpd_playlists": "mpd", "mpd_tracks": "mpd", "entp_plays": "entp", "msd_songs": "msd"}
    rows = []
    for name, source in sources.items():
        manifest = handles[name].manifest
        counts = manifest.extra["counts"]
        rows.append(
            {
                "dataset": name,
                "source": source,
                "read": counts["rows"],
                **{c: counts[c] for c in ("kept", "quarantined", "repeats")},
                "stored": manifest.rows,
            }
        )
    return pl.DataFrame(rows)


_MAKERS = {
    "n_users": lambda handles: handles["user_library"].manifest.rows,
    "n_playlists": lambda handles: handles["playlist_library"].manifest.rows,
    "n_songs": lambda handles: handles["songs"].manifest.rows,
    "n_likers": lambda handles: (
        _lazy(handles["scores"]).select((pl.col("liked").list.len() > 0).sum()).collect().item()
    ),
    "user_rows": lambda handles: table(handles["user_library"]).select("user_id"),
    "playlist_rows": lambda handles: table(handles["playlist_library"]).select("pid"),
    "user_sizes": _sizes("user_library", "user"),
    "playlist_sizes": _sizes("playlist_library", "playlist"),
    "owned_counts": lambda handles: table(handles["playlist_ownership"]).group_by("owner").len("owned"),
    "track_counts": lambda handles: _lazy(handles["mpd_tracks"]).group_by("pid").agg(found=pl.len()).collect(),
    "listed_uris": lambda handles: _lazy(handles["mpd_tracks"]).select("track_uri").unique().collect(),
    "raw_counts": _raw_counts,
    "als_users": lambda handles: handles["als_factors"].array("users"),
    "als_playlists": lambda handles: handles["als_factors"].array("playlists"),
    "window_from": lambda handles: datetime.fromisoformat(handles["training_window"].manifest.params["from"]).replace(
        tzinfo=UTC
    ),
    "now": lambda handles: time.time(),
    "now_at": lambda handles: datetime.now(UTC),
}
