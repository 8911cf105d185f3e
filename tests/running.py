"""Runs of the graph for tests."""

import dagster as dg

from buddies_assets.definitions import build_definitions
from buddies_core.settings import Settings


def materialise(settings: Settings, selection: str | None = None) -> dg.ExecuteInProcessResult:
    """One run of the graph (or a selection of it) under the settings, in this process; returns Dagster's result."""
    definitions = build_definitions(settings)
    job = definitions.resolve_implicit_global_asset_job_def()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    chosen = None if selection is None else [dg.AssetKey(name) for name in selection.split(",")]
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, run_config=quiet, asset_selection=chosen)
