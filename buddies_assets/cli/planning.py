"""What `buddies run` would make, in its order, with the time and disk that each took the last time."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import or_

import dagster as dg
from rich.table import Table

from buddies_assets.cli.tables import size
from buddies_assets.systems.found import FIRST, System
from buddies_core.errors import BuddiesError
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from quality.graph import AssetGraph, asset_graph


class SelectionError(BuddiesError, ValueError):
    """A selection that names nothing that can be made."""


@dataclass(frozen=True)
class Planned:
    """One asset that would be made; what is not known of the last time is None."""

    asset: str
    made_at: datetime | None = None
    seconds: float | None = None
    bytes: int | None = None


def selected_job(defs: dg.Definitions, systems: Sequence[System], select: str | None) -> dg.JobDefinition:
    """The job that makes systems, or of everything what `select` names: see `selection_of`.

    Raises:
        SelectionError: it names an asset that there is not, or nothing that a run makes.
    """
    if select is None:
        jobs = ["materialise_all_job" if system.name == FIRST else f"{system.name}_job" for system in systems]
        if len(jobs) == 1:
            return defs.resolve_job_def(jobs[0])
        keys = {key for job in jobs for key in defs.resolve_job_def(job).asset_layer.executable_asset_keys}
        wanted: dg.AssetSelection = dg.AssetSelection.assets(*keys)
    else:
        wanted = dg.AssetSelection.assets(*_made_of_selection(defs, select))
    job = dg.define_asset_job("selected_job", selection=wanted, description="What was asked for on the command line.")
    return dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("selected_job")


def _made_of_selection(defs: dg.Definitions, select: str) -> list[dg.AssetKey]:
    graph = defs.resolve_asset_graph()
    try:
        # What one step makes is made together: of two datasets of one file, either brings the other.
        named = selection_of(select).required_multi_asset_neighbors().resolve(graph)
    except dg.DagsterInvalidSubsetError as error:
        unknown = ", ".join(re.findall(r"'([^']+)'", str(error).partition("]")[0]))
        raise SelectionError(f"--select {select!r}: there is no asset {unknown}; Dagster's UI has the names") from error
    made = sorted(key for key in named if graph.get(key).is_materializable)
    if not made:
        raise SelectionError(f"--select {select!r} names nothing that a run makes")
    return made


def selection_of(text: str) -> dg.AssetSelection:
    """Names of assets with commas between them; `+name` and what it is made of, `name+` and what is made of it.

    A plus is one step in the graph, a star in its place is all of them.

    Each part may be in Dagster's own language, such as `group:splitting`.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        found = [dg.AssetSelection.from_string(part) for part in parts]
    except Exception as error:  # Dagster's parser has no error class in its public names.
        raise SelectionError(f"--select {text!r} cannot be read: {error}".splitlines()[0]) from error
    if not found:
        raise SelectionError(
            "--select names nothing: give assets with commas between them, such as `splits,cold_users` or `splits*`"
        )
    return reduce(or_, found)


def planned(job: dg.JobDefinition, store: DatasetStore, instance: dg.DagsterInstance | None) -> list[Planned]:
    """What a job makes, in the order of the graph; without an instance no times are known."""
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    keys = {name for name in keys if job.asset_layer.get(dg.AssetKey.from_user_string(name)).is_materializable}
    return [_last_time(name, store, instance) for name in in_order(asset_graph(), keys)]


def in_order(graph: AssetGraph, names: set[str]) -> list[str]:
    """Assets from left to right in the drawn graph, those of one column by name."""
    column = graph.layers()
    return sorted(names, key=lambda name: (column.get(name, 0), name))


def _last_time(name: str, store: DatasetStore, instance: dg.DagsterInstance | None) -> Planned:
    stored = store.open(name).manifest if store.has(name) else None
    made_at = datetime.fromisoformat(stored.created_at) if stored else None
    seconds = None
    if instance is not None:
        event = instance.get_latest_materialization_event(dg.AssetKey.from_user_string(name))
        if event is not None:
            made_at = datetime.fromtimestamp(event.timestamp, UTC)
            seconds = _step_seconds(instance, event.run_id, event.step_key)
    return Planned(name, made_at, seconds, stored.bytes if stored else None)


def _step_seconds(instance: dg.DagsterInstance, run_id: str, step_key: str | None) -> float | None:
    for stats in instance.get_run_step_stats(run_id, [step_key] if step_key else None):
        if stats.step_key == step_key and stats.start_time and stats.end_time:
            return stats.end_time - stats.start_time
    return None


def plan_table(plan: Sequence[Planned], settings: Settings) -> Table:
    """The plan for people, with its sums and the room there is."""
    known = [one for one in plan if one.seconds is not None]
    new = sum(one.made_at is None for one in plan)
    room = shutil.disk_usage(settings.local_home if settings.local_home.exists() else ".").free
    table = Table("asset", title=f"Would make {len(plan)} assets under {settings.home}; {size(room)} of disk are free")
    for name in ("seconds", "size"):
        table.add_column(f"{name} last time", justify="right")
    table.add_column("last made (UTC)")
    for one in plan:
        table.add_row(
            one.asset,
            "–" if one.seconds is None else f"{one.seconds:,.1f}",
            "–" if one.bytes is None else size(one.bytes),
            "never" if one.made_at is None else f"{one.made_at:%Y-%m-%d %H:%M}",
        )
    summed, stored = sum(one.seconds or 0.0 for one in known), sum(one.bytes or 0 for one in plan)
    table.caption = f"As last time: {summed:,.0f} s and {size(stored)}" + (
        f"; {new} were never made here, nothing is known of them" if new else ""
    )
    return table


@contextlib.contextmanager
def past_runs(settings: Settings) -> Iterator[dg.DagsterInstance | None]:
    """Dagster's record of earlier runs; None where nothing was ever run, and nothing is started for it."""
    from buddies_assets.cli.running import prepare_dagster_home
    from buddies_core.postgres.database import running_database

    if settings.postgres_url is None and not (settings.local_home / "postgres").exists():
        yield None
        return
    with running_database(settings) as url:
        os.environ["BUDDIES_POSTGRES_URL"] = url
        prepare_dagster_home(settings)
        with dg.DagsterInstance.get() as instance:
            yield instance
