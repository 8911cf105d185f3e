"""MLflow keeps the books: what it does not take is a warning, and neither a training nor a release stops for it."""

import logging
import shutil
from pathlib import Path

import pytest

from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.registry import mlflow_tracking
from buddies_core.registry.mlflow_tracking import Tracking, tracked_run, tracking_uri

CONFIG = TrainingConfig(dimension=8, epochs=2)


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    """A database of MLflow with its tables, to copy: making them takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    Tracking(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts")).client()
    return folder / "mlflow.db"


@pytest.fixture
def tracking(tmp_path: Path, database: Path) -> Tracking:
    shutil.copyfile(database, tmp_path / "mlflow.db")
    return Tracking(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "artifacts"), experiment="mine")


def record(tracking: Tracking) -> str | None:
    with tracked_run(tracking, name="training", config=CONFIG, tags={}) as run:
        run.metrics({"mrr": 0.5})
    return run.run_id


def test_an_experiment_that_was_deleted_in_the_page_is_restored(tracking: Tracking):
    first = record(tracking)
    client = tracking.client()
    client.delete_experiment(client.get_run(first).info.experiment_id)
    second = record(tracking)
    assert second is not None
    assert client.get_run(second).data.metrics == {"mrr": 0.5}
    assert client.get_experiment_by_name("mine").lifecycle_stage == "active"


def test_a_home_that_has_moved_writes_to_its_new_place(tracking: Tracking, tmp_path: Path):
    old = record(tracking)
    moved = Tracking(tracking.uri, str(tmp_path / "elsewhere"), experiment="mine")
    new = record(moved)
    client = moved.client()
    assert str(tmp_path / "elsewhere") in client.get_run(new).info.artifact_uri
    assert old in moved.run_url(old, ui="http://x")
    assert client.get_run(old).info.experiment_id in moved.run_url(old, ui="http://x")
    assert record(moved) is not None
    assert len(client.search_experiments(filter_string="name LIKE 'mine%'")) == 2


def test_a_database_that_is_away_is_a_warning_and_the_body_runs(tmp_path: Path, caplog):
    (tmp_path / "file").touch()
    away = Tracking(f"sqlite:///{tmp_path}/file/mlflow.db", str(tmp_path))
    with caplog.at_level(logging.WARNING, logger=mlflow_tracking.__name__):
        assert record(away) is None
    assert "the product goes on without" in caplog.text


def test_a_database_that_goes_away_in_the_middle_is_a_warning(tracking: Tracking, caplog, monkeypatch):
    from mlflow.exceptions import MlflowException

    def gone(*_arguments, **_named):
        raise MlflowException("connection to postgresql://me:secret@db/mlflow lost\nand more")

    with (
        caplog.at_level(logging.WARNING, logger=mlflow_tracking.__name__),
        tracked_run(tracking, name="training", config=CONFIG, tags={}) as run,
    ):
        monkeypatch.setattr(run._client, "log_batch", gone)
        monkeypatch.setattr(run._client, "set_terminated", gone)
        run.metrics({"mrr": 0.5})
    assert caplog.text.count("was not recorded") == 2
    assert "secret" not in caplog.text


def test_a_server_on_which_no_database_can_be_made_turns_tracking_off_with_a_word(caplog):
    with caplog.at_level(logging.WARNING, logger=mlflow_tracking.__name__):
        assert tracking_uri("postgresql://me:secret@127.0.0.1:1/buddies") is None
    assert "createdb mlflow" in caplog.text
    assert "secret" not in caplog.text


def test_what_the_body_raises_is_raised_still(tracking: Tracking):
    with (
        pytest.raises(ValueError, match="diverged"),
        tracked_run(tracking, name="training", config=CONFIG, tags={}) as run,
    ):
        raise ValueError("diverged")
    assert tracking.client().get_run(run.run_id).info.status == "FAILED"
