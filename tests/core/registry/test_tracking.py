"""What MLflow holds after a training, a search and a promotion."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from living import wait_for

from buddies_assets.release.channels import promote_challenger, publish_version, reject_challenger, restore_previous
from buddies_assets.release.mlflow_aliases import sync_aliases
from buddies_assets.systems.playlists.steps import tracked_training
from buddies_core.artifact.format import FORMAT
from buddies_core.artifact.store import Challenger, publish
from buddies_core.http.ports import free_port
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.trainer import train
from buddies_core.registry import mlflow_tracking
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.registry.mlflow_tracking import Tracking, aliased_version, point_alias, track_search, tracked_run
from buddies_core.registry.search_report import search_charts, trial_names
from buddies_core.settings import Settings
from buddies_core.tuning.search import SearchResult
from buddies_core.tuning.trials import Trial

pytestmark = pytest.mark.ray

CONFIG = TrainingConfig(dimension=8, epochs=2)
TAGS = {"mode": "toy", "dataset": "abc", "git_revision": "def"}


@pytest.fixture(scope="module")
def tracking(tmp_path_factory) -> Tracking:
    folder = tmp_path_factory.mktemp("mlflow")
    return Tracking(f"sqlite:///{folder}/mlflow.db", (folder / "artifacts").as_uri())


def test_a_training_leaves_parameters_epochs_datasets_and_a_model_that_scores(tracking, world):
    with tracked_run(tracking, name="first", config=CONFIG, tags=TAGS) as run:
        result = train(CONFIG, world.data, on_epoch=run.epoch)
        run.datasets({"user_blocks": "0123456789abcdef" * 4})
        run.image("mrr.png", b"\x89PNG")
        version = run.model(result.factors, CONFIG)
    client = tracking.client()
    stored = client.get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.params["dimension"] == "8"
    assert stored.data.params["negatives.uniform"] == "2"
    assert TAGS.items() <= stored.data.tags.items()
    history = client.get_metric_history(run.run_id, "mrr")
    assert [(m.step, m.value) for m in history] == [(r.epoch, r.metrics["mrr"]) for r in result.history]
    assert [entry.dataset.name for entry in stored.inputs.dataset_inputs] == ["user_blocks"]
    assert aliased_version(tracking, "challenger") == version
    assert aliased_version(tracking, "champion") is None

    point_alias(tracking, "champion", version)
    mlflow.set_tracking_uri(tracking.uri)
    model = mlflow.pyfunc.load_model(f"models:/{tracking.model}@champion")
    assert model.metadata.signature is not None
    scores = model.predict(pd.DataFrame({"user": [3, 4], "playlist": [7, 9]}))
    expected = [result.factors.users[u] @ result.factors.playlists[p] for u, p in ((3, 7), (4, 9))]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    logged = {Path(path).suffix for path in Path(tracking.artifacts.removeprefix("file://")).rglob("*")}
    assert ".safetensors" in logged
    assert not logged & {".pkl", ".pickle", ".cloudpickle"}


def test_a_run_whose_body_raises_is_marked_failed(tracking):
    with pytest.raises(RuntimeError), tracked_run(tracking, name="broken", config=CONFIG, tags=TAGS) as run:
        raise RuntimeError
    assert tracking.client().get_run(run.run_id).info.status == "FAILED"


def searched(*rates: float) -> SearchResult:
    """A search of learning rates: the first trial has two epochs, the others diverged."""
    rows = [{"epoch": 1, "mrr": 0.3, "hit_5": 0.5}, {"epoch": 2, "mrr": 0.4, "hit_5": 0.6}]
    configs = [CONFIG.model_copy(update={"learning_rate": rate}) for rate in rates]
    trials = [
        Trial(f"hex{n}", config, 0.0 if n else 0.4, 1.0, "diverged" if n else "ended", [] if n else rows)
        for n, config in enumerate(configs)
    ]
    return SearchResult(configs[0], trials)


def test_the_trials_of_a_search_are_child_runs_named_by_what_tells_them_apart(tracking):
    tags = TAGS | {"dagster_run": "run-7", "dagster_url": "http://127.0.0.1:3000/runs/run-7"}
    parent = track_search(tracking, searched(0.05, 0.125), name="search", tags=tags)
    client = tracking.client()
    experiment = client.get_experiment_by_name(tracking.experiment).experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert {run.info.run_name: run.data.tags["state"] for run in children} == {
        "01 learning_rate=0.05": "ended",
        "02 learning_rate=0.125": "diverged",
    }
    good = next(run for run in children if run.info.run_name.startswith("01"))
    assert good.data.tags["trial_id"] == "hex0"
    assert [m.value for m in client.get_metric_history(good.info.run_id, "mrr")] == [0.3, 0.4]
    assert "[Dagster run](http://127.0.0.1:3000/runs/run-7)" in good.data.tags["mlflow.note.content"]
    drawn = {artifact.path for artifact in client.list_artifacts(parent, "charts")}
    assert drawn == {"charts/learning_rates_compared.png", "charts/mrr_and_hit_5_by_trial.png"}
    assert parent in tracking.run_url(parent, ui="http://127.0.0.1:5000/")


def test_trials_that_do_not_differ_are_numbered_and_a_search_without_epochs_has_no_chart():
    same = [Trial("a", CONFIG, 0.4, 1.0, "ended", []), Trial("b", CONFIG, 0.4, 1.0, "ended", [])]
    assert trial_names(same) == ["01", "02"]
    assert trial_names([]) == []
    assert search_charts(same) == {}


def test_a_tracking_server_elsewhere_takes_runs_and_artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    port = free_port()
    address, store = f"http://127.0.0.1:{port}", f"sqlite:///{tmp_path}/elsewhere.db"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(tmp_path / "artifacts")]
    quiet = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=quiet, start_new_session=True)
    try:
        wait_for(lambda: answers(f"{address}/health"), 120, "the tracking server answers")
        remote = mlflow_tracking.tracking_of(Settings(home=str(tmp_path), track=True, mlflow_tracking_uri=address))
        assert remote is not None
        parent = track_search(remote, searched(0.05, 0.125), name="search", tags=TAGS)
        assert parent is not None
        assert remote.run_url(parent, ui="http://127.0.0.1:5000").startswith(f"{address}/#/experiments/")
        charts = {artifact.path for artifact in remote.client().list_artifacts(parent, "charts")}
        assert "charts/mrr_and_hit_5_by_trial.png" in charts
        assert list((tmp_path / "artifacts").rglob("mrr_and_hit_5_by_trial.png"))
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:
        return False


def test_aliases_follow_promotion_and_rollback_and_a_checkpoint_and_its_run_name_each_other(
    tracking, world, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    own = replace(tracking, experiment="aliases", model="aliased")
    monkeypatch.setattr(mlflow_tracking, "tracking_of", lambda _settings: own)
    settings = Settings(home=str(tmp_path / "home"))
    root, store = settings.local_home / "served_model", CheckpointStore.at(settings.home)

    def train_and_publish(run_id: str) -> str:
        job = tracked_training.TrainingJob(settings, CONFIG, world.data, None, run_id, {"user_blocks": "abc"}, print)
        result, tracked = job.train()
        job.discard_state()
        lineage = {"run_id": run_id, "mlflow": tracked}
        version = store.save(result.factors, CONFIG, metrics=result.metrics, lineage=lineage).version
        folder = root / "versions" / f"{version}-a-b"
        folder.mkdir(parents=True)
        about = {"format": FORMAT, "version": folder.name, "created_at": "2026-01-01T00:00:00+00:00"}
        (folder / "manifest.json").write_text(json.dumps(about | {"model_version": version}))
        np.save(folder / "user_ids.npy", np.array([b"a" * 40]))
        publish_version(root, folder.name, share=0.5)
        return version

    def aliases() -> tuple[str | None, str | None]:
        sync_aliases(settings)
        return aliased_version(own, "champion"), aliased_version(own, "challenger")

    assert train_and_publish("first") == "000001"
    assert aliases() == ("1", None)
    assert train_and_publish("second") == "000002"
    assert aliases() == ("1", "2")
    reject_challenger(root)
    assert aliases() == ("1", None)
    publish(root, "000001-a-b", challenger=Challenger("000002-a-b", 0.5))
    promote_challenger(root)
    assert aliases() == ("2", None)
    restore_previous(root)
    assert aliases() == ("1", None)

    client = own.client()
    for checkpoint, registered, dagster_run in (("000001", "1", "first"), ("000002", "2", "second")):
        tracked = store.load(checkpoint).lineage["mlflow"]
        found = client.get_model_version(own.model, registered)
        assert (tracked["model_version"], tracked["run_id"]) == (registered, found.run_id)
        assert found.tags["checkpoint"] == checkpoint
        assert client.get_run(found.run_id).data.tags["dagster_run"] == dagster_run
        link = tracked_training.as_metadata(settings, tracked)["MLflow run"].value
        assert link.endswith(f"/runs/{found.run_id}")
