"""What sensors see: Dagster's runs and checks and the feedback in PostgreSQL, as the inputs that decisions take."""

from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg

from buddies_assets.feedback.event_days import event_counts
from buddies_assets.release import decision_log
from buddies_assets.release.channels import channels, model_of
from buddies_assets.release.retraining_lease import AFTER_TAG, ATTEMPT_TAG
from buddies_assets.release.retraining_policy import RetrainingInputs, RetrainRun, RetryPolicy, RunState
from buddies_core.registry.checkpoints import Checkpoint, CheckpointStore
from buddies_core.registry.watermark import day_counts, new_sessions, window_days
from buddies_core.settings import Settings

RETRAIN_JOB = "retrain_job"
_STATES = {
    dg.DagsterRunStatus.QUEUED: RunState.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED: RunState.STARTING,
    dg.DagsterRunStatus.STARTING: RunState.STARTING,
    dg.DagsterRunStatus.STARTED: RunState.RUNNING,
    dg.DagsterRunStatus.CANCELING: RunState.RUNNING,
}
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_MOST_RUNS = 50


def checkpoints_of(settings: Settings) -> CheckpointStore:
    """The store of trained models."""
    return CheckpointStore.at(settings.home)


def newest_checkpoint(settings: Settings) -> Checkpoint | None:
    """The newest trained model, served or not; None before the first."""
    store = checkpoints_of(settings)
    versions = store.versions()
    return store.load(versions[-1]) if versions else None


def retry_policy_of(settings: Settings) -> RetryPolicy:
    """The policy of retries by the settings."""
    from datetime import timedelta

    return RetryPolicy(
        lost_after=timedelta(seconds=settings.retrain_lost_after), first_pause=timedelta(seconds=settings.retrain_pause)
    )


def retraining_inputs(
    instance: dg.DagsterInstance,
    connection,
    settings: Settings,
    *,
    needed: int | None = None,
    degraded: str | None = None,
) -> RetrainingInputs:
    """What a decision to retrain depends on, read now. `needed` new sessions instead of the setting's."""
    now = datetime.now(UTC)
    newest = newest_checkpoint(settings)
    needed = settings.retrain_sessions if needed is None else needed
    if newest is None:
        return RetrainingInputs(now, None, 0, needed)
    days = window_days(now, settings.feedback_window_days)
    counts = day_counts(connection, days[0], days[-1])
    new = new_sessions(counts, newest.lineage, now, settings.feedback_window_days)
    events = event_counts(connection, days[0], days[-1], playlists=True)
    new += new_sessions(events, newest.lineage, now, settings.feedback_window_days, kind="events")
    served = channels(settings.local_home / "served_model")
    trial = model_of(served.challenger.version) if served and served.challenger else None
    runs = tuple(retrain_runs(instance, connection, newest.version))
    return RetrainingInputs(now, newest.version, new, needed, runs, degraded, trial)


def retrain_runs(instance: dg.DagsterInstance, connection, checkpoint: str) -> Iterable[RetrainRun]:
    """Runs of `retrain_job` that are in flight, and those that were started after this checkpoint and failed."""
    in_flight = instance.get_run_records(dg.RunsFilter(job_name=RETRAIN_JOB, statuses=list(_STATES)), _MOST_RUNS)
    failed = instance.get_run_records(
        dg.RunsFilter(job_name=RETRAIN_JOB, statuses=_FAILED, tags={AFTER_TAG: checkpoint}), _MOST_RUNS
    )
    records = [*in_flight, *failed]
    beats = decision_log.heartbeats(connection, [record.dagster_run.run_id for record in records]) if records else {}
    for record in records:
        run = record.dagster_run
        signs = [record.update_timestamp.astimezone(UTC)]
        if not run.is_finished:
            signs += [beats[run.run_id]] if run.run_id in beats else []
            last = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
            signs += [datetime.fromtimestamp(entry.timestamp, UTC) for entry in last]
        after, attempt = run.tags.get(AFTER_TAG, ""), int(run.tags.get(ATTEMPT_TAG, 0))
        yield RetrainRun(run.run_id, after, attempt, _STATES.get(run.status, RunState.FAILED), max(signs))


def mark_lost(instance: dg.DagsterInstance, run_ids: Iterable[str]) -> None:
    """Report runs whose process died as failed, so that they no longer stand in the way."""
    for run_id in run_ids:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, "No sign of life: the process that ran it is gone.")


def failed_checks(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey], *, run_id: str | None = None, since: float = 0.0
) -> dict[dg.AssetCheckKey, str]:
    """Checks whose last execution failed as an error -> its run; of one run or since a time where asked for."""
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    found = {}
    for key, record in latest.items():
        if record is None or record.status != Status.FAILED or record.create_timestamp < since:
            continue
        told = record.event.asset_check_evaluation if record.event and record.event.dagster_event else None
        if told is not None and told.severity == dg.AssetCheckSeverity.WARN:
            continue
        if run_id is None or record.run_id == run_id:
            found[key] = record.run_id
    return found
