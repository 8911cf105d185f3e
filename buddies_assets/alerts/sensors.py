"""Alerts: one message when an incident begins, one when it is over; the incidents are those of every page."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from buddies_assets.alerts.addresses import receivers
from buddies_assets.alerts.notices import Kind, Notice
from buddies_assets.alerts.receivers import Log
from buddies_assets.alerts.telling import Compose, tell_all
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.postgres.database import feedback_database
from buddies_core.settings import Settings
from quality.file_rules import owners_of_rules
from quality.graph import asset_graph
from quality.health import Report
from quality.history.incidents import Record, open_records, reconcile
from quality.incidents import open_incidents
from quality.owners import parse_owners
from quality.runbooks import for_listeners, runbook

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NO_DATABASE = "no database was ever started here, so there is no history of runs and checks"


def build_alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The two alert sensors; without a receiver they write to the log."""
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
    """Send what is new about the incidents of runs, or about all others with, now and then, a list of all."""
    from buddies_core.postgres.connecting import connect
    from quality.history.sync import sync

    settings = pipeline.settings
    told = receivers(settings.alert_webhook, settings.alerts) or [Log(context.log.error, context.log.info)]
    url = feedback_database(settings)
    if url is None:
        return dg.SkipReason(NO_DATABASE)
    with closing(connect(url)) as connection:
        sync(context.instance, connection)
        now = datetime.now(UTC)
        compose = look(connection, pipeline, now)
        every = None if of_runs else timedelta(hours=settings.alert_digest_hours)
        sent = tell_all(connection, told, compose, now, of_runs=of_runs, digest_every=every)
        still = [record for record in open_records(connection) if record.of_run == of_runs]
        return dg.SkipReason(f"{len(still)} open incidents, {sent} messages sent")


def look(connection: "Connection", pipeline: Pipeline, now: datetime) -> Compose:
    """Open and resolve incidents by what is found now; returns what makes messages of them."""
    from quality.reporting import read_report

    settings, report = pipeline.settings, read_report(connection, pipeline.store, now)
    reconcile(connection, open_incidents(report), now, owners_of_rules() | parse_owners(settings.owners))
    dashboard, upstream = settings.dashboard_url.rstrip("/"), asset_graph().made_of
    champion, published = served_now(connection, settings, now)

    def compose(kind: Kind, records: Sequence[Record]) -> Notice:
        meanwhile = {r.id: for_listeners(r.asset, upstream, champion, published, r.since) for r in records}
        steps = {r.id: _steps(r, report, is_source=not upstream.get(r.asset)) for r in records}
        return Notice(kind, tuple(records), dashboard, now, steps, meanwhile)

    return compose


def _steps(record: Record, report: Report, *, is_source: bool) -> str:
    texts = {check.name: check.standing.rule for check in report.checks_of(record.asset)}
    return "\n".join(f"{heading}: {text}" for heading, text in runbook(record, texts, is_source=is_source))


def served_now(connection: "Connection", settings: Settings, now: datetime) -> tuple[str | None, datetime | None]:
    """The version that listeners get, and when it was published; None where nothing is served."""
    import json

    from quality.history import assets

    current = settings.local_home / "served_model" / "current.json"
    champion = json.loads(current.read_text(encoding="utf-8")).get("champion") if current.exists() else None
    made = next((m for m in assets.latest(connection, now) if m.asset == "served_model"), None)
    return champion, made.at if made else None
