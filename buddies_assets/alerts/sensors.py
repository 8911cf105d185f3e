"""Alerts: one message when an incident begins, one when it is over; the incidents are those of every page."""

import json
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime

import dagster as dg

from buddies_assets.alerts.incidents import Incidents, Message
from buddies_assets.resources.pipeline import Pipeline
from buddies_core import json_text
from buddies_core.postgres.embedded import feedback_database
from buddies_core.settings import Settings
from quality.incidents import Incident, open_incidents

NO_DATABASE = "no database was ever started here, so there is no history of runs and checks"


def build_alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The two alert sensors; without a webhook they write to the log."""
    on = dg.DefaultSensorStatus.RUNNING if settings.automation == "on" else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(minimum_interval_seconds=60, default_status=on)
    def quality_alert_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Tells of checks that fail as errors, crash or are not reached, of damaged files, and of their recovery."""
        return tell_of(context, pipeline, of_runs=False)

    @dg.sensor(minimum_interval_seconds=60, default_status=on)
    def run_failure_alert_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Tells of any run that failed, by the assets that it did not make, whoever began it; and of their recovery."""
        return tell_of(context, pipeline, of_runs=True)

    return [quality_alert_sensor, run_failure_alert_sensor]


def tell_of(context: dg.SensorEvaluationContext, pipeline: Pipeline, *, of_runs: bool) -> dg.SkipReason:
    """Send what is new about the incidents of runs, or about all others."""
    found = current_incidents(context.instance, pipeline)
    if found is None:
        return dg.SkipReason(NO_DATABASE)
    failing = {incident.subject: incident.line for incident in found if incident.of_run == of_runs}
    return tell(context, pipeline.settings, failing)


def current_incidents(instance: dg.DagsterInstance, pipeline: Pipeline) -> list[Incident] | None:
    """The open incidents by the log of the instance as it is now; None where there is no database."""
    from buddies_core.postgres.connecting import connect
    from quality.history.sync import sync
    from quality.reporting import read_report

    url = feedback_database(pipeline.settings)
    if url is None:
        return None
    with closing(connect(url)) as connection:
        sync(instance, connection)
        return open_incidents(read_report(connection, pipeline.store, datetime.now(UTC)))


def tell(context: dg.SensorEvaluationContext, settings: Settings, failing: Mapping[str, str]) -> dg.SkipReason:
    """Send what is new about `failing`; the cursor moves only once everything was sent."""
    before = Incidents(json.loads(context.cursor) if context.cursor else {})
    after, messages = before.update(failing)
    for message in messages:
        send(context, settings, message)
    context.update_cursor(json_text.dumps(dict(after.open)))
    return dg.SkipReason(f"{len(after.open)} open incidents, {len(messages)} messages sent")


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
