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
from buddies_assets.release.channels import channels, model_of
from buddies_assets.release.retraining_inputs import retraining_inputs, retry_policy_of
from buddies_assets.release.retraining_policy import decide_retraining
from buddies_assets.resources.pipeline import Pipeline
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
        """New candidates and lists every night, unless a trial runs: then both models keep the candidates they have."""
        return _unless_on_trial(pipeline.settings)

    @dg.schedule(job=pairing_job, cron_schedule="0 2 1 * *", default_status=on)
    def pairing_schedule(pipeline: dg.ResourceParam[Pipeline]):
        """New neighbours on the first of each month: libraries change slowly, and pairing is the dearest step."""
        return _unless_on_trial(pipeline.settings)

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
