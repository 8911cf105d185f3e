"""Jobs that the loop runs by itself: retraining, new lists each day, checks at night, purging, simulated listeners."""

from typing import Any

import dagster as dg
from pydantic import Field

from buddies_assets.release.retraining_inputs import RETRAIN_JOB
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.found import FIRST, found_systems
from quality.history.purge import KEEP_DAYS, KEEP_LAST

SHOWN_RUNS = 20
"""Runs that a purge names in its metadata."""

_OTHERS = [system for system in found_systems() if system.name != FIRST]
OTHERS = [*(system.name for system in _OTHERS), *sorted({group for system in _OTHERS for group in system.shared})]
"""Groups of the systems that have jobs of their own, and of what these share."""

materialise_all_job = dg.define_asset_job(
    "materialise_all_job",
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups(*OTHERS),
    description="The whole graph in one run: raw files to a served model.",
)
retrain_job = dg.define_asset_job(
    RETRAIN_JOB,
    selection=dg.AssetSelection.assets(
        "training_window",
        "song_taste",
        "taste_candidates",
        "taste_positives",
        "bpr_checkpoint",
        "bpr_evaluation",
        "ranked_candidates",
        "listener_evaluation",
    ),
    description="Lists of taste and a model from what is stored and the newest feedback; `served_model` follows once"
    " checks pass.",
    tags={"dagster/priority": "-1"},
)
daily_job = dg.define_asset_job(
    "daily_job",
    selection=dg.AssetSelection.assets(
        "candidates", "ranked_candidates", "listener_evaluation", "served_model", "daily_recommendations"
    ),
    description="Candidates drawn anew, ranked, served, and everybody's list written down.",
)
pairing_job = dg.define_asset_job(
    "pairing_job",
    selection=dg.AssetSelection.assets(
        "user_pairings", "candidates", "taste_candidates", "ranked_candidates", "listener_evaluation", "served_model"
    ),
    description="Neighbours found anew, and what follows from them.",
)
quality_job = dg.define_asset_job(
    "quality_job",
    selection=dg.AssetSelection.all_asset_checks() - dg.AssetSelection.groups(*OTHERS),
    description="Every check of playlists on what is stored; nothing is materialised.",
)


class Purge(dg.Config):
    """What is purged."""

    dry_run: bool = Field(default=False, description="Say what would go and why the rest stays, and delete nothing.")
    keep_days: float = Field(default=KEEP_DAYS, ge=0, description="Runs younger than this many days stay.")
    keep_last: int = Field(default=KEEP_LAST, ge=0, description="The newest runs of each job stay, however old.")


@dg.op(out=dg.Out(dg.Nothing), description="Delete the runs that the history holds and nothing needs any more.")
def purge_old_runs(context: dg.OpExecutionContext, config: Purge, pipeline: dg.ResourceParam[Pipeline]) -> None:
    """What goes and what stays is decided in `quality.history.purge`; the plan is in the output's metadata."""
    from datetime import UTC, datetime, timedelta

    from buddies_core.postgres.connecting import connect
    from buddies_core.postgres.database import database_url
    from quality.history.purge import delete_runs, plan_purge, run_facts

    connection = connect(database_url(pipeline.settings))
    try:
        facts = run_facts(context.instance, connection)
    finally:
        connection.close()
    keep = timedelta(days=config.keep_days)
    plan = plan_purge(facts, datetime.now(UTC), keep=keep, keep_last=config.keep_last)
    if not config.dry_run:
        delete_runs(context.instance, plan.delete)
    summary = plan.summary(dry_run=config.dry_run)
    context.log.info(", ".join(f"{what}: {count:,}" for what, count in summary.items()))
    oldest = dg.MetadataValue.json(plan.delete[:SHOWN_RUNS])
    context.add_output_metadata({"dry run": config.dry_run, **summary, "oldest of these runs": oldest})


@dg.job(description="Delete old runs from Dagster's event log, which keeps everything for ever by itself.")
def purge_old_runs_job() -> None:
    """One op."""
    purge_old_runs()  # type: ignore[call-arg]


class Listeners(dg.Config):
    """Who is simulated."""

    users: int = 500
    lists: int = 0
    days: float = 10 / 1440
    preference: str = "score"


@dg.op(out=dg.Out(dg.Nothing), description="Listeners of the test split ask the service for lists and answer.")
def simulated_feedback(context: dg.OpExecutionContext, config: Listeners, pipeline: dg.ResourceParam[Pipeline]) -> None:
    """`lists` of 0 means the setting's number."""
    from buddies_assets.simulation.command import simulate

    lists = config.lists or pipeline.settings.simulated_sessions
    report = simulate(
        pipeline.settings,
        users=config.users,
        days=config.days,
        rate=lists / (config.users * config.days),
        preference=config.preference,
    )
    context.log.info(f"{report.lists:,} lists, {report.likes:,} liked ({report.rate:.1%}) in {report.seconds:.1f} s")


@dg.job(description="Simulated listeners for ten minutes' worth of lists: for demonstrations only.")
def simulate_job() -> None:
    """One op."""
    simulated_feedback()  # type: ignore[call-arg]


LOOP_JOBS: list[Any] = [
    materialise_all_job,
    retrain_job,
    daily_job,
    pairing_job,
    quality_job,
    purge_old_runs_job,
    simulate_job,
]
