"""File systems of Debian as images, for containers that play a machine; each is made once."""

import os
from pathlib import Path

import pytest

from tests.deploy.machine import CACHE, Machine, alone

_ENGINE = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
events_logger = "file"
"""
_STORAGE = """[storage]
driver = "overlay"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
[storage.options]
additionalimagestores = ["/images"]
"""


def nested(folder: Path, more: str = "") -> list[str]:
    """Options for a container with containers in it: they see the images under test without a copy of gigabytes."""
    (folder / "containers.conf").write_text(f"{_ENGINE}{more}\n")
    (folder / "storage.conf").write_text(_STORAGE)
    files = [f"--volume={folder}/{name}:/etc/containers/{name}:ro" for name in ("containers.conf", "storage.conf")]
    return [f"--volume={CACHE}/graph:/images:ro", *files]


@alone()
def rootfs_image(machine: Machine, name: str, suite: str, packages: str) -> str:
    """An image of a suite of Debian with packages; the test is skipped where none can be made."""
    image = f"localhost/buddies-test-{name}:{suite}"
    if machine.run("podman", "image", "exists", image, check=False).returncode == 0:
        return image
    tar = CACHE / f"{name}.tar"
    mirror = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
    command = ("mmdebstrap", "--variant=minbase", f"--include={packages}", suite, str(tar), mirror)
    made = machine.run(*command, check=False)
    if made.returncode:
        pytest.skip(f"this machine: no file system of {suite}: {made.stderr.strip().splitlines()[-1]}")
    machine.podman("import", str(tar), image)
    tar.unlink()
    return image
