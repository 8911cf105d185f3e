"""MLflow's aliases `champion` and `challenger`, pointed at what is served."""

import logging

from buddies_assets.release.channels import Channels, channels, model_of
from buddies_core.registry import mlflow_tracking
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings

log = logging.getLogger(__name__)


def sync_aliases(settings: Settings) -> dict[str, str]:
    """Point each alias at the registered version of the checkpoint that is served; returns alias -> version.

    The registered version is tagged with its checkpoint, whose lineage names the version in turn. Nothing is done where
    tracking is off. A checkpoint that was trained untracked leaves its alias as it is.
    """
    served, tracking = channels(settings.local_home / "served_model"), mlflow_tracking.tracking_of(settings)
    if served is None or tracking is None:
        return {}
    pointed: dict[str, str] = {}
    with mlflow_tracking.bookkeeping("what is served"):
        _point(settings, tracking, served, pointed)
    return pointed


def _point(settings: Settings, tracking: mlflow_tracking.Tracking, served: Channels, pointed: dict[str, str]) -> None:
    wanted = {"champion": served.champion} | ({"challenger": served.challenger.version} if served.challenger else {})
    store = CheckpointStore.at(settings.home)
    for alias, version in wanted.items():
        registered = store.load(model_of(version)).lineage.get("mlflow", {}).get("model_version")
        if registered is None:
            log.info("checkpoint %s is not registered in MLflow: alias %s stays as it is", model_of(version), alias)
            continue
        mlflow_tracking.point_alias(tracking, alias, registered)  # type: ignore[arg-type]
        tracking.client().set_model_version_tag(tracking.model, registered, "checkpoint", model_of(version))
        pointed[alias] = registered
    if served.challenger is None and mlflow_tracking.aliased_version(tracking, "challenger") is not None:
        tracking.client().delete_registered_model_alias(tracking.model, "challenger")
