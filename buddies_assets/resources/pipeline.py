"""What every asset needs to make its dataset: the settings, the store, and who maps the shards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from buddies_core.settings import Settings
from buddies_core.storage import progress
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from buddies_core.storage.ray_runner import RayRunner
from buddies_core.storage.shards import (
    Inputs,
    ShardBuilder,
    ShardedStep,
    ShardRunner,
    ThreadRunner,
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
        """A writer for a dataset that is made whole rather than in shards; its code is of the asset's version."""
        code = context.assets_def.code_versions_by_key[dg.AssetKey(name)] or ""
        cache_key = CacheKey(name, code, {key: value.fingerprint for key, value in inputs.items()}, params)
        return self.store.writer(cache_key, context.run.run_id)


def pipeline_resource(pipeline: Pipeline) -> dg.ResourceDefinition:
    """The pipeline as a resource whose `reuse` a run's config may set, whatever the settings say."""

    @dg.resource(
        description=Pipeline.__doc__,
        config_schema={
            "reuse": dg.Field(
                bool,
                default_value=pipeline.settings.reuse_shards,
                description="Reuse stored shards of the same code, inputs and settings; false makes all of them again.",
            )
        },
    )
    def configured(context: dg.InitResourceContext) -> Pipeline:
        reuse = context.resource_config["reuse"]
        return replace(pipeline, settings=pipeline.settings.model_copy(update={"reuse_shards": reuse}))

    return configured


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
