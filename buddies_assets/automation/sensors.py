"""Sensors of the loop: each reads what there is, asks a pure decision, and says where it stands when it skips."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from buddies_assets.automation.jobs import prepare_data_job
from buddies_assets.automation.loop_jobs import retrain_job
from buddies_assets.release import decision_log
from buddies_assets.release.canary_trial import note_level, poll_canary
from buddies_assets.release.channels import channels, model_of
from buddies_assets.release.degradation_test import watch
from buddies_assets.release.feedback_counts import arm_of, days_of
from buddies_assets.release.new_events import decide_events, events_so_far
from buddies_assets.release.reject_failed import reject_what_failed
from buddies_assets.release.retraining_inputs import failed_checks, mark_lost, retraining_inputs, retry_policy_of
from buddies_assets.release.retraining_lease import AFTER_TAG, ATTEMPT_TAG
from buddies_assets.release.retraining_policy import RetrainDecision, decide_raw_files, decide_retraining
from buddies_assets.resources.loop_database import connected
from buddies_assets.resources.pipeline import Pipeline
from buddies_core import json_text
from buddies_core.postgres.database import feedback_database
from buddies_core.settings import Settings

NO_DATABASE = "no database was ever started here, so there is no feedback"
SETTLED = timedelta(days=1)
"""Yesterday may still grow, by sessions that a service kept in its spool; days before it are taken as whole."""

CHECKPOINT = dg.AssetKey("bpr_checkpoint")


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors, with the interval and the status to start with that the settings state."""
    on = dg.DefaultSensorStatus.RUNNING if settings.automation == "on" else dg.DefaultSensorStatus.STOPPED
    every = settings.sensor_seconds

    @dg.sensor(job=retrain_job, minimum_interval_seconds=every, default_status=on)
    def feedback_retrain_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Retrains once enough sessions have come since the newest checkpoint."""
        url = feedback_database(pipeline.settings)
        if url is None:
            return dg.SkipReason(NO_DATABASE)
        with connected(url) as connection:
            seen = retraining_inputs(context.instance, connection, pipeline.settings)
        return requested(context.instance, decide_retraining(seen, retry_policy_of(pipeline.settings)))

    @dg.sensor(job=retrain_job, minimum_interval_seconds=every, default_status=on)
    def degradation_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Retrains when listeners like what they are shown clearly less than when the champion was promoted."""
        url = feedback_database(pipeline.settings)
        if url is None:
            return dg.SkipReason(NO_DATABASE)
        drifted = drift_since_training(context)
        with connected(url) as connection:
            degraded, told = fall(connection, pipeline.settings)
            degraded = degraded or drifted
            if degraded is None:
                return dg.SkipReason(told)
            seen = retraining_inputs(context.instance, connection, pipeline.settings, degraded=degraded)
        return requested(context.instance, decide_retraining(seen, retry_policy_of(pipeline.settings)))

    @dg.sensor(minimum_interval_seconds=every, default_status=on)
    def canary_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Promotes the challenger, rolls it back, or says what it is waiting for; MLflow's aliases follow."""
        from buddies_assets.release.mlflow_aliases import sync_aliases

        url = feedback_database(pipeline.settings)
        if url is None:
            return dg.SkipReason(NO_DATABASE)
        told = judge(context, url, pipeline.settings)
        served = channels(pipeline.settings.local_home / "served_model")
        names = f"{served.champion}, {served.challenger}" if served else None
        if names is not None and names != context.cursor:
            sync_aliases(pipeline.settings)
            context.update_cursor(names)
        return dg.SkipReason(told)

    @dg.sensor(job=prepare_data_job, minimum_interval_seconds=max(60, every), default_status=on)
    def events_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Prepares the data again once listeners have played enough songs since, or enough listeners are new."""
        url = feedback_database(pipeline.settings)
        if url is None:
            return dg.SkipReason(NO_DATABASE)
        with connected(url) as connection:
            seen = events_so_far(connection, pipeline.settings)
        if seen is None:
            return dg.SkipReason("no user_library yet: materialise the graph once")
        new, strange, total = seen
        key, reason = decide_events(new, strange, pipeline.settings.retrain_sessions, total)
        return dg.RunRequest(run_key=key, tags={"buddies/reason": reason}) if key else dg.SkipReason(reason)

    @dg.sensor(job=prepare_data_job, minimum_interval_seconds=max(60, every), default_status=on)
    def raw_files_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Prepares the data again when slices, triplets or song text are new or changed, and have come to rest."""
        if not pipeline.settings.sources_are_real:
            return dg.SkipReason("the sources are the synthetic sample: there are no raw files to watch")
        found = raw_files(pipeline.settings)
        state = json.loads(context.cursor) if context.cursor else {"seen": {}, "found": found}
        if state["seen"] and found != state["found"]:
            context.update_cursor(json_text.dumps(state | {"found": found}))
            return dg.SkipReason("raw files are changing; waiting until they are the same at two looks")
        digest, reason = decide_raw_files(state["seen"], found)
        context.update_cursor(json_text.dumps({"seen": found, "found": found}))
        return (
            dg.RunRequest(run_key=f"raw-{digest}", tags={"buddies/reason": reason}) if digest else dg.SkipReason(reason)
        )

    @dg.sensor(minimum_interval_seconds=every, default_status=on)
    def shared_store_sensor(pipeline: dg.ResourceParam[Pipeline]):
        """Lets the store that services pull from serve what is served here, whoever changed it last."""
        from buddies_assets.release.sharing import share

        uploaded = share(pipeline.settings)
        return dg.SkipReason(f"uploaded {', '.join(uploaded)}" if uploaded else "the store serves what is served here")

    found = [feedback_retrain_sensor, degradation_sensor, canary_sensor, events_sensor, raw_files_sensor]
    return [*found, shared_store_sensor] if settings.shared_store is not None else found


