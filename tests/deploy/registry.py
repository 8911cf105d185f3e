"""A registry of images, for as long as a test needs one."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from buddies_core.http.ports import free_port
from tests.deploy.machine import until


@contextmanager
def registry_at(host: str, folder: Path) -> Iterator[str]:
    """A registry on an address of this machine, its images in a folder; `host:port`."""
    if shutil.which("docker-registry") is None:
        pytest.skip("this machine: no docker-registry (deploy/test-machine.sh installs it)")
    address = f"{host}:{free_port()}"
    stored = {"filesystem": {"rootdirectory": str(folder / "registry")}}
    settings = {"version": 0.1, "storage": stored, "http": {"addr": address}}
    (folder / "registry.yml").write_text(json.dumps(settings))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(["docker-registry", "serve", str(folder / "registry.yml")], **quiet)
    try:
        until(lambda: _answers(address), "registry", 30)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/v2/").status_code == 200
    except httpx.TransportError:
        return False
