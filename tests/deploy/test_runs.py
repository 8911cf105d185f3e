"""Runs in a cluster: each is a pod of its own, made with no more than the Role allows, restricted, and truly runs."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.cluster_api import ClusterApi
from tests.deploy.launch_run import SAID
from tests.deploy.machine import ROOT, Machine, tool
from tests.deploy.test_chart import IMAGES, of_kind

ROW = "runs in a cluster: a pod each, within the Role, restricted, and what it is told runs in the image"
SMALL = {"BUDDIES_SYNTHETIC_USERS": "300", "BUDDIES_SYNTHETIC_PLAYLISTS": "800"}


class Launcher:
    """Dagster with the chart's instance, asking an API of ours; here, where dagster-k8s is installed."""

    def __init__(self, folder: Path, api: ClusterApi) -> None:
        self.api, self._folder = api, folder
        instance = yaml.safe_load(of_kind("ConfigMap", "production")["buddies-dagster"]["data"]["dagster.yaml"])
        instance["run_launcher"]["config"] |= {"load_incluster_config": False, "kubeconfig_file": str(self.kubeconfig)}
        (folder / "dagster.yaml").write_text(yaml.safe_dump(self.changed(instance)))
        (folder / "config").write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
            "clusters": [{"name": "c", "cluster": {"server": api.address}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }))  # fmt: skip

    @property
    def kubeconfig(self) -> Path:
        """Where Dagster finds the API's address."""
        return self._folder / "config"

    def changed(self, instance: dict[str, Any]) -> dict[str, Any]:
        """The instance, in files instead of PostgreSQL."""
        return {key: value for key, value in instance.items() if key != "storage"}

    def command(self) -> tuple[list[str], dict[str, str]]:
        """(how launch_run.py is started, with which variables)."""
        settings = {**SMALL, "DAGSTER_HOME": str(self._folder), "BUDDIES_HOME": str(self._folder / "home")}
        return [sys.executable, str(ROOT / "tests/deploy/launch_run.py")], {**os.environ, **settings}

    def ask(self, *arguments: str) -> str:
        """What launch_run.py said."""
        command, environment = self.command()
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3_000:]
        (said,) = (line for line in done.stdout.splitlines() if line.startswith(SAID))
        return said.removeprefix(SAID)