def requested(instance: dg.DagsterInstance, decision: RetrainDecision) -> dg.RunRequest | dg.SkipReason:
    """The decision as Dagster takes it; runs that died are reported first."""
    mark_lost(instance, decision.lost)
    if decision.run_key is None:
        return dg.SkipReason(decision.reason)
    after = decision.run_key.removeprefix("retrain-after-").split("-attempt-")[0]
    tags = {AFTER_TAG: after, ATTEMPT_TAG: str(decision.attempt), "buddies/reason": decision.reason}
    return dg.RunRequest(run_key=decision.run_key, tags=tags)


def fall(connection, settings: Settings) -> tuple[str | None, str]:
    """(why the champion counts as degraded or None, where the test stands)."""
    served = channels(settings.local_home / "served_model")
    if served is None:
        return None, "nothing is served yet"
    champion = model_of(served.champion)
    known = decision_log.level_of(connection, champion)
    if known is None:
        counted = arm_of(connection, champion)
        if counted.recommendations < settings.canary_fewest:
            told = f"{counted.recommendations:,} of {settings.canary_fewest:,} recommendations to take its level from"
            return None, f"champion {champion}: {told}"
        note_level(connection, champion, datetime(2000, 1, 1, tzinfo=UTC))
        return None, f"champion {champion}: its level was noted after {counted.recommendations:,} recommendations"
    level, since, so_far = known
    days = days_of(connection, champion, since)
    today = datetime.now(UTC).date()
    terms = {"drop": settings.degradation_drop, "alarm_days": settings.degradation_alarm_days}
    whole = {day: lived for day, lived in days.items() if day < today - SETTLED}
    settled = watch(whole.values(), level, before=so_far, **terms)
    later = [lived for day, lived in days.items() if day not in whole]
    verdict = settled if settled.degraded else watch(later, level, before=settled.evidence, **terms)
    if whole and not settled.degraded:
        decision_log.note_evidence(connection, champion, settled.evidence, max(whole))
    told = f"champion {champion}: {verdict.summary()}"
    if not verdict.degraded:
        return None, told
    if not decision_log.was_alarmed(connection, champion):
        decision_log.record(connection, "alarm", champion=champion, challenger=None, reason=told, automatic=True)
    return told, told


def drift_since_training(context: dg.SensorEvaluationContext) -> str | None:
    """Which drift checks have failed since the newest checkpoint was made, in words; None when none has."""
    if context.repository_def is None:
        return None
    keys = [key for key in context.repository_def.asset_graph.asset_check_keys if "drift" in key.name]
    trained = context.instance.get_latest_materialization_event(CHECKPOINT)
    if not keys or trained is None:
        return None
    failing = failed_checks(context.instance, keys, since=trained.timestamp)
    return f"drift: {', '.join(sorted(key.name for key in failing))}" if failing else None


def judge(context: dg.SensorEvaluationContext, url: str, settings: Settings) -> str:
    """One poll of the newest model and at the trial that runs; returns where it stands."""
    root = settings.local_home / "served_model"
    graph = context.repository_def.asset_graph if context.repository_def else None
    blocking = [key for key in graph.asset_check_keys if graph.get_check_spec(key).blocking] if graph else []
    with connected(url) as connection:
        gone = reject_what_failed(context.instance, connection, settings, blocking)
        poll = poll_canary(connection, root, settings)
    if poll.decision is None:
        return gone or f"champion {poll.champion or 'none yet'}; nothing is on trial"
    return f"challenger {poll.challenger}: {poll.decision.action}: {poll.decision.reason}"


def raw_files(settings: Settings) -> dict[str, str]:
    """Path -> size and time of every raw file that the settings name."""
    mpd = Path(settings.mpd_dir or "")
    slices = sorted(path for path in mpd.rglob("*") if path.is_file()) if mpd.is_dir() else [mpd]
    named = [settings.entp_file, settings.msd_file, settings.msd_mismatches_file]
    paths = [*slices, *(Path(name) for name in named if name)]
    stats = {str(path): path.stat() for path in paths if path.exists()}
    return {path: f"{stat.st_size}-{stat.st_mtime_ns}" for path, stat in stats.items()}
