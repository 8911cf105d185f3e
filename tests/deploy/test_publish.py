"""A registry on this machine: an image is pushed by the script of the workflow, and found again by its digest alone."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.machine import TAG, Machine, free_port, until

ROW = "registry: an image is published by its digest, found by it, and never as latest"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    if shutil.which("docker-registry") is None or shutil.which("skopeo") is None:
        pytest.skip("this machine: no docker-registry or skopeo (deploy/test-machine.sh installs them)")
    port = free_port()
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (tmp_path / "registry.yml").write_text(json.dumps(settings))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(["docker-registry", "serve", str(tmp_path / "registry.yml")], **quiet)
    until(lambda: answers(port), "registry", 30)
    yield f"127.0.0.1:{port}/buddies"
    process.terminate()
    process.wait(10)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v2/").status_code == 200
    except httpx.TransportError:
        return False


def test_an_image_is_published_and_found_by_its_digest(
    machine: Machine, registry: str, proxy_image: str, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    environment = {"REGISTRY": registry, "COMMIT": "abc123", "TAG": TAG, "SIGN": "no"}
    environment |= {"PUSH_OPTIONS": "--tls-verify=false", "GITHUB_OUTPUT": str(output)}
    done = machine.run("deploy/images/publish.sh", "proxy", environment=environment)
    reference = done.stdout.strip().splitlines()[-1]
    name, _, digest = reference.partition("@")
    assert name == f"{registry}/buddies-proxy" and output.read_text().strip() == f"digest={digest}"
    found = json.loads(machine.run("skopeo", "inspect", "--tls-verify=false", f"docker://{reference}").stdout)
    assert found["Labels"]["org.opencontainers.image.title"] == "spotify-buddies proxy"
    assert found["RepoTags"] == ["abc123"]
