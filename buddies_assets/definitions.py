"""The code location: every asset, check, job, schedule and sensor, and the resources they use."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import dagster as dg

from buddies_assets.alerts.sensors import build_alert_sensors
from buddies_assets.automation.jobs import JOBS, system_job
from buddies_assets.automation.loop_jobs import LOOP_JOBS
from buddies_assets.automation.publication import build_served_model_sensor
from buddies_assets.automation.schedules import build_schedules
from buddies_assets.automation.sensors import build_sensors
from buddies_assets.feedback import assets as feedback
from buddies_assets.feedback import day_jobs
from buddies_assets.io_managers import DatasetIOManager
from buddies_assets.resources.pipeline import Pipeline, pipeline_resource
from buddies_assets.sources.assets import hidden, raw, sequences, songs
from buddies_assets.systems.found import FIRST, System, chosen_systems, installed_systems
from buddies_assets.systems.playlists.assets.release_checks import failure_mode_checks
from buddies_core.settings import Settings, get_settings
from quality.checks import build_asset_checks, checked_assets
from quality.column_schemas import with_column_schemas
from quality.drift_checks import build_drift_checks
from quality.drift_watch import watched
from quality.expectation_checks import build_expectation_checks
from quality.graph import AssetNode

ASSET_MODULES = [raw, hidden, songs, sequences, feedback, *chosen_systems(FIRST)[0].asset_modules]
"""Modules of the assets of playlists, and of those that it shares with others."""


def resources(settings: Settings) -> dict[str, Any]:
    """What the settings make of the graph's resources."""
    pipeline = Pipeline.of(settings)
    return {"pipeline": pipeline_resource(pipeline), "io_manager": DatasetIOManager(pipeline.store.root)}


def other_systems() -> list[System]:
    """The systems beside playlists that can run here."""
    return [system for system in installed_systems() if system.name != FIRST]


def assets() -> Sequence[dg.AssetsDefinition | dg.AssetSpec]:
    """Every asset, with the columns of its table."""
    modules = [module for system in other_systems() for module in system.asset_modules]
    loaded: Any = dg.load_assets_from_modules([*ASSET_MODULES, *modules], include_specs=True)
    return list(dg.map_asset_specs(with_column_schemas, loaded))


def asset_nodes() -> dict[str, AssetNode]:
    """Every asset by name: what it depends on, and whose it is. The dashboard draws its graph from it."""
    others = {system.name for system in other_systems()}
    specs = [spec for asset in assets() for spec in ([asset] if isinstance(asset, dg.AssetSpec) else asset.specs)]
    return {
        spec.key.to_user_string(): AssetNode(
            tuple(sorted(dep.asset_key.to_user_string() for dep in spec.deps)),
            spec.group_name if spec.group_name in others else None,
            spec.group_name or "",
            _tags_of(spec),
        )
        for spec in specs
    }


def check_keys() -> frozenset[tuple[str, str]]:
    """Asset and name of every check."""
    found = [key for checks in defs.asset_checks or () for key in checks.check_keys]
    within = [key for asset in assets() if isinstance(asset, dg.AssetsDefinition) for key in asset.check_keys]
    return frozenset((key.asset_key.to_user_string(), key.name) for key in (*found, *within))


def _tags_of(spec: dg.AssetSpec) -> tuple[str, ...]:
    """Kinds, and tags that are not Dagster's own."""
    own = [f"{name}={value}" if value else name for name, value in spec.tags.items() if not name.startswith("dagster/")]
    return tuple(sorted([*spec.kinds, *own]))


def with_its_page(dashboard: str, spec: dg.AssetSpec) -> dg.AssetSpec:
    """The spec with a link to its page in the data-quality dashboard."""
    page = f"{dashboard.rstrip('/')}/asset?asset={quote(spec.key.to_user_string())}"
    return spec.merge_attributes(metadata={"data quality": dg.MetadataValue.url(page)})


def build_definitions(settings: Settings) -> dg.Definitions:
    """The definitions under given settings; tests call it with their own."""
    others = other_systems()
    system_jobs = [
        system_job(system.name, *system.shared, beside=system.beside) for system in others if system.asset_modules
    ]
    of_systems = [module.build_sensors(settings) for system in others for module in system.sensor_modules]
    return dg.Definitions(
        assets=list(dg.map_asset_specs(partial(with_its_page, settings.dashboard_url), assets())),
        asset_checks=[
            *dg.load_asset_checks_from_modules([module for system in others for module in system.check_modules]),
            *build_asset_checks(checked_assets()),
            build_drift_checks(watched()),
            *(build_expectation_checks() if settings.expectations else []),
            failure_mode_checks,
        ],
        jobs=[
            *JOBS,
            *LOOP_JOBS,
            *system_jobs,
            day_jobs.feedback_days_job,
            day_jobs.event_days_job,
        ],
        sensors=[
            *build_sensors(settings),
            *build_alert_sensors(settings),
            build_served_model_sensor(settings),
            *(sensor for sensors in of_systems for sensor in sensors),
        ],
        schedules=build_schedules(settings),
        resources=resources(settings),
        executor=dg.in_process_executor,
    )


defs = build_definitions(get_settings())
