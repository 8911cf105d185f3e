"""`buddies run`: the whole graph as one run of Dagster, then what came out of it."""

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from rich.console import Console

from buddies_assets.cli.console import plain_console, styled
from buddies_assets.cli.progressing import Bars, Lines, progress_bars
from buddies_assets.cli.recommending import Recommender
from buddies_assets.cli.tables import datasets_table, evaluation_table, set_aside_table
from buddies_assets.systems.found import FIRST, chosen_systems
from buddies_core.errors import BuddiesError
from buddies_core.postgres.database import running_database
from buddies_core.settings import Settings, get_settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.locks import only_one


class RunFailedError(BuddiesError, RuntimeError):
    """The run ended with a failed step; the message names it and its error."""


def prepare_dagster_home(settings: Settings) -> Path:
    """The instance folder of Dagster, with the project's dagster.yaml; sets DAGSTER_HOME.

    Raises:
        RunFailedError: the command is not run from the project's root.
    """
    source = Path("dagster.yaml")
    if not source.exists():
        raise RunFailedError("No dagster.yaml here: run this command from the root of the project.")
    home = settings.local_home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, home / "dagster.yaml")
    # Dagster's UI asks every new home to join its community; this is how it notes that it has asked.
    (home / ".nux").mkdir(exist_ok=True)
    (home / ".nux" / "nux.yaml").write_text("seen: 1\n", encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextlib.contextmanager
def chatter_to(log: Path) -> Iterator[Console]:
    """Send what libraries print to `log`; the console yielded still prints to the terminal.

    File descriptors are exchanged rather than streams, since Ray and MLflow print from processes of their own.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    kept = [os.dup(1), os.dup(2)]
    with log.open("ab") as file, os.fdopen(kept[0], "w", closefd=False) as terminal:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        try:
            yield plain_console(file=terminal, width=None if os.isatty(kept[0]) else 160)
        finally:
            sys.stdout.flush()
            for descriptor, original in zip((1, 2), kept, strict=True):
                os.dup2(original, descriptor)
    for original in kept:
        os.close(original)


def show_plan(console: Console, system: str = FIRST, select: str | None = None) -> None:
    """Print what `run_everything` would make, with the time and disk of the last time; nothing is made."""
    from buddies_assets.cli.planning import past_runs, plan_table, planned, selected_job
    from buddies_assets.definitions import defs

    settings = Settings()
    job = selected_job(defs, chosen_systems(system), select)
    with past_runs(settings) as instance:
        console.print(plan_table(planned(job, DatasetStore.at(settings.home), instance), settings))


def run_everything(console: Console, users: int, system: str = FIRST, select: str | None = None) -> None:
    """Materialise a system (or `all`, or the assets of `select`) with its checks, then print what came out.

    Raises:
        RunFailedError: a step or a blocking check failed.
        SelectionError: `select` names nothing that can be made.
    """
    from buddies_assets.cli.planning import selected_job
    from buddies_assets.definitions import build_definitions

    settings = Settings()
    chosen = chosen_systems(system)
    if select is not None:
        selected_job(build_definitions(settings), chosen, select)  # a mistake is told before anything is started
    playlists_alone = all("sequences" in one.shared for one in chosen)
    real = settings.mpd_dir is not None if playlists_alone else settings.sources_are_real
    what = "the real files" if real else "the synthetic sample"
    console.print(f"Materialising the graph on {what}, mode {settings.mode}, into {settings.home}")
    with only_one(settings.local_home, "buddies run"), running_database(settings) as url:
        os.environ["BUDDIES_POSTGRES_URL"] = url
        get_settings.cache_clear()
        prepare_dagster_home(settings)
        log = settings.local_home / "logs" / "run.log"
        with chatter_to(log) as terminal, dg.DagsterInstance.get() as instance, progress_bars(terminal) as bars:
            defs = build_definitions(get_settings())
            made: set[str] = set()
            for some in [chosen] if select is not None else [[one] for one in chosen]:
                made |= _materialise(instance, bars, selected_job(defs, some, select))
    store = DatasetStore.at(settings.home)
    console.print(datasets_table(store))
    if "quarantined_raw" in made and (aside := set_aside_table(store)) is not None:
        console.print(aside)
    if select is not None or FIRST not in [one.name for one in chosen]:
        return
    console.print(evaluation_table(store))
    recommender = Recommender(store)
    for user in recommender.some_users(users):
        console.print(recommender.table(user))


class _Steps:
    """Hears the events of a run, and shows the asset (or its checks) that is being made."""

    def __init__(self, bars: Bars | Lines, total: int) -> None:
        self._bars, self._total, self._met = bars, total, 0

    def __call__(self, event: dg.EventLogEntry) -> None:
        if event.dagster_event_type == dg.DagsterEventType.STEP_START:
            self._met += 1
            self._bars.turn_to(event.step_key or "", self._met, self._total)


def _materialise(instance: dg.DagsterInstance, bars: Bars | Lines, job: dg.JobDefinition) -> set[str]:
    """Run the job; the assets that it made."""
    from buddies_assets.resources.run_launcher import host_tags

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    run_id = str(uuid.uuid4())
    instance.add_event_listener(run_id, _Steps(bars, len(job.nodes_in_topological_order)))
    result = job.execute_in_process(
        instance=instance, run_config=quiet, tags=host_tags(), raise_on_error=False, run_id=run_id
    )
    checks = result.get_asset_check_evaluations()
    failed = [check for check in checks if not check.passed]
    for check in failed:
        bars.say(styled((check.severity.value, "yellow"), f" {check.asset_key.to_user_string()}: {check.check_name}"))
    if not result.success:
        raise RunFailedError("\n".join(_failures(result)) or "The run failed; see Dagster's UI (`buddies up`).")
    materialised, passed = result.get_asset_materialization_events(), len(checks) - len(failed)
    told = f" {len(materialised)} assets materialised, {passed} of {len(checks)} checks passed (run {result.run_id})"
    bars.say(styled(("✓", "green"), told))
    return {event.asset_key.to_user_string() for event in materialised if event.asset_key is not None}


def _failures(result: dg.ExecuteInProcessResult) -> list[str]:
    messages = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            message = error.message.strip() if error else "failed"
            messages.append(f"{event.step_key}: {_without_class(message, error.cls_name if error else None)}")
    return messages


def _without_class(message: str, name: str | None) -> str:
    """The message without the class that Dagster puts before it, with or without its module."""
    head, colon, rest = message.partition(": ")
    return rest if colon and name is not None and head.rpartition(".")[2] == name else message
