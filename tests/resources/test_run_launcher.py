"""A run whose process is gone is failed by Dagster's run monitoring; one that lives, or is another host's, is not."""

import logging
import platform
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import WorkerStatus
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.monitoring.run_monitoring import monitor_started_run

from buddies_assets.resources import run_launcher
from buddies_assets.resources.run_launcher import BOOT_TAG, HOST_TAG, WatchedRunLauncher, host_tags


@pytest.fixture
def instance(tmp_path) -> Iterator[dg.DagsterInstance]:
    launcher = {"module": "buddies_assets.resources.run_launcher", "class": "WatchedRunLauncher"}
    with dg.instance_for_test(
        temp_dir=str(tmp_path), overrides={"run_launcher": launcher, "run_monitoring": {"enabled": True}}
    ) as made:
        yield made


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def started(instance: dg.DagsterInstance, *processes: int, **tags: str) -> str:
    """A run that was started, with an event for each of its processes."""
    run = create_run_for_test(instance, job_name="job", tags=host_tags() | tags)
    instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.PIPELINE_START.value, "job"), run.run_id)
    for process in processes:
        instance.report_engine_event("Started process", run, EngineEventData.in_process(process))
    return run.run_id


def monitored(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """The run's status after a look of the monitoring daemon."""
    record = instance.get_run_record_by_id(run_id)
    monitor_started_run(instance, None, record, logging.getLogger("test"))
    return instance.get_run_by_id(run_id).status


def test_a_run_is_failed_once_its_process_is_gone_and_its_message_says_which(instance, sleeper):
    run = started(instance, sleeper.pid, 2**22 + 1)
    assert monitored(instance, run) == dg.DagsterRunStatus.STARTED
    sleeper.kill()
    sleeper.wait()
    assert monitored(instance, run) == dg.DagsterRunStatus.FAILURE
    (failure,) = instance.all_logs(run, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert f"process {sleeper.pid} on {platform.node()} is gone" in failure.message


def test_a_run_from_before_the_host_was_restarted_is_dead_though_its_process_id_lives_again(instance, sleeper):
    run = started(instance, sleeper.pid, **{BOOT_TAG: "before"})
    assert monitored(instance, run) == dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize("host", ["another", ""])
def test_runs_of_another_host_and_of_none_known_are_left_alone(instance, sleeper, host):
    sleeper.kill()
    sleeper.wait()
    assert monitored(instance, started(instance, sleeper.pid, **{HOST_TAG: host})) == dg.DagsterRunStatus.STARTED


def test_a_run_that_names_no_process_yet_is_left_alone(instance):
    assert monitored(instance, started(instance)) == dg.DagsterRunStatus.STARTED


def test_a_launch_notes_the_host(instance, monkeypatch):
    run = create_run_for_test(instance, job_name="job")
    monkeypatch.setattr(run_launcher.DefaultRunLauncher, "launch_run", lambda self, context: None)
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    launcher.launch_run(SimpleNamespace(dagster_run=run))
    tags = instance.get_run_by_id(run.run_id).tags
    assert tags[HOST_TAG] == platform.node()
    assert launcher.check_run_worker_health(instance.get_run_by_id(run.run_id)).status == WorkerStatus.RUNNING
