"""Tracking in MLflow: a run for each training, child runs for the trials of a search, models under two aliases.

The tracking URI is a database (MLflow has no other store now): PostgreSQL in the product, SQLite in tests. Only the
process that drives a training logs; trials report to it.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.state import EpochReport
from buddies_core.settings import Settings
from buddies_core.tuning.search import SearchResult

if TYPE_CHECKING:
    from buddies_core.recommenders.factors import Factors

Alias = Literal["champion", "challenger"]


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where to track: database URI, folder or URL of artifacts, names of the experiment and of the model."""

    uri: str
    artifacts: str
    experiment: str = "playlist-ranking"
    model: str = "playlist-ranking-bpr"

    def client(self) -> Any:
        """MLflow's client, with the experiment made if it was not there."""
        import os

        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        client = MlflowClient(self.uri, self.uri)
        if client.get_experiment_by_name(self.experiment) is None:
            client.create_experiment(self.experiment, artifact_location=self.artifacts)
        return client

    def run_url(self, run_id: str, *, ui: str) -> str:
        """Address of a run in MLflow's own pages, served at `ui`."""
        experiment = self.client().get_experiment_by_name(self.experiment)
        return f"{ui.rstrip('/')}/#/experiments/{experiment.experiment_id}/runs/{run_id}"


class TrackedRun:
    """One run of MLflow that is being written."""

    def __init__(self, tracking: Tracking, client: Any, run_id: str):
        self.tracking = tracking
        self.run_id = run_id
        self._client = client

    def epoch(self, report: EpochReport) -> None:
        """Log an epoch's metrics; give this to `train` as `on_epoch`."""
        speed = {"samples_per_second": report.samples_per_second, "learning_rate": report.learning_rate}
        self._metrics({"loss": report.loss} | speed | report.metrics, step=report.epoch)

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Log final metrics."""
        self._metrics(metrics, step=0)

    def datasets(self, fingerprints: Mapping[str, str]) -> None:
        """Log which datasets, in which state, the run has read."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(name=name, digest=fingerprint[:36], source_type="dagster", source=f'{{"asset": "{name}"}}'),
                [InputTag("mlflow.data.context", "training")],
            )
            for name, fingerprint in fingerprints.items()
        ]
        self._client.log_inputs(self.run_id, inputs)

    def image(self, name: str, png: bytes) -> None:
        """Log a chart."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(png)
            self._client.log_artifact(self.run_id, str(path), "charts")

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Log rows as a table (a JSON file that MLflow shows as one)."""
        columns = list(rows[0]) if rows else []
        self._client.log_table(self.run_id, {c: [row.get(c) for row in rows] for c in columns}, f"{name}.json")

    def model(self, factors: "Factors", config: TrainingConfig) -> str:
        """Log and register the model, with signature and input example, as the new challenger; returns its version."""
        import mlflow
        import pandas as pd
        from mlflow.models import infer_signature
        from safetensors.numpy import save_file

        from buddies_core.registry import mlflow_model

        example = pd.DataFrame({"user": [0, 0], "playlist": [0, 1 % len(factors.playlists)]})
        scores = factors.playlists[example["playlist"]] @ factors.users[0]
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(self.tracking.uri)
        try:
            with tempfile.TemporaryDirectory() as folder, mlflow.start_run(run_id=self.run_id):
                path = Path(folder) / "factors.safetensors"
                save_file({"users": factors.users, "playlists": factors.playlists}, path)
                info = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(Path(mlflow_model.__file__)),
                    artifacts={"factors": str(path)},
                    signature=infer_signature(example, scores),
                    input_example=example,
                    pip_requirements=["numpy", "pandas", "safetensors"],
                    registered_model_name=self.tracking.model,
                    metadata={"dimension": config.dimension},
                )
        finally:
            mlflow.set_tracking_uri(before)
        version = str(info.registered_model_version)
        point_alias(self.tracking, "challenger", version)
        return version

    def _metrics(self, metrics: Mapping[str, float], *, step: int) -> None:
        import time

        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self.run_id, metrics=[Metric(k, float(v), now, step) for k, v in metrics.items()])


@contextmanager
def tracked_run(
    tracking: Tracking, *, name: str, config: TrainingConfig, tags: Mapping[str, str], parent: str | None = None
) -> Iterator[TrackedRun]:
    """A run that ends as finished, or as failed when the body raises.

    Args:
        tags: at least mode (full or toy), the datasets' fingerprint and the git revision.
        parent: run to appear under.
    """
    client = tracking.client()
    experiment = client.get_experiment_by_name(tracking.experiment).experiment_id
    above = {"mlflow.parentRunId": parent} if parent else {}
    run = client.create_run(experiment, run_name=name, tags={**tags, **above})
    _log_params(client, run.info.run_id, config)
    try:
        yield TrackedRun(tracking, client, run.info.run_id)
    except BaseException:
        client.set_terminated(run.info.run_id, "FAILED")
        raise
    client.set_terminated(run.info.run_id, "FINISHED")


def track_search(tracking: Tracking, result: SearchResult, *, name: str, tags: Mapping[str, str]) -> str:
    """Log a search: a parent run with the winner and the table, and a child run a trial; returns the parent's id."""
    with tracked_run(tracking, name=name, config=result.best, tags=dict(tags) | {"kind": "search"}) as parent:
        parent.metrics({"mrr": result.trials[0].mrr, "trials": len(result.trials)})
        parent.table("trials", [trial.row() for trial in result.trials])
        for trial in result.trials:
            told = dict(tags) | {"kind": "trial", "state": trial.state}
            with tracked_run(tracking, name=trial.name, config=trial.config, tags=told, parent=parent.run_id) as child:
                for row in trial.epochs:
                    child._metrics({k: v for k, v in row.items() if k != "epoch"}, step=int(row["epoch"]))
    return parent.run_id


def point_alias(tracking: Tracking, alias: Alias, version: str) -> None:
    """Let an alias name a version of the registered model."""
    tracking.client().set_registered_model_alias(tracking.model, alias, version)


def aliased_version(tracking: Tracking, alias: Alias) -> str | None:
    """Version that an alias names, or None while it names none."""
    from mlflow.exceptions import MlflowException

    try:
        return str(tracking.client().get_model_version_by_alias(tracking.model, alias).version)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _log_params(client: Any, run_id: str, config: TrainingConfig) -> None:
    from mlflow.entities import Param

    flat = config.model_dump(mode="json")
    negatives = flat.pop("negatives")
    values = flat | {f"negatives.{name}": value for name, value in negatives.items()}
    client.log_batch(run_id, params=[Param(name, str(value)) for name, value in values.items()])


def tracking_of(settings: Settings) -> "Tracking | None":
    """Where trainings are tracked: MLflow's database beside ours; None when the settings turn tracking off."""
    if not settings.track:
        return None
    from buddies_core.postgres.embedded import database_url, sqlalchemy_url
    from buddies_core.registry.mlflow_tracking import Tracking

    uri = sqlalchemy_url(database_url(settings).rsplit("/", 1)[0] + "/mlflow")
    artifacts = settings.local_home / "mlflow"
    artifacts.mkdir(parents=True, exist_ok=True)
    return Tracking(uri, str(artifacts))
