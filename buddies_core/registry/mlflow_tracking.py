"""Tracking in MLflow: a run for each training, child runs for the trials of a search, models under two aliases.

The tracking URI is a database (MLflow has no other store now): PostgreSQL in the product, SQLite in tests. Only the
process that drives a training logs; trials report to it.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from buddies_core.postgres.connecting import ensure_database, speak_utc
from buddies_core.postgres.urls import redacted, sqlalchemy_url, with_database
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.state import EpochReport
from buddies_core.registry.search_report import DESCRIPTION, description, search_charts, trial_names
from buddies_core.settings import Settings
from buddies_core.tuning.search import SearchResult

if TYPE_CHECKING:
    from buddies_core.recommenders.factors import Factors

log = logging.getLogger(__name__)
DATABASE = "mlflow"
Alias = Literal["champion", "challenger"]


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where to track: URI of a database or of a tracking server, folder or URL of artifacts (empty: the server's own
    choice), names of the experiment and of the model."""

    uri: str
    artifacts: str
    experiment: str = "playlist-ranking"
    model: str = "playlist-ranking-bpr"

    def client(self) -> Any:
        """MLflow's client, with the experiment made if it was not there."""
        import os

        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        speak_utc()
        client = MlflowClient(self.uri, self.uri)
        found = client.get_experiment_by_name(self.experiment)
        if found is not None and found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)  # it was deleted in MLflow's page: no training stops for it
        if found is not None and self.artifacts and _folder(found.artifact_location) != _folder(self.artifacts):
            # The home has moved. The place of an experiment is for ever, so that a new one takes over its name.
            client.rename_experiment(found.experiment_id, f"{self.experiment} until {_now():%Y-%m-%d %H:%M:%S}")
            found = None
        if found is None:
            client.create_experiment(self.experiment, artifact_location=self.artifacts or None)
        return client

    def run_url(self, run_id: str, *, ui: str) -> str:
        """Address of a run in MLflow's own pages: those of the tracking server, or served at `ui`."""
        ui = self.uri if self.uri.startswith("http") else ui
        experiment = self.client().get_run(run_id).info.experiment_id
        return f"{ui.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}"


def _folder(place: str) -> str:
    return place.removeprefix("file://").rstrip("/")


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def bookkeeping(what: str) -> Iterator[None]:
    """What MLflow does not take becomes a warning: it keeps the books, and must not stop a training or a release."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        log.warning("MLflow: %s was not recorded (%s); the product goes on without", what, first_line(error))


def first_line(error: Exception) -> str:
    """The first line of an error, without passwords."""
    return redacted(str(error).strip().partition("\n")[0])


def _recorded(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a run that does nothing where the run is not tracked, and only warns where MLflow fails."""

    @wraps(method)
    def wrapped(self: "TrackedRun", *arguments: Any, **named: Any) -> Any:
        if self.run_id is None:
            return None
        with bookkeeping(f"{method.__name__} of run {self.run_id}"):
            return method(self, *arguments, **named)
        return None

    return wrapped


class TrackedRun:
    """One run of MLflow that is being written; with a `run_id` of None nothing is, since MLflow could not begin it."""

    def __init__(self, tracking: Tracking, client: Any, run_id: str | None):
        self.tracking = tracking
        self.run_id = run_id
        self._client = client

    @_recorded
    def epoch(self, report: EpochReport) -> None:
        """Log an epoch's metrics; give this to `train` as `on_epoch`."""
        speed = {"samples_per_second": report.samples_per_second, "learning_rate": report.learning_rate}
        self._metrics({"loss": report.loss} | speed | report.metrics, step=report.epoch)

    @_recorded
    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Log final metrics."""
        self._metrics(metrics, step=0)

    @_recorded
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

    @_recorded
    def image(self, name: str, png: bytes) -> None:
        """Log a chart."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(png)
            self._client.log_artifact(self.run_id, str(path), "charts")

    @_recorded
    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Log rows as a table (a JSON file that MLflow shows as one)."""
        columns = list(rows[0]) if rows else []
        self._client.log_table(self.run_id, {c: [row.get(c) for row in rows] for c in columns}, f"{name}.json")

    @_recorded
    def model(self, factors: "Factors", config: TrainingConfig) -> str | None:
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

    def end(self, status: str) -> None:
        """Say how the run ended."""
        if self.run_id is not None:
            with bookkeeping(f"the end of run {self.run_id}"):
                self._client.set_terminated(self.run_id, status)

    @_recorded
    def log_values(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Log metrics of a step."""
        self._metrics(metrics, step=step)

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
    above = {"mlflow.parentRunId": parent} if parent else {}
    run = TrackedRun(tracking, None, None)
    with bookkeeping(name):
        client = tracking.client()
        experiment = client.get_experiment_by_name(tracking.experiment).experiment_id
        about = {DESCRIPTION: description(f"{tags.get('kind', 'run').capitalize()} `{name}`.", tags)}
        begun = client.create_run(experiment, run_name=name, tags={**tags, **about, **above})
        run = TrackedRun(tracking, client, begun.info.run_id)
        _log_params(client, begun.info.run_id, config)
    try:
        yield run
    except BaseException:
        run.end("FAILED")
        raise
    run.end("FINISHED")


def track_search(tracking: Tracking, result: SearchResult, *, name: str, tags: Mapping[str, str]) -> str | None:
    """Log a search: a parent run with the winner and the table, a child run for each trial; returns the parent's id."""
    with tracked_run(tracking, name=name, config=result.best, tags=dict(tags) | {"kind": "search"}) as parent:
        parent.metrics({"mrr": result.trials[0].mrr, "trials": len(result.trials)})
        names = trial_names(result.trials)
        rows = [trial.row() | {"trial": name} for name, trial in zip(names, result.trials, strict=True)]
        parent.table("trials", rows)
        for file, image in search_charts(result.trials).items():
            parent.image(file, image)
        for named, trial in zip(names, result.trials, strict=True):
            told = dict(tags) | {"kind": "trial", "state": trial.state, "trial_id": trial.name}
            with tracked_run(tracking, name=named, config=trial.config, tags=told, parent=parent.run_id) as child:
                for row in trial.epochs:
                    child.log_values({k: v for k, v in row.items() if k != "epoch"}, step=int(row["epoch"]))
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
    """Where trainings are tracked: MLflow's database beside ours, or what the settings name; None when it is off."""
    if not settings.track:
        return None
    if settings.mlflow_tracking_uri is not None:
        return Tracking(settings.mlflow_tracking_uri, settings.mlflow_artifacts or "")
    from buddies_core.postgres.database import database_url

    uri = tracking_uri(database_url(settings))
    if uri is None:
        return None
    artifacts = settings.local_home / "mlflow"
    artifacts.mkdir(parents=True, exist_ok=True)
    return Tracking(uri, str(artifacts))


_ready: set[str] = set()
"""Servers that are known to have the database: one look a process, but again where it was missing."""


def tracking_uri(url: str) -> str | None:
    """URI of MLflow's own database `mlflow` on the server of a URL, made where it is missing; None where it cannot be.

    Its tables have names of their own kind (`runs`, `metrics`) and migrations that expect to be alone.
    """
    if url not in _ready and (problem := ensure_database(url, DATABASE)):
        log.warning(
            "MLflow: no database `%s` on the server, and it could not be made (%s): trainings are not tracked. "
            "Create it with `createdb %s`, owned by the user of BUDDIES_POSTGRES_URL, or set BUDDIES_TRACK=false.",
            *(DATABASE, problem, DATABASE),
        )
        return None
    _ready.add(url)
    return sqlalchemy_url(with_database(url, DATABASE))
