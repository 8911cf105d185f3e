"""Runs of the graph for tests."""

from typing import Any

import dagster as dg

from buddies_assets.definitions import build_definitions
from buddies_core.settings import Settings

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def materialise(
    settings: Settings, selection: str | None = None, *, run_config: dict[str, Any] | None = None
) -> dg.ExecuteInProcessResult:
    """One run of the graph (or a selection of it) under the settings, in this process; returns Dagster's result."""
    definitions = build_definitions(settings)
    whole = definitions.resolve_job_def("materialise_all_job")
    job = whole if selection is None else definitions.resolve_implicit_global_asset_job_def()
    chosen = None if selection is None else [dg.AssetKey(name) for name in selection.split(",")]
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, run_config=QUIET | (run_config or {}), asset_selection=chosen)


def upstream_of(*assets: str) -> str:
    """Assets and all that they are made of, as `materialise` takes a selection."""
    graph = build_definitions(Settings()).resolve_asset_graph()
    keys = dg.AssetSelection.assets(*assets).upstream().resolve(graph)
    return ",".join(sorted(key.to_user_string() for key in keys & graph.materializable_asset_keys))
