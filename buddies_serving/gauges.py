"""The gauges of `/metrics`: what a running service reads off its own parts whenever it is asked."""

import time
from typing import Protocol

from buddies_serving.health import Examined, health_of
from buddies_serving.http.metrics import Metrics
from buddies_serving.listeners.remembered import Remembered
from buddies_serving.model.usage import Usage
from buddies_serving.settings import ServingSettings, program_version


class Measured(Examined, Protocol):
    """The parts of a service that the gauges show."""

    settings: ServingSettings
    metrics: Metrics
    usage: Usage
    remembered: Remembered


def show_gauges(service: Measured) -> None:
    """Tells the metrics of a service what it is built of, which models it serves, and how to read each gauge."""

    def queued() -> float:
        return float(service.open_writer.queued) if service.open_writer else 0.0

    def database_ready() -> float:
        return float(service.open_writer.state.database_ready) if service.open_writer else 0.0

    def spool_size() -> float:
        return float(service.open_writer.spool.size) if service.open_writer else 0.0

    def losses(kind: str) -> float:
        return float(getattr(service.open_writer.spool.losses, kind)) if service.open_writer else 0.0

    def diversity(place: int) -> float:
        serving = service.watcher.serving
        return service.usage.diversity(serving.champion)[place] if serving else 0.0

    def model_age() -> float:
        serving = service.watcher.serving
        return time.time() - serving.champion.created_at if serving else 0.0

    def versions() -> dict[str, str]:
        serving = service.watcher.serving
        if serving is None:
            return {}
        arms = {"champion": serving.champion, "challenger": serving.challenger}
        return {arm: model.version for arm, model in arms.items() if model is not None}

    metrics, settings, remembered = service.metrics, service.settings, service.remembered
    metrics.versions = versions
    metrics.build = {"version": program_version(), "commit": settings.commit, "image": settings.image}
    metrics.gauges |= {
        "buddies_ready": ("1 if the service can do its work", lambda: float(not health_of(service).problems)),
        "buddies_model_age_seconds": ("Seconds since the champion was made", model_age),
        "buddies_model_swaps": ("Models loaded since the start", lambda: float(service.watcher.swaps)),
        "buddies_recommendation_coverage": ("Share of all playlists in the lists of late", lambda: diversity(0)),
        "buddies_recommendation_diversity": ("Distinct per listed playlist of late", lambda: diversity(1)),
        "buddies_feedback_queue": ("Feedback waiting", queued),
        "buddies_spool_bytes": ("Bytes in the spool", spool_size),
        "buddies_spool_damaged": ("Records of the spool that are damaged", lambda: losses("damaged")),
        "buddies_spool_missing": ("Records that segments of the spool lack", lambda: losses("missing")),
        "buddies_feedback_set_aside": ("Feedback that the schema refused, for a person", lambda: losses("refused")),
        "buddies_database_ready": ("1 if PostgreSQL takes feedback", database_ready),
        "buddies_fresh_likes": ("Likes since the model, in memory", lambda: float(len(remembered.likes))),
        "buddies_fresh_songs": (
            "Songs that listeners did something with, in memory",
            lambda: float(len(remembered.songs)),
        ),
        "buddies_replicas": ("Other replicas heard of late", lambda: float(service.replicas.others)),
        "buddies_task_restarts": ("Restarts of tasks", lambda: float(sum(service.supervisor.restarts.values()))),
    }