class LauncherInTheImage(Launcher):
    """The same in the pipeline image, with PostgreSQL."""

    kubeconfig = Path("/kube/config")

    def __init__(self, machine: Machine, image: str, folder: Path, database: str, api: ClusterApi) -> None:
        super().__init__(folder, api)
        self._machine, self._image = machine, image
        address = machine.podman("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                                 f"{machine.run_name}-postgres")  # fmt: skip
        self.database = database.replace("@postgres:", f"@{address}:")
        self._home = f"--volume={machine.run_name}-runs:/var/lib/buddies"
        self._mounts = [f"--volume={folder}/dagster.yaml:/tmp/dagster/dagster.yaml:ro", f"--volume={folder}:/kube:ro"]
        self._mounts += [f"--volume={ROOT}/tests/deploy/launch_run.py:/launch_run.py:ro"]
        for path in (folder, folder / "config", folder / "dagster.yaml"):
            path.chmod(0o755)
        for parent in folder.parents:
            if str(parent).startswith("/tmp/pytest"):
                parent.chmod(0o755)

    def changed(self, instance: dict[str, Any]) -> dict[str, Any]:
        """The instance as it is."""
        return instance

    def command(self) -> tuple[list[str], dict[str, str]]:
        """(how launch_run.py is started, with which variables)."""
        given = {**SMALL, "BUDDIES_POSTGRES_URL": self.database}
        settings = [f"--env={name}={value}" for name, value in given.items()]
        command = ["podman", "run", "--rm", "--network=host", *settings, *self._mounts, self._home, self._image]
        return [*command, "python", "/launch_run.py"], self._machine.environment

    def be_kubelet(self, job: dict[str, Any]) -> subprocess.CompletedProcess:
        """Runs a Job's container as its pod would: its arguments, variables and restrictions, in the real image."""
        (container,) = job["spec"]["template"]["spec"]["containers"]
        given = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
        given |= {**SMALL, "BUDDIES_POSTGRES_URL": self.database}
        variables = [f"--env={name}={value}" for name, value in given.items()]
        hard = ("--read-only", "--tmpfs=/tmp:mode=1777", "--cap-drop=ALL", "--security-opt=no-new-privileges")
        return self._machine.run(
            "podman", "run", "--rm", "--network=host", *hard, *variables, *self._mounts[:1], self._home, self._image,
            *container["args"], check=False,
        )  # fmt: skip


HERE = ["here"] if importlib.util.find_spec("dagster_k8s") else []
"""Where dagster-k8s is installed beside the project, the launcher is tried without a container too."""


@pytest.fixture(scope="module", params=[*HERE, "in the image"])
def launcher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    api = ClusterApi(of_kind("Role", "production")["buddies-pipeline"]["rules"])
    folder = tmp_path_factory.mktemp("launcher")
    if request.param == "here":
        yield Launcher(folder, api)
    else:
        machine, image, postgres = map(request.getfixturevalue, ("machine", "pipeline_image", "postgres"))
        machine.podman("run", "--rm", f"--network={machine.network}", f"--env=BUDDIES_POSTGRES_URL={postgres}",
                       image, "migrate")  # fmt: skip
        yield LauncherInTheImage(machine, image, folder, postgres, api)
    api.close()


@pytest.fixture(scope="module")
def launched(launcher: Launcher) -> tuple[str, dict[str, Any]]:
    """(id of a run, the Job that was made of it)."""
    run = launcher.ask("prepare_data_job")
    (job,) = launcher.api.jobs.values()
    return run, job


def test_a_run_is_a_job_that_the_role_allows(launcher: Launcher, launched: tuple[str, dict[str, Any]]) -> None:
    run, job = launched
    assert launcher.api.refused == [] and "postgresql://" not in json.dumps(job)
    assert job["metadata"]["labels"]["dagster/run-id"] == run and job["metadata"]["namespace"] == "buddies"
    spec = job["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "buddies-runs" and spec["automountServiceAccountToken"] is False
    assert job["spec"]["backoffLimit"] == 0 and job["spec"]["ttlSecondsAfterFinished"] == 86_400


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_the_job_is_valid_and_restricted(launched: tuple[str, dict[str, Any]], version: str, tmp_path: Path) -> None:
    _, made = launched
    job = {key: value for key, value in made.items() if key != "status"}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(job))))
    command = [tool("kubernetes-validate"), "-k", version, "--strict", str(tmp_path / "job.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pod = job["spec"]["template"]["spec"]
    assert (
        pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    )
    (container,) = pod["containers"]
    assert container["image"] == IMAGES["pipeline"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["requests"]["memory"] == "4Gi"
    database = [entry for entry in container["env"] if entry["name"] == "BUDDIES_POSTGRES_URL"]
    assert database == [{"name": "BUDDIES_POSTGRES_URL",
                         "valueFrom": {"secretKeyRef": {"name": "buddies-postgres", "key": "url"}}}]  # fmt: skip
    assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/var/lib/buddies", "/tmp", "/raw"}


@pytest.mark.parametrize("launcher", ["in the image"], indirect=True)
def test_what_the_pod_is_told_runs_to_its_end(
    launcher: LauncherInTheImage, launched: tuple[str, dict[str, Any]]
) -> None:
    run, job = launched
    assert launcher.ask("health", run).split()[1] in ("STARTING", "STARTED")
    done = launcher.be_kubelet(job)
    assert done.returncode == 0, done.stderr[-3_000:]
    job["status"] = {"succeeded": 1}
    assert launcher.ask("health", run) == "SUCCESS SUCCESS", (done.stdout + done.stderr)[-6_000:]


def test_a_pod_that_was_evicted_is_found_and_a_run_can_be_ended(launcher: Launcher) -> None:
    run = launcher.ask("prepare_data_job")
    (job,) = [job for job in launcher.api.jobs.values() if job["metadata"]["labels"]["dagster/run-id"] == run]
    job["status"] = {"failed": 1}
    assert launcher.ask("health", run).startswith("FAILED")
    assert launcher.ask("terminate", run) == "True"
    assert job["metadata"]["name"] not in launcher.api.jobs
