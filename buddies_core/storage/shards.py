"""Sharded work: a step is cut into ranges of entities, each range makes one shard, and a runner maps the ranges.

A step is two top-level functions, so that a thread and a remote worker run the same thing:
`prepare(inputs, params)` builds what all shards share, once per process; `work(state, entities)` makes one shard.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from buddies_core.storage import progress
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey, StoredFile

Inputs = Mapping[str, Dataset]
Params = Mapping[str, Any]


@dataclass(frozen=True)
class ShardedStep:
    """How one dataset is made, shard by shard; both functions are importable by name.

    Attributes:
        row_group: set where parts of a shard are read later (see `DatasetWriter.write_shard`).
        explicit_version: of the code, told by hand; None where it follows from the modules of both functions.
    """

    name: str
    prepare: Callable[[Inputs, Params], Any]
    work: Callable[[Any, range], pl.DataFrame]
    row_group: int | None = None
    explicit_version: str | None = None

    @property
    def version(self) -> str:
        """Version of the code: stored shards of another one are not reused."""
        return self.explicit_version or code_version(self.prepare.__module__, self.work.__module__)

    def make(self, state: Any, index: int, entities: range, writer: DatasetWriter) -> StoredFile:
        """Make and store one shard."""
        return writer.write_shard(index, self.work(state, entities), row_group=self.row_group)


class ShardRunner(Protocol):
    """Maps ranges to stored shards and yields (index, record) as they end, in any order."""

    def run(
        self, step: ShardedStep, inputs: Inputs, params: Params, writer: DatasetWriter, ranges: Mapping[int, range]
    ) -> Iterator[tuple[int, StoredFile]]:
        """Make and store every range's shard."""
        ...


@dataclass(frozen=True)
class ThreadRunner:
    """Runs shards on local threads; kernels and polars release the interpreter lock."""

    threads: int

    def run(
        self, step: ShardedStep, inputs: Inputs, params: Params, writer: DatasetWriter, ranges: Mapping[int, range]
    ) -> Iterator[tuple[int, StoredFile]]:
        """See `ShardRunner.run`. At most `threads` shards are in memory."""
        if not ranges:
            return
        state = step.prepare(inputs, params)

        def make(index: int) -> tuple[int, StoredFile]:
            return index, step.make(state, index, ranges[index], writer)

        with ThreadPoolExecutor(self.threads, thread_name_prefix=step.name) as pool:
            yield from _as_completed(pool.submit(make, index) for index in ranges)


def _as_completed(futures: Iterable[Any]) -> Iterator[Any]:
    from concurrent.futures import as_completed

    pending = list(futures)
    try:
        for future in as_completed(pending):
            yield future.result()
    finally:
        for future in pending:
            future.cancel()


def ranges_of(count: int, size: int) -> list[range]:
    """`count` entities cut into ranges of `size`; one empty range for none, so that every dataset has a shard."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)] or [range(0)]


@dataclass(frozen=True)
class EntityShards:
    """A dataset read by ranges of its first column's entities, whatever ranges it was written in."""

    dataset: Dataset

    def frame(self, entities: range, columns: list[str] | None = None) -> pl.DataFrame:
        """The rows of these entities."""
        starts: list[int] = self.dataset.manifest.extra.get("starts", [0])
        stops = [*starts[1:], sys.maxsize]
        overlapping = [
            index
            for index, (start, stop) in enumerate(zip(starts, stops, strict=True))
            if start < entities.stop and stop > entities.start
        ]
        frame = pl.concat([self.dataset.shard(index, columns) for index in overlapping or [0]])
        return frame.filter(pl.col(frame.columns[0]).is_between(entities.start, entities.stop, closed="left"))


@dataclass(frozen=True)
class ShardBuilder:
    """Builds sharded datasets: finds what an earlier run left, makes the rest, commits."""

    store: DatasetStore
    runner: ShardRunner
    run_id: str
    reuse: bool = True

    def build(
        self,
        step: ShardedStep,
        inputs: Inputs,
        params: Params,
        ranges: Sequence[range],
        extra: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """The step's dataset, with `reused_shards` and `seconds` in the manifest's extra."""
        fingerprints = {name: dataset.fingerprint for name, dataset in inputs.items()}
        cache_key = CacheKey(step.name, step.version, fingerprints, dict(params) | {"shards": _shape(ranges)})
        writer = self.store.writer(cache_key, self.run_id)
        done = {i: found for i in range(len(ranges)) if self.reuse and (found := writer.stored_shard(i))}
        reused, started = len(done), time.perf_counter()
        missing = {i: ranges[i] for i in range(len(ranges)) if i not in done}
        with progress.track(step.name, total=len(ranges), done=reused) as tracker:
            for index, stored in self.runner.run(step, inputs, params, writer, missing):
                done[index] = stored
                tracker.advance(rows=stored.rows)
        seconds = round(time.perf_counter() - started, 3)
        shards = [done[index] for index in range(len(ranges))]
        facts = {"reused_shards": reused, "seconds": seconds, "starts": [entities.start for entities in ranges]}
        return writer.commit(shards, extra=facts | dict(extra or {}))


def _shape(ranges: Sequence[range]) -> str:
    return f"{len(ranges)}x{len(ranges[0])}:{ranges[-1].stop}"
