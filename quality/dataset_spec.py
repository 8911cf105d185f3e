"""What is known of a dataset beside its rows, written beside its asset: everything that is told of it comes from here.

A module or package `datasets` in a room of the code location has them in `DATASETS`; `quality/registry.py` finds them.
Which asset is made of which stands in Dagster's graph alone (`quality/graph.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from buddies_core.settings import Settings
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore

_ROWS_WAITING = 1_000_000
Figures = dict[str, Any]
"""Figures of one version of a dataset, as plain JSON."""


@dataclass(frozen=True)
class Field:
    """One column: its polars type, the index it points into, its range, whether it may be null or repeat.

    `index` names a count of rows: `users` means below the input `n_users`, `users_inclusive` at most that.
    `optional` columns may be absent; `pattern` is a regular expression for text.
    """

    dtype: Any
    index: str | None = None
    low: float | None = None
    high: float | None = None
    nullable: bool = False
    unique: bool = False
    optional: bool = False
    pattern: str | None = None


@dataclass(frozen=True, eq=False)
class TableSchema:
    """Columns of a dataset, the columns that together are its key, and whether other columns are forbidden."""

    fields: Mapping[str, Field]
    key: tuple[str, ...] = ()
    strict: bool = True


@dataclass(frozen=True)
class Derived:
    """An input of rules that is made of other inputs, by their names."""

    needs: tuple[str, ...]
    make: Callable[..., Any]


@dataclass(frozen=True)
class Counted:
    """An input: counts over the dataset's rows, one row a value of `by`, of which only `columns` are read.

    `count` gives it for some of the rows; the counts of the same value in other rows are added.
    """

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


def rows_by(column: str, name: str) -> Counted:
    """How many rows a value of a column has, under a name."""
    return Counted((column,), column, lambda rows: rows.group_by(column).len(name))


@dataclass(frozen=True)
class Parameter:
    """An input: a figure that the dataset was made with or notes of itself, by its name in the manifest.

    `default` stands where nothing says so: a home of an older version, a bare table.
    """

    name: str
    default: Any


@dataclass(frozen=True)
class Read:
    """An input: what a function makes of the stored datasets, by name; of this one, and of those in `also`.

    `of_frames` gives the same of bare tables.
    """

    make: Callable[[Mapping[str, Any]], Any]
    also: tuple[str, ...] = ()
    of_frames: Derived | None = None


def part_of(name: str, part: str) -> Read:
    """A table that is stored beside a dataset's rows."""
    return Read(lambda handles: handles[name].part(part))


def arrays_of(name: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The arrays that a stored model has as parts."""

    def read(handles: Mapping[str, Any]) -> dict[str, Any]:
        stored = handles[name]
        found = [part.removesuffix(".npy") for part in stored.manifest.parts if part.endswith(".npy")]
        return {part: stored.array(part) for part in found}

    return read


Input = Derived | Counted | Parameter | Read


@dataclass(frozen=True)
class Chart:
    """A histogram on the page of training data: of which figure, its title, what axis and bars count."""

    figure: str
    title: str
    axis: str
    count: str


@dataclass(frozen=True)
class Reader:
    """How an asset is read that no IO manager loads: a function of the settings, and what must be stored before."""

    read: Callable[[Settings], Mapping[str, Any]]
    after: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class DatasetSpec:
    """All that is known of a dataset, by subject. Only the name is needed; what is left out is not looked at.

    Rows:
        schema: columns, ranges and key: the check `matches_its_schema`, and the columns that Dagster's UI shows.
        blocking: whether rows that break the schema hold back what is built on them.
        described: columns that rules hold, of a dataset without a schema.
        reader: how it is read where it is no dataset of the store.
        load: what rules are given of it, where that is not its table.

    Large datasets (`quality/pieces.py`):
        judged_by: the key by which its rules are judged in pieces; None: always at once.
        cut_by: further keys by which its rows can be given in pieces, for rules of other datasets.
        in_ranges: whether it is sorted by user, in shards that are ranges of users.

    Rules and versions:
        inputs: what rules may ask for beside the table, by name: counts, parameters, figures.
        fresh: whether the rule `is_made_of_what_is_stored_now` looks at it.
        figures: what is computed once of each version, for charts and drift.
        nulls: whether the shares of nulls are among the figures, and watched.
        drift: how a figure (a `spread`) is compared with that of earlier versions, by the figure's name.
        charts: which figures the page of training data shows, by the chart's name.
        max_age: age from which it is stale.
        gate: whether a failed blocking check of its takes the newest checkpoint out.
        follows: assets that it follows by people's doing, which no run makes (feedback follows what was served).
    """

    name: str
    schema: TableSchema | None = None
    blocking: bool = True
    described: frozenset[str] = frozenset()
    reader: Reader | None = None
    load: Callable[[Dataset], Any] | None = None
    judged_by: str | None = None
    cut_by: tuple[str, ...] = ()
    in_ranges: bool = False
    inputs: Mapping[str, Input] = field(default_factory=dict)
    fresh: bool = False
    figures: Callable[[Dataset, DatasetStore], Figures] | None = None
    nulls: bool = False
    drift: Mapping[str, str] = field(default_factory=dict)
    charts: Mapping[str, Chart] = field(default_factory=dict)
    max_age: timedelta | None = None
    gate: bool = False
    follows: tuple[str, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """Columns that a schema or a rule describes."""
        return frozenset(self.schema.fields) if self.schema else self.described

    @property
    def keys(self) -> frozenset[str]:
        """Keys by which its rows can be given in pieces."""
        own = [self.judged_by] if self.judged_by else []
        return frozenset([*own, *self.cut_by, *(["user"] if self.in_ranges else [])])

    @property
    def watched(self) -> bool:
        """Whether earlier versions are compared with."""
        return self.nulls or bool(self.drift)
