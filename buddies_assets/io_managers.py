"""How Dagster stores and loads this project's assets: as datasets (see `buddies_core.storage.datasets`).

An asset returns a frame, or the `Dataset` its shards were committed to; it receives what its parameter is annotated
with: `Dataset` (a handle, nothing loaded), `pl.DataFrame` or `pl.LazyFrame`.
"""

from typing import Any

import dagster as dg
import polars as pl
from dagster import UPathIOManager
from upath import UPath

from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.manifest import CacheKey, Manifest
from quality.column_schemas import lineage_metadata
from quality.finite_metadata import finite_metadata


class DatasetIOManager(UPathIOManager):
    """Stores a frame as a dataset of one shard, keeps a `Dataset` where it is, and reports rows, bytes, fingerprint."""

    def dump_to_path(self, context: dg.OutputContext, obj: pl.DataFrame | Dataset, path: UPath) -> None:
        """Store a frame; a `Dataset` is stored already and only reported."""
        if isinstance(obj, pl.DataFrame):
            obj = self._store_frame(context, obj, path)
        manifest = obj.manifest
        # Equal data have the same version in Dagster too, so that what is made of them is not called stale.
        context.step_context.set_data_version(context.asset_key, dg.DataVersion(manifest.fingerprint))
        context.add_output_metadata(
            # Metadata that an asset gave are given again without the numbers that no reader of JSON takes.
            finite_metadata(context.output_metadata)
            | {
                "dagster/row_count": manifest.rows,
                "bytes": manifest.bytes,
                "shards": len(manifest.shards),
                "reused shards": int(manifest.extra.get("reused_shards", 0)),
                "fingerprint": manifest.fingerprint,
            }
            | lineage_metadata(context.asset_key.path[-1], _made_of(context))
        )

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
        """The dataset in the form the parameter is annotated with."""
        manifest = path / "manifest.json"
        if not manifest.exists():
            raise dg.Failure(
                f"{path.name} is not stored under {path.parent}: materialise the asset {path.name!r} first.",
            )
        dataset = Dataset(path, Manifest.parse(manifest.read_text()))
        wanted = context.dagster_type.typing_type
        if wanted is pl.DataFrame:
            return dataset.frame()
        if wanted is pl.LazyFrame:
            return dataset.scan()
        return dataset

    def _store_frame(self, context: dg.OutputContext, frame: pl.DataFrame, path: UPath) -> Dataset:
        name = context.asset_key.path[-1]
        cache_key = CacheKey(name, inputs=_stored_inputs(context, path.parent), params={"run": context.run_id})
        writer = DatasetWriter(path, cache_key, context.run_id)
        return writer.commit([writer.write_shard(0, frame)])


def _made_of(context: dg.OutputContext) -> list[str]:
    """The assets that this one depends on."""
    return sorted(key.path[-1] for key in context.step_context.job_def.asset_layer.get(context.asset_key).parent_keys)


def _stored_inputs(context: dg.OutputContext, folder: UPath) -> dict[str, str]:
    """Fingerprints of the datasets that a frame's asset depends on, as they are stored now."""
    manifests = {name: folder / name / "manifest.json" for name in _made_of(context)}
    return {name: Manifest.parse(at.read_text()).fingerprint for name, at in manifests.items() if at.exists()}
