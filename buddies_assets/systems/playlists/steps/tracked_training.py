"""A training as the graph runs it: with the configuration that was found, resumable, and tracked in MLflow."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

from buddies_core.recommenders.bpr.config import BEST, PRESETS, TrainingConfig
from buddies_core.registry import mlflow_tracking
from buddies_core.settings import Settings
from buddies_core.storage import progress
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset

if TYPE_CHECKING:
    from buddies_core.recommenders.bpr.data import TrainingData
    from buddies_core.recommenders.bpr.state import EpochReport
    from buddies_core.recommenders.bpr.trainer import TrainingResult
    from buddies_core.recommenders.factors import Factors

Positives = Literal["taste", "likes"]


def configuration(settings: Settings, bpr_search: Dataset) -> TrainingConfig:
    """What the model is trained with: the search's best, or the preset that the settings name; taught taste, `best`.

    Raises:
        ValidationError: the preset's optimiser does not run on the backend that the settings ask for.
    """
    if learns(settings) == "taste":
        return _with_settings(BEST, settings)
    searched = settings.preset == "searched"
    config = TrainingConfig.model_validate(bpr_search.manifest.extra["best"]) if searched else PRESETS[settings.preset]
    return _with_settings(config, settings)


def learns(settings: Settings) -> Positives:
    """What positives are: the preset `published`, whose negatives are stored beside likes, learns from likes always."""
    return "likes" if settings.preset == "published" else settings.positives


def learnt(lineage: Mapping[str, Any]) -> Positives:
    """What a checkpoint was taught, by its lineage; those from before there was a choice learnt from likes."""
    return "taste" if lineage.get("positives") == "taste" else "likes"


def _with_settings(config: TrainingConfig, settings: Settings) -> TrainingConfig:
    backend = settings.training_backend or config.backend
    return TrainingConfig(**config.model_dump() | {"threads": settings.training_threads, "backend": backend})


def stored_als(als_factors: Dataset, config: TrainingConfig) -> "Factors | None":
    """The stored ALS factors where the configuration starts from just these; None where it needs others or none."""
    from buddies_core.recommenders.factors import Factors

    kept = [name for name in TrainingConfig.model_fields if name.startswith("als_") and name != "als_scale"]
    same = all(getattr(config, name) == getattr(BEST, name) for name in [*kept, "dimension", "item_bias"])
    if config.start == "random" or config.start != BEST.start or not same:
        return None
    return Factors(als_factors.array("users"), als_factors.array("playlists"))


def tags_of(settings: Settings, run_id: str, fingerprint: str) -> dict[str, str]:
    """What every tracked run says of where it comes from."""
    return {
        "mode": settings.mode,
        "dataset_fingerprint": fingerprint,
        "dagster_run": run_id,
        "dagster_url": f"{dagster_address(settings)}/runs/{run_id}",
        "git_revision": git_revision(),
    }


def dagster_address(settings: Settings) -> str:
    """Dagster's UI, as `buddies up` says it to what it starts, or by the port of the settings."""
    return os.environ.get("BUDDIES_DAGSTER_URL") or f"http://127.0.0.1:{settings.dagster_port}"


def git_revision() -> str:
    """Commit of the project's checkout; `unknown` for an installation without one."""
    root = Path(__file__).parents[4]
    if not (root / ".git").exists():
        return "unknown"
    found = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def as_metadata(settings: Settings, tracked: Mapping[str, str]) -> dict[str, dg.MetadataValue]:
    """Links from Dagster to MLflow; empty when nothing was tracked."""
    tracking = mlflow_tracking.tracking_of(settings) if tracked else None
    if tracking is None:
        return {}
    with mlflow_tracking.bookkeeping("the link to its run"):
        return {"MLflow run": dg.MetadataValue.url(tracking.run_url(tracked["run_id"], ui=settings.mlflow_address))}
    return {}


@dataclass(frozen=True)
class TrainingJob:
    """Everything one training of the graph needs."""

    settings: Settings
    config: TrainingConfig
    data: "TrainingData"
    als: "Factors | None"
    run_id: str
    datasets: dict[str, str]
    log: Callable[[str], None]

    @property
    def state(self) -> Path:
        """Folder of the epochs of this configuration on these data, by this code."""
        code = code_version("buddies_core.recommenders.bpr.trainer")
        return self.settings.local_home / "training" / f"{self.settings.preset}-{self.data.fingerprint[:32]}-{code}"

    def train(self) -> "tuple[TrainingResult, dict[str, str]]":
        """The trained model, and its run and version in MLflow (empty when tracking is off)."""
        tracking = mlflow_tracking.tracking_of(self.settings)
        if tracking is None:
            return self._train(), {}
        from buddies_core.registry.mlflow_tracking import tracked_run

        tags = tags_of(self.settings, self.run_id, self.data.fingerprint) | {"kind": "training"}
        with tracked_run(tracking, name="bpr_checkpoint", config=self.config, tags=tags) as run:
            run.datasets(self.datasets)
            result = self._train(run.epoch)
            run.metrics(result.metrics)
            version = run.model(result.factors, self.config)
        return result, {
            name: value for name, value in (("run_id", run.run_id), ("model_version", version)) if value is not None
        }

    def _train(self, track: "Callable[[EpochReport], None] | None" = None) -> "TrainingResult":
        from buddies_core.recommenders.bpr.trainer import train

        with progress.track("bpr_checkpoint (epochs)", total=self.config.epochs) as tracker:

            def report(epoch: "EpochReport") -> None:
                tracker.advance(rows=epoch.samples, note=said(epoch))
                self.log(said(epoch))
                if track is not None:
                    track(epoch)

            return train(self.config, self.data, resume_dir=self.state, on_epoch=report, als=self.als)

    def discard_state(self) -> None:
        """Delete the epochs, once the checkpoint is stored."""
        import shutil

        shutil.rmtree(self.state, ignore_errors=True)


def said(report: "EpochReport") -> str:
    """One epoch in a line."""
    return (
        f"epoch {report.epoch} of {report.epochs}: loss {report.loss:.4f}, MRR {report.metrics['mrr']:.4f}, "
        f"{report.samples_per_second / 1e6:.2f} M samples/s, {report.eta_seconds:.0f} s left"
    )
