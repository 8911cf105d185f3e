"""A machine with systemd and SSH, as Ansible finds one: Debian 12 in a container, with its own nested in it.

Its file system is made once; the images under test are seen in it through the store of the machine that tests, so that
gigabytes are not copied. Nested runc needs a namespace of control groups of its own (`podman_extra_args`).
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from buddies_core.http.ports import free_port
from tests.deploy.machine import CACHE, DEPLOY, TAG, Machine, tool, until
from tests.deploy.rootfs import nested, rootfs_image

IMAGES = ("service", "pipeline", "postgres", "proxy")
INSIDE = "systemd,systemd-sysv,dbus,openssh-server,python3,python3-apt,ca-certificates,curl"


class VirtualMachine:
    """A fresh machine; `play` runs a playbook of deploy/ansible against it."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        if shutil.which("ssh") is None:
            pytest.skip("this machine: no ssh (deploy/test-machine.sh installs it)")
        self._machine, self._folder = machine, folder
        self.name = f"{machine.run_name}-vm"
        self.ports = {name: free_port() for name in ("ssh", "api", "dashboard", "dagster")}
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
        (folder / "authorized_keys").write_text((folder / "key.pub").read_text())
        (CACHE / "vm-packages/partial").mkdir(parents=True, exist_ok=True)
        inside = {"ssh": 22, "api": 18000, "dashboard": 18001, "dagster": 18002}
        machine.podman(
            "run", "--detach", "--name", self.name, "--network", machine.network, "--privileged", "--systemd=always",
            "--tmpfs", "/run", "--tmpfs", "/tmp", "--volume", f"{self.name}-lib:/var/lib/containers",
            # What is installed comes from a mirror once.
            f"--volume={CACHE}/vm-packages:/var/cache/apt/archives",
            *nested(folder),
            *(f"--publish=127.0.0.1:{self.ports[name]}:{port}" for name, port in inside.items()),
            rootfs_image(machine, "vm", "bookworm", INSIDE), "/sbin/init",
        )  # fmt: skip
        self.install_key()
        until(lambda: self.state() in ("running", "degraded"), "systemd in its container", 120)
        self._variables = {
            "tags_allowed": True, "listen": "0.0.0.0", "podman_extra_args": "--cgroupns private",
            "service_settings": {"BUDDIES_RATE_LIMIT": "100000", "BUDDIES_RATE_BURST": "100000"},
            "images": {name: f"localhost/buddies-{name}:{TAG}" for name in IMAGES},
        }  # fmt: skip
        host = {"ansible_host": "127.0.0.1", "ansible_port": self.ports["ssh"], "ansible_user": "root",
                "ansible_ssh_private_key_file": str(folder / "key"), "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"}  # fmt: skip
        (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"vm": host}}}))

    def install_key(self) -> None:
        """Lets Ansible in."""
        home = self.run("sh", "-c", "echo ~root").stdout.strip()
        self.run("mkdir", "-p", f"{home}/.ssh")
        self._machine.podman("cp", str(self._folder / "authorized_keys"), f"{self.name}:{home}/.ssh/authorized_keys")
        self.run("chown", "-R", "root:root", f"{home}/.ssh")

    def state(self) -> str:
        """What systemd says of itself."""
        return self.run("systemctl", "is-system-running", check=False).stdout.strip()

    def run(self, *command: str, **more: Any) -> subprocess.CompletedProcess:
        """A command inside."""
        return self._machine.run("podman", "exec", self.name, *command, **more)

    def play(self, playbook: str, *options: str, **variables: Any) -> subprocess.CompletedProcess:
        """A run of a playbook."""
        given = json.dumps(self._variables | variables)
        command = [tool("ansible-playbook"), "--inventory", str(self._folder / "inventory.yml"), *options]
        command += ["--extra-vars", given, str(DEPLOY / "ansible" / playbook)]
        environment = {**os.environ, "ANSIBLE_HOME": str(self._folder), "ANSIBLE_NOCOLOR": "1"}
        environment |= {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._folder / "cp")}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=1_200, cwd=DEPLOY / "ansible"
        )

    def restart(self) -> None:
        """Switches the machine off and on."""
        self._machine.podman("restart", "--time", "90", self.name)
        until(lambda: self.state() in ("running", "degraded"), "systemd after a restart", 120)
