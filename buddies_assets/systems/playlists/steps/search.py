"""A search for the model's configuration, within what the settings allow, and its record in MLflow."""

from typing import Any

from buddies_assets.systems.playlists.steps import tracked_training
from buddies_core.recommenders.bpr.config import BEST
from buddies_core.recommenders.bpr.data import TrainingData
from buddies_core.registry import mlflow_tracking
from buddies_core.settings import Settings
from buddies_core.storage.code_version import code_version
from buddies_core.tuning import search as tuning
from buddies_core.tuning.bpr_space import SearchSettings
from buddies_core.tuning.search import SearchResult
from buddies_core.tuning.trials import Trial


def search(settings: Settings, data: TrainingData) -> SearchResult:
    """The best configuration found around the best preset; the preset itself when no trials are allowed."""
    if not len(data.validation):
        note = "Too few likes to evaluate: no configuration could be told from another, so none was searched."
        return SearchResult(BEST, [Trial("preset best, not searched", BEST, float("nan"), 0.0, "ended")], note)
    if tracked_training.learns(settings) == "taste":
        note = "The model is taught taste, which held-out likes cannot judge: nothing was searched."
        return SearchResult(BEST, [Trial("preset best, not searched", BEST, float("nan"), 0.0, "ended")], note)
    if settings.search_trials == 0:
        return SearchResult(BEST, [Trial("preset best, not searched", BEST, float("nan"), 0.0, "ended")])
    bounds = SearchSettings(
        trials=settings.search_trials,
        seconds=settings.search_seconds,
        concurrent=max(1, settings.worker_threads),
        ray_address=settings.ray_address,
        epochs=BEST.epochs,
    )
    code = code_version("buddies_core.tuning.search")
    folder = settings.local_home / "search" / f"{data.fingerprint}-{settings.search_trials}-{code}"
    folder.mkdir(parents=True, exist_ok=True)
    return tuning.search(BEST, data, bounds, folder=folder)


def track(settings: Settings, found: SearchResult, run_id: str, fingerprint: str) -> dict[str, Any]:
    """Log the search to MLflow and return the metadata that links to it; nothing when nothing was searched."""
    tracking = mlflow_tracking.tracking_of(settings)
    searched = settings.search_trials > 0 and tracked_training.learns(settings) == "likes"
    if tracking is None or not searched:
        return {}
    from buddies_core.registry.mlflow_tracking import track_search

    tags = tracked_training.tags_of(settings, run_id, fingerprint)
    parent = track_search(tracking, found, name="bpr_search", tags=tags)
    return tracked_training.as_metadata(settings, {"run_id": parent} if parent else {})
