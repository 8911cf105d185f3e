"""Faults with real processes: two daemons, both killed in the middle of a retraining, and a database that restarts."""

import shutil
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
from databases import server_folder
from living import ROOT, daemon, end_group, runs_now, service, wait_for

from buddies_assets.release.retraining_inputs import RETRAIN_JOB
from buddies_assets.release.retraining_lease import AFTER_TAG, ATTEMPT_TAG
from buddies_assets.simulation.command import service_url
from buddies_assets.simulation.run import Population, Report, ServiceClient, simulate_listeners
from buddies_core.artifact.store import read_channels
from buddies_core.http.ports import free_port
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings
from buddies_serving.model.served_model import ServedModel

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200, func_only=True)]


@pytest.fixture
def faulty(
    tiny_world, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Settings, EmbeddedPostgres, Path]]:
    """A tiny world with a database server of its own, and a loop that notices a dead run within a minute."""
    made, _ = tiny_world
    shutil.copytree(made.home, tmp_path / "home")
    variables = {
        "HOME": tmp_path / "home",
        "PORT": free_port(),
        "SEARCH_TRIALS": 0,
        "TRACK": "false",
        "SYNTHETIC_USERS": 400,
        "SYNTHETIC_PLAYLISTS": 4_000,
        "SHARD_USERS": 150,
        "THREADS": 2,
        "RETRAIN_SESSIONS": 150,
        "RETRAIN_LOST_AFTER": 40,
        "RETRAIN_PAUSE": 1,
        "CANARY_TOLERANCE": 1.0,
        "SENSOR_SECONDS": 2,
        "SCHEDULES": "off",
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"BUDDIES_{name}", str(value))
    (tmp_path / "dagster").mkdir()
    shutil.copy(ROOT / "dagster.yaml", tmp_path / "dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.chdir(tmp_path)
    with server_folder() as folder:
        server = EmbeddedPostgres(folder)
        monkeypatch.setenv("BUDDIES_POSTGRES_URL", server.start())
        yield Settings(), server, tmp_path
        server.stop()


def listen(settings: Settings, lists: int, seed: int) -> Report:
    end = datetime.now(UTC)
    population = Population.of(settings, users=300, seed=seed)
    with ServiceClient(service_url(settings)) as client:
        return simulate_listeners(population, client, start=end - timedelta(days=9), end=end, lists=lists)


def retrainings(*statuses: dg.DagsterRunStatus) -> int:
    with dg.DagsterInstance.get() as instance:
        return instance.get_runs_count(dg.RunsFilter(job_name=RETRAIN_JOB, statuses=list(statuses)))


def stored_sessions(settings: Settings) -> int:
    connection = psycopg2.connect(settings.postgres_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM feedback.sessions")
        (count,) = cursor.fetchone()
    connection.close()
    return count


def plant_dead_runs() -> set[str]:
    """Runs of the same attempt that a killed daemon leaves when it is slower: one made, one handed to a process."""
    from dagster._core.test_utils import create_run_for_test

    tags = {AFTER_TAG: "000001", ATTEMPT_TAG: "1"}
    with dg.DagsterInstance.get() as instance:
        made, handed_over = (create_run_for_test(instance, job_name=RETRAIN_JOB, tags=tags) for _ in range(2))
        event = dg.DagsterEvent(dg.DagsterEventType.PIPELINE_STARTING.value, job_name=RETRAIN_JOB)
        instance.report_dagster_event(event, run_id=handed_over.run_id)
        planted = {made.run_id, handed_over.run_id}
        in_flight = dg.RunsFilter(
            run_ids=list(planted), statuses=[dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]
        )
        assert instance.get_runs_count(in_flight) == 2
    return planted


def test_no_retraining_and_no_session_is_lost_or_doubled(faulty):
    settings, server, folder = faulty
    checkpoints = CheckpointStore(Path(settings.home) / "checkpoints")
    root = settings.local_home / "served_model"
    with service(folder, settings.port), daemon(folder, "first") as first, daemon(folder, "second") as second:
        sent = listen(settings, 900, seed=1).likes
        assert sent > 150
        wait_for(lambda: retrainings(dg.DagsterRunStatus.STARTED), 300, "a retraining runs", runs_now)
        for one in (first, second):
            end_group(one, signal.SIGKILL)
        assert len(checkpoints.versions()) == 1
        planted = plant_dead_runs()

        reports: list[Report] = []
        listening = threading.Thread(target=lambda: reports.append(listen(settings, 400, seed=2)))
        listening.start()
        server.stop()
        assert server.start() == settings.postgres_url
        listening.join(180)
        sent += reports[0].likes
        wait_for(lambda: stored_sessions(settings) >= sent, 180, "every acknowledged session is stored")
        assert stored_sessions(settings) == sent

        with daemon(folder, "third"):
            wait_for(lambda: len(checkpoints.versions()) > 1, 480, "the retraining was made up for", runs_now)
            wait_for(lambda: retrainings(dg.DagsterRunStatus.SUCCESS), 240, "and its run succeeded", runs_now)
            assert not retrainings(dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.QUEUED)
    assert checkpoints.versions() == ["000001", "000002"]
    assert retrainings(dg.DagsterRunStatus.SUCCESS) == 1
    with dg.DagsterInstance.get() as instance:
        assert all(instance.get_run_by_id(run).status == dg.DagsterRunStatus.FAILURE for run in planted)
    assert checkpoints.load("000002").lineage["feedback"]["sessions"] == sent
    served = read_channels(root)
    assert ServedModel.open(root / "versions" / served.champion).version.startswith("000001-")
