"""What a check needs, looked up by name among stored datasets: whole, or the rows of one piece.

A dataset larger than memory is judged piece by piece (`quality/pieces.py`), and what is compared with it row by row is
read in the same pieces. Small tables and figures are read, or counted a shard at a time, once.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from buddies_core.interactions.numbers import numbered_rows, stored_register
from buddies_core.storage.datasets import Dataset, DatasetStore
from quality.inputs import COUNTED, DEFAULTS, count_likers

LIBRARIES = frozenset({"user_library", "playlist_library"})
RAW = ("mpd_playlists", "mpd_tracks", "entp_plays", "msd_songs")

Piece = Mapping[str, Callable[[], pl.DataFrame]]
"""How the rows of one piece are read, by dataset."""
PARAMETERS: Mapping[str, tuple[str, str]] = {
    "block_negatives": ("user_blocks", "negatives"),
    "validation_batch_negatives": ("validation_batches", "batch_negatives"),
    "test_batch_negatives": ("test_batches", "batch_negatives"),
    "ownership_cap": ("playlist_ownership", "ownership_cap"),
    "hidden_share": ("hidden_plays", "share"),
    "unownable": ("playlist_ownership", "unownable"),
    "most_candidates": ("candidates", "most"),
}
"""Figures that a dataset was made with or notes of itself, by the name that rules ask for: (dataset, parameter)."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    **{name: (dataset,) for name, (dataset, _) in PARAMETERS.items()},
    **{name: (counted.dataset,) for name, counted in COUNTED.items()},
    "n_users": ("user_library",),
    "n_numbers": ("user_library",),
    "n_playlists": ("playlist_library",),
    "n_songs": ("songs",),
    "n_likers": ("scores",),
    "n_plays": ("entp_plays",),
    "user_rows": ("user_library",),
    "playlist_rows": ("playlist_library",),
    "user_sizes": ("user_library",),
    "playlist_sizes": ("playlist_library",),
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

    Of the datasets in `piece` there are the rows of that piece alone. Values that are the same for all pieces are kept
    in `cache`.
    """

    handles: Mapping[str, Any]
    given: Mapping[str, Any] = field(default_factory=dict)
    piece: Piece = field(default_factory=dict)
    cache: dict[str, Any] = field(default_factory=dict)
    _rows: dict[str, pl.DataFrame] = field(default_factory=dict)

    def within(self, piece: Piece) -> "Evidence":
        """The same evidence for a piece."""
        return Evidence(self.handles, self.given, piece, self.cache)

    def __contains__(self, name: object) -> bool:
        return name in self.given or all(need in self.handles for need in needs_of(str(name)))

    def __iter__(self) -> Iterator[str]:
        return iter({*self.given, *self.handles})

    def __getitem__(self, name: str) -> Any:
        if name in self.given:
            return self.given[name]
        if name in self.piece:
            if name not in self._rows:
                self._rows[name] = self.piece[name]()
            return self._rows[name]
        if name not in self.cache:
            self.cache[name] = self._make(name)
        return self.cache[name]

    def _make(self, name: str) -> Any:
        if name in COUNTED:
            counted = COUNTED[name]
            return counted.of(shards_of(self.handles[counted.dataset], list(counted.columns)))
        if name in _MAKERS:
            return _MAKERS[name](self.handles)
        if name.startswith("lineage:"):
            return _lineage(self.handles[name.removeprefix("lineage:")])
        if name not in self.handles:
            raise UnknownInputError(f"no dataset or figure named {name!r}; there are: {sorted(self)}")
        if name in LIBRARIES:
            return _library(self.handles[name])
        return table(self.handles[name])


def shards_of(stored: Any, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Columns of a dataset, a shard in memory at a time; of a partitioned dataset, of all its partitions."""
    if isinstance(stored, Mapping):
        for _, part in sorted(stored.items()):
            yield from shards_of(part, columns)
    elif isinstance(stored, pl.DataFrame):
        yield stored.select(columns)
    else:
        yield from stored.shards(columns)


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
    from buddies_core.interactions.labelled import load_library

    return load_library(stored)


def _sizes(name: str, row: str) -> Any:
    return lambda handles: _columns(handles[name], row, "songs", "length")


def _columns(stored: Any, *names: str) -> pl.DataFrame:
    return pl.concat(shards_of(stored, list(names)))


_COUNTS = ("kept", "quarantined", "repeats", "left_out", "lines", "parsed_lines", "bytes", "unread_bytes")


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
                **{column: counts.get(column, 0) for column in _COUNTS},  # a home of an older version lacks some
                "stored": manifest.rows,
            }
        )
    return pl.DataFrame(rows)


def _parameter(name: str) -> Callable[[Mapping[str, Any]], Any]:
    dataset, parameter = PARAMETERS[name]

    def made_with(handles: Mapping[str, Any]) -> Any:
        # A home of the version before this one does not say so in its manifest, and a bare table has none.
        manifest = getattr(handles[dataset], "manifest", None)
        return (
            DEFAULTS[name] if manifest is None else {**manifest.extra, **manifest.params}.get(parameter, DEFAULTS[name])
        )

    return made_with


_MAKERS = {
    **{name: _parameter(name) for name in PARAMETERS},
    "n_users": lambda handles: handles["user_library"].manifest.rows,
    "n_playlists": lambda handles: handles["playlist_library"].manifest.rows,
    "n_songs": lambda handles: handles["songs"].manifest.rows,
    "n_plays": lambda handles: handles["entp_plays"].manifest.rows,
    "n_likers": lambda handles: sum(count_likers(shard) for shard in shards_of(handles["scores"], ["liked"])),
    "n_numbers": lambda handles: stored_register(handles["user_library"]).height,
    "user_rows": lambda handles: numbered_rows(handles["user_library"]).select("user_id", "number"),
    "playlist_rows": lambda handles: _columns(handles["playlist_library"], "pid"),
    "user_sizes": _sizes("user_library", "user"),
    "playlist_sizes": _sizes("playlist_library", "playlist"),
    "raw_counts": _raw_counts,
    "als_users": lambda handles: handles["als_factors"].array("users"),
    "als_playlists": lambda handles: handles["als_factors"].array("playlists"),
    "window_from": lambda handles: datetime.fromisoformat(handles["training_window"].manifest.params["from"]).replace(
        tzinfo=UTC
    ),
    "now": lambda handles: time.time(),
    "now_at": lambda handles: datetime.now(UTC),
}
