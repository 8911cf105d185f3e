"""The chart on a real control plane (Kubernetes 1.20): installed, upgraded, taken back by itself, scaled, protected.

What 1.20 does not know yet is written in its words in a copy of the chart: versions of three kinds, two fields of
StatefulSets. Whether the chart as it stands is valid for newer Kubernetes is asked elsewhere (test_chart.py).
"""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.control_plane import ControlPlane
from tests.deploy.machine import DEPLOY, ROOT, tool, until

ROW = "rollout on a real control plane"
NAMESPACE = "buddies"
IN_NAMESPACE = f"namespaces/{NAMESPACE}"
_OLD = (
    ("autoscaling/v2\n", "autoscaling/v2beta2\n"),
    ("policy/v1\n", "policy/v1beta1\n"),
    ("batch/v1\nkind: CronJob", "batch/v1beta1\nkind: CronJob"),
    ("grpc: {port: 4000, service: DagsterApi}", "tcpSocket: {port: 4000}"),
    # that a test need not wait five minutes to see it scaled down
    ("stabilizationWindowSeconds: 300", "stabilizationWindowSeconds: 5"),
)
_UNKNOWN = ("persistentVolumeClaimRetentionPolicy:", "minReadySeconds:")


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("old") / "chart"
    shutil.copytree(DEPLOY / "chart", copy)
    about = (copy / "Chart.yaml").read_text()
    (copy / "Chart.yaml").write_text("".join(line for line in about.splitlines(True) if "kubeVersion" not in line))
    for path in (copy / "templates").glob("*.yaml"):
        text = path.read_text()
        for new, old in _OLD:
            text = text.replace(new, old)
        lines = [line for line in text.splitlines() if not line.strip().startswith(_UNKNOWN)]
        path.write_text("\n".join(lines) + "\n")
    return copy


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    tool("python")
    cluster = ControlPlane(tmp_path_factory.mktemp("cluster"))
    cluster.make("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    cluster.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", METRICS)
    yield cluster
    cluster.close()


# A custom resource stands for the metrics server: the autoscaler asks the same addresses.
METRICS = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "pods.metrics.k8s.io",
                 "annotations": {"api-approved.kubernetes.io": "unapproved, for tests alone"}},
    "spec": {"group": "metrics.k8s.io", "scope": "Namespaced",
             "names": {"plural": "pods", "singular": "pod", "kind": "PodMetrics", "listKind": "PodMetricsList"},
             "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                 "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]},
}  # fmt: skip


