"""Debian 13's podman in a container, whose `kube play` runs what the chart renders (Debian 12's damages Secrets)."""

import copy
import subprocess
from pathlib import Path
from typing import Any

import yaml

from buddies_core.http.ports import free_port
from tests.deploy.machine import Machine
from tests.deploy.rootfs import nested, rootfs_image

INSIDE = "podman,catatonit,netavark,aardvark-dns,runc,iptables,nftables,ca-certificates"


class Player:
    """A node of one: plays Kubernetes' objects, its port 8000 published on this machine as `port`."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine, self.name, self.port = machine, f"{machine.run_name}-player", free_port()
        machine.podman(
            "run", "--detach", "--name", self.name, "--network", machine.network, "--privileged",
            "--tmpfs", "/run", "--tmpfs", "/tmp", "--volume", f"{self.name}-lib:/var/lib/containers",
            "--env", "PODMAN_IGNORE_CGROUPSV1_WARNING=1",
            *nested(folder, 'cgroup_manager = "cgroupfs"'),
            f"--publish=127.0.0.1:{self.port}:8000", rootfs_image(machine, "player", "trixie", INSIDE),
            "sleep", "infinity",
        )  # fmt: skip
        self.podman("network", "create", "kube")

    def podman(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess:
        """A podman inside."""
        return self._machine.run("podman", "exec", "--interactive", self.name, "podman", *arguments, **more)

    def play(self, *objects: dict[str, Any], options: tuple[str, ...] = ()) -> None:
        """Starts objects."""
        self.podman("kube", "play", "--network=kube", *options, "-", input=yaml.safe_dump_all(objects))

    def down(self, *objects: dict[str, Any]) -> None:
        """Ends what was played; claims on volumes stay, as a StatefulSet's do."""
        self.podman("kube", "down", "-", input=yaml.safe_dump_all(objects))

    def gateway(self) -> str:
        """The address at which this machine is found from inside."""
        return self._machine.podman("network", "inspect", self._machine.network, "--format",
                                    "{{(index .Subnets 0).Gateway}}")  # fmt: skip


def pod(name: str, stateful_set: dict[str, Any]) -> list[dict[str, Any]]:
    """A replica of a StatefulSet and its claims, as Kubernetes' controller would make them."""
    template, claimed = (stateful_set["spec"][key] for key in ("template", "volumeClaimTemplates"))
    names = {claim["metadata"]["name"]: f"{claim['metadata']['name']}-{name}" for claim in claimed}
    claims = [
        {**claim, "kind": "PersistentVolumeClaim", "metadata": {"name": names[claim["metadata"]["name"]]}}
        for claim in claimed
    ]
    mounted = [{"name": short, "persistentVolumeClaim": {"claimName": full}} for short, full in names.items()]
    spec = {**template["spec"], "volumes": template["spec"]["volumes"] + mounted}
    metadata = {"name": name, "labels": template["metadata"]["labels"]}
    return [*claims, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": playable(name, spec)}]


def playable(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A pod's specification without what `kube play` does otherwise than Kubernetes.

    It asks probes by HTTP with a `curl` inside the image, which has none; it shares an emptyDir between pods that call
    theirs alike; and it gives no Secret's files to the pod's group.
    """
    own = {volume["name"]: f"{name}-{volume['name']}" for volume in spec["volumes"] if "emptyDir" in volume}
    made = copy.deepcopy(spec)
    for container in [*made["containers"], *made.get("initContainers", [])]:
        for probe in [key for key in container if key.endswith("Probe") and "httpGet" in container[key]]:
            del container[probe]
        for mount in container["volumeMounts"]:
            mount["name"] = own.get(mount["name"], mount["name"])
    for volume in made["volumes"]:
        volume["name"] = own.get(volume["name"], volume["name"])
        if "secret" in volume:
            volume["secret"]["defaultMode"] = 0o444
    return made
