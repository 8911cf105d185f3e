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

from buddies_core.errors import BuddiesError
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from quality.dataset_spec import Counted, Derived, Input, Parameter
from quality.registry import named_inputs, spec_of

Piece = Mapping[str, Callable[[], pl.DataFrame]]
"""How the rows of one piece are read, by dataset."""

CLOCK: Mapping[str, Callable[[], Any]] = {"now": time.time, "now_at": lambda: datetime.now(UTC)}
"""Inputs that are made of no dataset."""


class UnknownInputError(BuddiesError, LookupError):
    """A rule asks for an input that nothing provides."""


def needs_of(name: str) -> set[str]:
    """The datasets that a named input is made of; `lineage:x` is the lineage of the dataset x."""
    if name in CLOCK:
        return set()
    if name not in named_inputs():
        return {name.removeprefix("lineage:")}
    dataset, made = named_inputs()[name]
    if isinstance(made, Derived):
        return {need for one in made.needs for need in needs_of(one)}
    return {dataset, *getattr(made, "also", ())}


def datasets_for(names: Iterator[str] | list[str]) -> set[str]:
    """The datasets that the named inputs are made of."""
    return {need for name in names for need in needs_of(name)}


@dataclass
class CheckInputs:
    """Inputs by name, made of the stored datasets `handles`; `given` are inputs that are there already.

    Of the datasets in `piece` there are the rows of that piece alone. Values that are the same for all pieces are kept
    in `cache`.
    """

    handles: Mapping[str, Any]
    given: Mapping[str, Any] = field(default_factory=dict)
    piece: Piece = field(default_factory=dict)
    cache: dict[str, Any] = field(default_factory=dict)
    _rows: dict[str, pl.DataFrame] = field(default_factory=dict)

    def within(self, piece: Piece) -> "CheckInputs":
        """The same inputs for a piece."""
        return CheckInputs(self.handles, self.given, piece, self.cache)

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
        if name in CLOCK:
            return CLOCK[name]()
        if name in named_inputs():
            return self._named(*named_inputs()[name])
        if name.startswith("lineage:"):
            return _lineage(self.handles[name.removeprefix("lineage:")])
        if name not in self.handles:
            raise UnknownInputError(f"no dataset or figure named {name!r}; there are: {sorted(self)}")
        stored, load = self.handles[name], spec_of(name).load
        return table(stored) if load is None else load(stored)

    def _named(self, dataset: str, made: Input) -> Any:
        if isinstance(made, Derived):
            return made.make(**{need: self[need] for need in made.needs})
        if isinstance(made, Counted):
            return made.of(shards_of(self.handles[dataset], list(made.columns)))
        if isinstance(made, Parameter):
            return _parameter(self.handles[dataset], made)
        return made.make(self.handles)


def _parameter(stored: Any, wanted: Parameter) -> Any:
    # A home of the version before this one does not say so in its manifest, and a bare table has none.
    manifest = getattr(stored, "manifest", None)
    if manifest is None:
        return wanted.default
    return {**manifest.extra, **manifest.params}.get(wanted.name, wanted.default)


def shards_of(stored: Any, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Columns of a dataset, a shard in memory at a time; of a partitioned dataset, of all its partitions."""
    if isinstance(stored, Mapping):
        for _, part in sorted(stored.items()):
            yield from shards_of(part, columns)
    elif isinstance(stored, pl.DataFrame):
        yield stored.select(columns)
    else:
        yield from stored.shards(columns)


def columns_of(stored: Any, *names: str) -> pl.DataFrame:
    """Some columns of a dataset, whole."""
    return pl.concat(shards_of(stored, list(names)))


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
