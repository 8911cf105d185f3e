"""Schedules of the graph; each says why when it skips. Times are UTC."""

import dagster as dg

from buddies_assets.automation.loop_jobs import (
    daily_job,
    pairing_job,
    purge_old_runs_job,
    quality_job,
    retrain_job,
    simulate_job,
)
from buddies_assets.automation.sensors import NO_DATABASE, requested
from buddies_assets.release.channels import channels, model_of, model_to_serve
from buddies_assets.release.retraining_inputs import retraining_inputs, retry_policy_of
from buddies_assets.release.retraining_policy import decide_retraining
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.own_lists import why_not_own
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedules, with the status to start with that the settings state."""
    on = dg.DefaultScheduleStatus.RUNNING if settings.schedules == "on" else dg.DefaultScheduleStatus.STOPPED
    simulating = (
        dg.DefaultScheduleStatus.RUNNING if settings.simulate_schedule == "on" else dg.DefaultScheduleStatus.STOPPED
    )

    @dg.schedule(job=retrain_job, cron_schedule="0 4 * * 1", default_status=on)
    def weekly_feedback_schedule(context: dg.ScheduleEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """On Mondays retrains on whatever feedback is new, however little."""
        from buddies_assets.resources.loop_database import connected
        from buddies_core.postgres.database import feedback_database

        url = feedback_database(pipeline.settings)
        if url is None:
            return dg.SkipReason(NO_DATABASE)
        with connected(url) as connection:
            seen = retraining_inputs(context.instance, connection, pipeline.settings, needed=1)
        return requested(context.instance, decide_retraining(seen, retry_policy_of(pipeline.settings)))

    @dg.schedule(job=daily_job, cron_schedule="0 3 * * *", default_status=on)
    def daily_recommendations_schedule(pipeline: dg.ResourceParam[Pipeline]):
        """New candidates and lists every night, unless a trial runs: then both models keep the candidates they have.

        After a rollback only the file is written, of the lists as they are served.
        """
        decided = _unless_on_trial(pipeline.settings)
        if isinstance(decided, dg.RunRequest) and _why_lists_stay(pipeline):
            return dg.RunRequest(asset_selection=[dg.AssetKey("daily_recommendations")])
        return decided

    @dg.schedule(job=pairing_job, cron_schedule="0 2 1 * *", default_status=on)
    def pairing_schedule(pipeline: dg.ResourceParam[Pipeline]):
        """New neighbours on the first of each month: libraries change slowly, and pairing is the dearest step."""
        decided, why = _unless_on_trial(pipeline.settings), _why_lists_stay(pipeline)
        return dg.SkipReason(why) if isinstance(decided, dg.RunRequest) and why else decided

    nightly_quality_schedule = dg.ScheduleDefinition(
        name="nightly_quality_schedule", job=quality_job, cron_schedule="0 1 * * *", default_status=on
    )
    purge_schedule = dg.ScheduleDefinition(
        name="purge_schedule", job=purge_old_runs_job, cron_schedule="0 5 * * 0", default_status=on
    )
    simulate_listeners_schedule = dg.ScheduleDefinition(
        name="simulate_listeners_schedule", job=simulate_job, cron_schedule="*/10 * * * *", default_status=simulating
    )
    return [
        weekly_feedback_schedule,
        daily_recommendations_schedule,
        pairing_schedule,
        nightly_quality_schedule,
        purge_schedule,
        simulate_listeners_schedule,
    ]


def _unless_on_trial(settings: Settings) -> dg.RunRequest | dg.SkipReason:
    served = channels(settings.local_home / "served_model")
    if served is None:
        return dg.SkipReason("nothing is served yet: materialise the graph once")
    if served.challenger is not None:
        return dg.SkipReason(
            f"challenger {model_of(served.challenger.version)} is on trial: both models keep the candidates they have"
        )
    return dg.RunRequest()


def _why_lists_stay(pipeline: Pipeline) -> str | None:
    """Why nothing can be ranked anew until a model is trained, in words; None where it can."""
    checkpoints = CheckpointStore.at(pipeline.settings.home)
    versions = checkpoints.versions()
    model = model_to_serve(pipeline.settings.local_home / "served_model", versions)
    if pipeline.settings.ranking != "taste" or model is None or not pipeline.store.has("taste_candidates"):
        return None
    return why_not_own(pipeline.store.open("taste_candidates"), checkpoints.load(model), versions[-1])
