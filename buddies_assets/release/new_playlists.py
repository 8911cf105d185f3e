"""When a system of sequences is learnt again: playlists have changed, or listeners have told of enough songs since."""

from dataclasses import dataclass
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

TRACKS = "mpd_tracks"
_RUNNING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED]  # fmt: skip


@dataclass(frozen=True)
class Since:
    """What has come since something was published.

    Attributes:
        learnt, stored: digest of the playlists' rows that it was made from, and of those that are stored now.
        events, in_all: events that came since, and all there are.
    """

    learnt: str
    stored: str
    events: int
    in_all: int


def decide_playlists(name: str, since: Since, needed: int, *, running: bool) -> tuple[str | None, str]:
    """(run key or None, reason): whether the system is made again. The key names what is there to learn from."""
    changed = since.learnt != since.stored
    where = f"{since.events:,} of {needed:,} events since {name}; playlists {'are others' if changed else 'as then'}"
    if not changed and since.events < needed:
        return None, where
    if running:
        return None, f"{name} is being made; {where}"
    return f"{name}-{since.stored[:16]}-{since.in_all}", f"{'new playlists' if changed else 'enough events'}: {where}"


def since_published(published: str, connection: "Connection | None", settings: Settings) -> Since | None:
    """What has come since a dataset was published; None where it never was."""
    store = DatasetStore.at(settings.home)
    if not store.has(published) or not store.has(TRACKS):
        return None
    extra = store.open(published).manifest.extra
    known = Watermark.of_lineage(extra, "events")
    events, in_all = events_after(connection, known) if connection is not None else (0, known.sessions)
    return Since(extra.get(TRACKS, ""), store.open(TRACKS).fingerprint, events, in_all)


def playlists_sensor(system: str, published: str, settings: Settings) -> dg.SensorDefinition:
    """The sensor of a system that is learnt from playlists in order.

    Args:
        system: whose job runs.
        published: the dataset that stands for what the service answers from.
    """
    on = dg.DefaultSensorStatus.RUNNING if settings.automation == "on" else dg.DefaultSensorStatus.STOPPED
    job = f"{system}_job"

    @dg.sensor(
        name=f"{system}_sensor",
        job_name=job,
        minimum_interval_seconds=max(60, settings.sensor_seconds),
        default_status=on,
        description=f"Runs {job} once playlists have changed, or listeners have told of enough songs since.",
    )
    def sensor(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]):
        url = feedback_database(pipeline.settings)
        if url is None:
            since = since_published(published, None, pipeline.settings)
        else:
            with connected(url) as connection:
                since = since_published(published, connection, pipeline.settings)
        if since is None:
            return dg.SkipReason(f"no {published} yet: `buddies run --system {system}` makes it once")
        running = bool(context.instance.get_runs(dg.RunsFilter(job_name=job, statuses=_RUNNING), limit=1))
        key, reason = decide_playlists(published, since, pipeline.settings.retrain_sessions, running=running)
        return dg.RunRequest(run_key=key, tags={"buddies/reason": reason}) if key else dg.SkipReason(reason)

    return sensor
