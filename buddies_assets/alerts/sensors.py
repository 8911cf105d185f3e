"""Alerts: one message when a check or a job begins to fail, one when it has recovered."""

import json
from collections.abc import Iterable, Mapping

import dagster as dg

from buddies_assets.alerts.incidents import Incidents, Message
from buddies_assets.automation.jobs import JOBS
from buddies_assets.automation.loop_jobs import LOOP_JOBS
from buddies_assets.release.retraining_inputs import failed_checks
from buddies_assets.resources.pipeline import Pipeline
from buddies_core import json_text
from buddies_core.settings import Settings

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def build_alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The two alert sensors; without a webhook they write to the log."""
    on = dg.DefaultSensorStatus.RUNNING if settings.automation == "on" else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(minimum_interval_seconds=60, default_status=on)
    def quality_alert_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Tells of checks that begin to fail as errors, and of their recovery."""
        keys = list(context.repository_def.asset_graph.asset_check_keys) if context.repository_def else []
        failing = {
            f"check {key.to_user_string()}": f"fails (run {run_id[:8]})"
            for key, run_id in failed_checks(context.instance, keys).items()
        }
        return tell(context, pipeline.settings, failing, f"{len(keys)} checks")

    @dg.sensor(minimum_interval_seconds=60, default_status=on)
    def run_failure_alert_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Tells of jobs whose last run failed, and of their recovery."""
        names = [job.name for job in (*JOBS, *LOOP_JOBS)]
        return tell(context, pipeline.settings, failing_jobs(context.instance, names), f"{len(names)} jobs")

    return [quality_alert_sensor, run_failure_alert_sensor]


def failing_jobs(instance: dg.DagsterInstance, names: Iterable[str]) -> dict[str, str]:
    """Jobs whose last ended run failed -> which run."""
    failing = {}
    for name in names:
        last = instance.get_run_records(dg.RunsFilter(job_name=name, statuses=_ENDED), limit=1)
        if last and last[0].dagster_run.status == dg.DagsterRunStatus.FAILURE:
            failing[f"job {name}"] = f"run {last[0].dagster_run.run_id[:8]} failed"
    return failing


def tell(
    context: dg.SensorEvaluationContext, settings: Settings, failing: Mapping[str, str], looked_at: str
) -> dg.SkipReason:
    """Send what is new about `failing`; the cursor moves only once everything was sent."""
    before = Incidents(json.loads(context.cursor) if context.cursor else {})
    after, messages = before.update(failing)
    for message in messages:
        send(context, settings, message)
    context.update_cursor(json_text.dumps(dict(after.open)))
    return dg.SkipReason(f"{looked_at}: {len(after.open)} open incidents, {len(messages)} messages sent")


def send(context: dg.SensorEvaluationContext, settings: Settings, message: Message) -> None:
    """Post a message to the webhook, or log it where none is set."""
    text = f"{message.subject} {message.text}"
    if settings.alert_webhook is None:
        (context.log.info if message.recovered else context.log.error)(text)
        return
    from urllib.request import Request, urlopen

    body = {"text": text, "subject": message.subject, "state": "recovered" if message.recovered else "failing"}
    request = Request(settings.alert_webhook, json_text.dumps(body).encode(), {"content-type": "application/json"})
    urlopen(request, timeout=10).close()
