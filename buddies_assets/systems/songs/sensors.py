"""When songs are learnt anew: once listeners have told of enough plays since the last time."""

from typing import TYPE_CHECKING

import dagster as dg

from buddies_assets.release.new_events import events_after
from buddies_assets.resources.loop_database import connected
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.postgres.database import feedback_database
from buddies_core.registry.watermark import Watermark
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

PLAYS, JOB = "song_plays", "songs_job"
_RUNNING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED]  # fmt: skip


def decide_songs(new: int, needed: int, total: int, *, running: bool) -> tuple[str | None, str]:
    """(run key or None, reason): whether enough events have come since `song_plays` was made.

    Args:
        total: events in all, which names the run: the same events ask for one run.
        running: whether songs are being made now.
    """
    where = f"{new:,} of {needed:,} events since song_plays"
    if new < needed:
        return None, where
    if running:
        return None, f"songs are being made; {where}"
    return f"songs-events-{total}", f"enough events: {where}"


def events_since(connection: "Connection", settings: Settings) -> tuple[int, int] | None:
    """(events since `song_plays` was made, events in all); None where songs were never made."""
    store = DatasetStore.at(settings.home)
    if not store.has(PLAYS):
        return None
    return events_after(connection, Watermark.of_lineage(store.open(PLAYS).manifest.extra, "events"))


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor, with the interval and the status to start with that the settings state."""
    on = dg.DefaultSensorStatus.RUNNING if settings.automation == "on" else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(job_name=JOB, minimum_interval_seconds=max(60, settings.sensor_seconds), default_status=on)
    def songs_sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        """Makes songs anew once listeners have told of enough plays since they were made."""
        url = feedback_database(pipeline.settings)
        if url is None:
            return dg.SkipReason("no database was ever started here, so there are no events")
        with connected(url) as connection:
            seen = events_since(connection, pipeline.settings)
        if seen is None:
            return dg.SkipReason("no song_plays yet: `buddies run --system songs` makes them once")
        running = bool(context.instance.get_runs(dg.RunsFilter(job_name=JOB, statuses=_RUNNING), limit=1))
        key, reason = decide_songs(seen[0], pipeline.settings.retrain_sessions, seen[1], running=running)
        return dg.RunRequest(run_key=key, tags={"buddies/reason": reason}) if key else dg.SkipReason(reason)

    return [songs_sensor]
