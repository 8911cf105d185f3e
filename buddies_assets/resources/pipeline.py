"""What every asset needs to make its dataset: the settings, the store, and who maps the shards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from buddies_core.settings import Settings
from buddies_core.storage import progress
from buddies_core.storage.datasets import Dataset, DatasetStore, DatasetWriter, Recipe
from buddies_core.storage.ray_runner import RayRunner
from buddies_core.storage.shards import (
    Inputs,
    ShardBuilder,
    ShardedStep,
    ShardRunner,
    ThreadRunner,
    code_fingerprint,
    ranges_of,
)

LOG_SECONDS = 10.0
"""Progress goes to Dagster's log at most this often for one step."""


@dataclass(frozen=True)
class Pipeline:
    """The one resource of the offline graph."""

    settings: Settings
    store: DatasetStore
    runner: ShardRunner

    @classmethod
    def of(cls, settings: Settings) -> "Pipeline":
        """The pipeline that the settings describe: local threads, or Ray when a cluster is named."""
        store = DatasetStore.at(settings.home)
        if settings.ray_address is None:
            return cls(settings, store, ThreadRunner(settings.worker_threads))
        return cls(settings, store, RayRunner(settings.ray_address))

    def users_in_shards(self, n_users: int) -> list[range]:
        """All users, cut into shards of the configured size."""
        return ranges_of(n_users, self.settings.shard_users)

    def build(
        self,
        context: dg.AssetExecutionContext,
        step: ShardedStep,
        inputs: Inputs,
        params: Mapping[str, Any],
        ranges: Sequence[range],
        extra: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """The step's dataset; its progress goes to the run's log."""
        builder = ShardBuilder(self.store, self.runner, context.run.run_id, self.settings.reuse_shards)
        with progress.listening(_LogListener(context)):
            return builder.build(step, inputs, params, ranges, extra)

    def writer(
        self, context: dg.AssetExecutionContext, name: str, inputs: Inputs, params: Mapping[str, Any]
    ) -> DatasetWriter:
        """A writer for a dataset that is made whole rather than in shards."""
        recipe = Recipe(name, code_fingerprint(), {key: value.fingerprint for key, value in inputs.items()}, params)
        return self.store.writer(recipe, context.run.run_id)


class _LogListener:
    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._log = context.log
        self._last = 0.0

    def __call__(self, report: progress.Report) -> None:
        """Log where the step stands, unless that was just said."""
        if report.seconds - self._last < LOG_SECONDS or report.done == report.total:
            return
        self._last = report.seconds
        left = f", {report.seconds_left:.0f} s left" if report.seconds_left is not None else ""
        self._log.info(f"{report.step}: {report.done:,} of {report.total:,} shards, {report.rows:,} rows{left}")