def helm(cluster: ControlPlane, do: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess:
    asked = json.dumps({"do": do, **more}, default=str)
    command = [tool("python"), str(ROOT / "tests/deploy/helm_action.py"), str(cluster.kubeconfig), NAMESPACE, asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert not check or done.returncode == 0, done.stderr + done.stdout
    return done


def history(cluster: ControlPlane) -> list[tuple[int, str]]:
    """(revision, status) of every revision, the oldest first."""
    return sorted((one["revision"], one["status"]) for one in json.loads(helm(cluster, "history").stdout))


def release(chart: Path, name: str) -> dict[str, Any]:
    """Arguments of an installation or upgrade to a release: production's values but for a database of its own."""
    values = yaml.safe_load((DEPLOY / "environments/production.yaml").read_text())
    digests = {n: f"registry.example.org/{name}/buddies-{n}@sha256:{'0' * 64}"
               for n in ("service", "pipeline", "postgres", "proxy")}  # fmt: skip
    # what monitoring brings are kinds of Prometheus' operator, which is not here
    values |= {"images": digests, "monitoring": {"enabled": False}}
    values["pipeline"] |= {"rawDataClaim": ""}
    values["service"] = {"autoscaling": {"enabled": True, "min": 2, "max": 6, "cpuPercent": 70}}
    return {"chart": chart, "values": values, "wait": "watcher", "timeout": 150}


def pods(cluster: ControlPlane, component: str = "service") -> list[dict[str, Any]]:
    """Pods of a component that are not on their way out."""
    selected = f"labelSelector=app.kubernetes.io/component%3D{component}"
    found = cluster.get(f"/api/v1/{IN_NAMESPACE}/pods?{selected}")["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def releases(cluster: ControlPlane) -> set[str]:
    """Which releases the service's pods are of."""
    return {container["image"].split("/")[1] for pod in pods(cluster) for container in pod["spec"]["containers"]}


def replicas(cluster: ControlPlane) -> int:
    return cluster.get(f"/apis/apps/v1/{IN_NAMESPACE}/statefulsets/buddies-service")["spec"]["replicas"]


def load(cluster: ControlPlane, percent: int) -> None:
    """Says of each pod of the service that it uses so much of the processor it asked for."""
    at = f"/apis/metrics.k8s.io/v1beta1/{IN_NAMESPACE}/pods"
    for pod in pods(cluster):
        asked = {one["name"]: int(one["resources"]["requests"]["cpu"].removesuffix("m"))
                 for one in pod["spec"]["containers"]}  # fmt: skip
        used = [{"name": name, "usage": {"cpu": f"{cpu * percent // 100}m", "memory": "100Mi"}}
                for name, cpu in asked.items()]  # fmt: skip
        name = pod["metadata"]["name"]
        cluster.api.delete(f"{at}/{name}")
        cluster.make(at, {
            "apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "window": "10s",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "containers": used,
            "metadata": {"name": name, "labels": pod["metadata"]["labels"]},
        })  # fmt: skip


def scaled(cluster: ControlPlane, percent: int, wanted: int) -> bool:
    load(cluster, percent)
    return replicas(cluster) == wanted == len(pods(cluster))


def test_a_release_is_installed(cluster: ControlPlane, chart: Path) -> None:
    helm(cluster, "install", **release(chart, "v1"))
    assert history(cluster) == [(1, "deployed")]
    assert releases(cluster) == {"v1"}
    # a StatefulSet begins with one; the least is the autoscaler's affair
    until(lambda: len(pods(cluster)) == 2, "replicas by the autoscaler", 60)
    jobs = cluster.get(f"/apis/batch/v1/{IN_NAMESPACE}/jobs")["items"]
    # the migration was a hook that succeeded, and went
    assert jobs == []


def test_an_upgrade_replaces_every_replica(cluster: ControlPlane, chart: Path) -> None:
    helm(cluster, "upgrade", **release(chart, "v2"), rollback_on_failure=True)
    assert history(cluster) == [(1, "superseded"), (2, "deployed")]
    assert releases(cluster) == {"v2"}


def test_a_release_that_does_not_become_ready_is_taken_back_by_itself(cluster: ControlPlane, chart: Path) -> None:
    broken = release(chart, "broken") | {"timeout": 25}
    done = helm(cluster, "upgrade", check=False, **broken, rollback_on_failure=True)
    assert done.returncode == 1 and "rolled back" in done.stderr, done.stderr
    assert history(cluster)[-2:] == [(3, "failed"), (4, "deployed")]
    until(lambda: releases(cluster) == {"v2"}, "pods of the release before", 60)


def test_the_autoscaler_follows_the_load_and_an_upgrade_leaves_its_count_alone(
    cluster: ControlPlane, chart: Path
) -> None:
    until(lambda: scaled(cluster, 150, 6), "six replicas under load", 120)
    helm(cluster, "upgrade", **release(chart, "v3"), rollback_on_failure=True)
    assert replicas(cluster) == 6 and releases(cluster) == {"v3"}
    until(lambda: scaled(cluster, 10, 2), "two replicas without load", 120)
    claims = cluster.get(f"/api/v1/{IN_NAMESPACE}/persistentvolumeclaims")["items"]
    # spools of replicas that went stay: what they promised is replayed when they are back
    assert {f"spool-buddies-service-{place}" for place in range(6)} <= {one["metadata"]["name"] for one in claims}


def test_a_second_replica_cannot_be_evicted_before_the_first_is_back(cluster: ControlPlane) -> None:
    budget = f"/apis/policy/v1beta1/{IN_NAMESPACE}/poddisruptionbudgets/buddies-service"
    until(lambda: cluster.get(budget)["status"].get("disruptionsAllowed") == 1, "budget for one", 60)

    def evicted(name: str) -> int:
        body = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": name, "namespace": NAMESPACE}}
        return cluster.api.post(f"/api/v1/{IN_NAMESPACE}/pods/{name}/eviction", json=body).status_code

    first, second = (pod["metadata"]["name"] for pod in pods(cluster))
    assert evicted(first) == 201
    assert evicted(second) == 429
    until(lambda: len(pods(cluster)) == 2, "replica after its eviction", 60)


def test_a_release_is_gone_back_to(cluster: ControlPlane) -> None:
    helm(cluster, "rollback", version=1, wait="watcher", timeout=150)
    assert history(cluster)[-1] == (6, "deployed")
    until(lambda: releases(cluster) == {"v1"}, "pods of the first release", 60)
