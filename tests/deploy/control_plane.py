"""A real control plane on loopback: etcd, kube-apiserver, controller-manager and scheduler, and a node that pretends.

The programs are made once by `deploy/control-plane.sh`. No kubelet runs, since one would change the machine: a thread
says what a kubelet would of pods that the scheduler has put on the node, as kwok does.
"""

import os
import secrets
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from buddies_core.http.ports import free_port
from tests.deploy.machine import CACHE, until

PROGRAMS = Path(os.environ.get("BUDDIES_KUBERNETES", CACHE / "kubernetes"))
NODE = "pretended"


class ControlPlane:
    """A cluster of one node; `api` talks to it, `kubeconfig` is for others that do."""

    def __init__(self, folder: Path) -> None:
        missing = [n for n in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
                   if not (PROGRAMS / n).exists()]  # fmt: skip
        if missing:
            pytest.skip(f"this machine: no {', '.join(missing)} in {PROGRAMS} (deploy/control-plane.sh makes them)")
        self._folder, self._running = folder, []
        ports = {name: free_port() for name in ("etcd", "peer", "api", "manager", "scheduler")}
        token = secrets.token_hex(16)
        self._token = token
        (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        subprocess.run(["openssl", "genrsa", "-out", folder / "sa.key", "2048"], check=True, capture_output=True)
        self.kubeconfig = folder / "kubeconfig"
        server = f"https://127.0.0.1:{ports['api']}"
        self.kubeconfig.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        }))  # fmt: skip
        etcd, peer = (f"http://127.0.0.1:{ports[name]}" for name in ("etcd", "peer"))
        self._start(
            "etcd", "--data-dir", str(folder / "etcd"), "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
            "--unsafe-no-fsync",
        )  # fmt: skip
        self._start(
            "kube-apiserver", f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", f"--secure-port={ports['api']}",
            f"--cert-dir={folder}/certificates", f"--token-auth-file={folder}/tokens.csv", "--authorization-mode=RBAC",
            f"--service-account-key-file={folder}/sa.key", f"--service-account-signing-key-file={folder}/sa.key",
            "--service-account-issuer=https://test", "--service-cluster-ip-range=10.99.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
        )  # fmt: skip
        self.api = httpx.Client(base_url=server, headers={"authorization": f"Bearer {token}"}, verify=False, timeout=60)
        until(self._ready, "API server", 120)
        own = (f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--port=0", "--bind-address=127.0.0.1")
        self._start(
            "kube-controller-manager", *own, f"--secure-port={ports['manager']}", f"--cert-dir={folder}/manager",
            "--controllers=*,-nodelifecycle,-nodeipam,-cloud-node-lifecycle,-serviceaccount-token",
            "--horizontal-pod-autoscaler-sync-period=2s", "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
            "--horizontal-pod-autoscaler-cpu-initialization-period=1s",
        )  # fmt: skip
        self._start("kube-scheduler", *own, f"--secure-port={ports['scheduler']}", f"--cert-dir={folder}/scheduler")
        self._over = threading.Event()
        self._node = threading.Thread(target=self._be_the_node, daemon=True)
        self._node.start()

    def _start(self, name: str, *options: str) -> None:
        log = (self._folder / f"{name}.log").open("w")
        self._running.append(subprocess.Popen([PROGRAMS / name, *options], stdout=log, stderr=log, cwd=self._folder))

    def _ready(self) -> bool:
        dead = [one.args[0].name for one in self._running if one.poll() is not None]
        assert not dead, (self._folder / f"{dead[0]}.log").read_text()[-3_000:]
        try:
            return self.api.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Stops everything, the database last."""
        self._over.set()
        self._node.join(20)
        for one in reversed(self._running):
            one.terminate()
        for one in self._running:
            one.wait(30)
        shutil.rmtree(self._folder / "etcd", ignore_errors=True)

    def get(self, path: str) -> dict[str, Any]:
        """What lies at a path of the API."""
        found = self.api.get(path)
        assert found.status_code == 200, f"{path}: {found.text}"
        return found.json()

    def make(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Makes an object."""
        made = self.api.post(path, json=body)
        assert made.status_code in (200, 201, 409), f"{path}: {made.text}"
        return made

    def _be_the_node(self) -> None:
        """What a kubelet does, as far as controllers can see it."""
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        room = {"cpu": "64", "memory": "256Gi", "pods": "500"}
        self.make("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": NODE, "labels": {"kubernetes.io/hostname": NODE, "topology.kubernetes.io/zone": "a"}}})  # fmt: skip
        self._say(f"/api/v1/nodes/{NODE}", {"conditions": [ready], "capacity": room, "allocatable": room})
        # every new node is tainted as not ready; the controller that would take that away does not run
        merged = {"content-type": "application/merge-patch+json"}
        self.api.patch(f"/api/v1/nodes/{NODE}", json={"spec": {"taints": None}}, headers=merged)
        while not self._over.wait(0.25):
            try:
                self._once()
            except (httpx.TransportError, KeyError):
                # an object went while it was looked at: the next round sees what is there
                continue

    def _once(self) -> None:
        for claim in self.get("/api/v1/persistentvolumeclaims")["items"]:
            if not claim["spec"].get("volumeName") and "deletionTimestamp" not in claim["metadata"]:
                self._give_volume(claim)
        for pod in self.get("/api/v1/pods")["items"]:
            at = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            if not pod["spec"].get("nodeName"):
                continue
            if "deletionTimestamp" in pod["metadata"]:
                self.api.request("DELETE", at, json={"gracePeriodSeconds": 0})
            elif pod["status"].get("phase") == "Pending":
                self._run(at, pod)

    def _run(self, at: str, pod: dict[str, Any]) -> None:
        """Says that a pod runs: ready, unless an image of it is called broken; what ends by itself has ended."""
        ends = any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", []))
        works = not any("broken" in one["image"] for one in pod["spec"]["containers"])
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        state = {"terminated": {"exitCode": 0, "reason": "Completed"}} if ends else {"running": {"startedAt": now}}
        status = str(works and not ends)
        containers = [
            {"name": one["name"], "image": one["image"], "imageID": one["image"], "containerID": f"pretended://{i}",
             "ready": works and not ends, "started": True, "restartCount": 0, "state": state}
            for i, one in enumerate(pod["spec"]["containers"])
        ]  # fmt: skip
        kinds = ("Initialized", "ContainersReady", "Ready", "PodScheduled")
        conditions = [
            {"type": kind, "status": status if "Ready" in kind else "True", "lastTransitionTime": now} for kind in kinds
        ]
        self._say(at, {"phase": "Succeeded" if ends else "Running", "startTime": now, "conditions": conditions,
                       "containerStatuses": containers, "podIP": "10.98.0.1"})  # fmt: skip

    def _say(self, at: str, status: dict[str, Any]) -> None:
        kind = {"content-type": "application/strategic-merge-patch+json"}
        self.api.patch(f"{at}/status", json={"status": status}, headers=kind)

    def _give_volume(self, claim: dict[str, Any]) -> None:
        name, namespace = claim["metadata"]["name"], claim["metadata"]["namespace"]
        self.make("/api/v1/persistentvolumes", {
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{namespace}-{name}"},
            "spec": {"accessModes": claim["spec"]["accessModes"], "hostPath": {"path": "/nowhere"},
                     "capacity": claim["spec"]["resources"]["requests"], "storageClassName": "",
                     "claimRef": {"namespace": namespace, "name": name}},
        })  # fmt: skip
