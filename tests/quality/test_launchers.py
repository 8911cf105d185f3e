"""The record of runs where the launcher is another's: one of a cluster asks for rights that not every process has."""

import dagster as dg
import pytest
from dagster._core.launcher import DefaultRunLauncher

from quality.history.runs import _gone


class LauncherOfACluster(DefaultRunLauncher):
    """As dagster-k8s' is in a pod without a token of the cluster: it cannot be made."""

    @classmethod
    def from_config_value(cls, inst_data, config_value):
        """Refused."""
        raise PermissionError("no configuration of a cluster")


def started(instance: dg.DagsterInstance) -> dg.DagsterRun:
    run = dg.DagsterRun(job_name="job", status=dg.DagsterRunStatus.STARTED)
    return instance.add_run(run)


def test_a_run_is_recorded_where_its_launcher_cannot_be_made():
    overrides = {"run_launcher": {"module": __name__, "class": "LauncherOfACluster"}}
    with dg.instance_for_test(overrides=overrides) as instance:
        run = started(instance)
        with pytest.raises(PermissionError):
            _ = instance.run_launcher
        assert _gone(instance, run) is None


def test_an_instance_without_a_folder_has_nobody_who_could_tell():
    with dg.DagsterInstance.ephemeral() as instance:
        assert _gone(instance, started(instance)) is None
