"""A registry on this machine: an image is pushed by the script of the workflow, and found again by its digest alone."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.machine import DEPLOY, TAG, Machine, tool
from tests.deploy.registry import registry_at
from tests.deploy.trixie import unpacked

ROW = "registry: an image is published by its digest, signed with its contents; an unsigned or changed one is refused"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    if shutil.which("skopeo") is None:
        pytest.skip("this machine: no skopeo (deploy/test-machine.sh installs it)")
    with registry_at("127.0.0.1", tmp_path) as address:
        yield f"{address}/buddies"


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


@pytest.fixture
def signing(tmp_path: Path) -> dict[str, str]:
    """A key pair and cosign, for a registry without TLS and no log of transparency to write to."""
    cosign = unpacked("cosign") / "usr/bin"
    environment = {"PATH": f"{cosign}:/usr/sbin:/usr/bin:/sbin:/bin", "COSIGN_PASSWORD": "", "HOME": str(tmp_path)}
    made = subprocess.run(
        ["cosign", "generate-key-pair"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return {
        **environment, "COSIGN_KEY": str(tmp_path / "cosign.key"), "COSIGN_PUBLIC_KEY": str(tmp_path / "cosign.pub"),
        "SIGN_OPTIONS": "--tlog-upload=false --allow-insecure-registry",
        "VERIFY_OPTIONS": "--insecure-ignore-tlog=true --allow-insecure-registry",
        "PUSH_OPTIONS": "--tls-verify=false", "SYFT": tool("syft"), "TAG": TAG,
    }  # fmt: skip


def test_what_we_did_not_sign_is_not_deployed(
    machine: Machine, registry: str, proxy_image: str, signing: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "deploy"
    shutil.copytree(DEPLOY, folder, ignore=shutil.ignore_patterns("locks", "secrets", "history"))

    def published(commit: str, **more: str) -> str:
        environment = {**signing, "REGISTRY": registry, "COMMIT": commit, **more}
        return machine.run("deploy/images/publish.sh", "proxy", environment=environment).stdout.split()[-1]

    def verified(release: str, image: str) -> subprocess.CompletedProcess:
        images = [f"{name}={image}" for name in ("service", "pipeline", "postgres", "proxy")]
        subprocess.run([folder / "promote.py", release, *images], check=True)
        return machine.run(str(folder / "images/verify.sh"), release, environment=signing, check=False)

    ours = published("abc123")
    good = verified("v1", ours)
    assert good.returncode == 0 and good.stdout.count(f"signed by us: {ours}") == 4, good.stderr

    # somebody's own image under our name and our tag: the digest is another one, and nobody signed it
    work = machine.run("buildah", "from", proxy_image).stdout.strip()
    machine.run("buildah", "config", "--label", "changed=yes", work)
    machine.run("buildah", "commit", "--quiet", "--format", "docker", "--rm", work, "localhost/buddies-proxy:tampered")
    theirs = published("abc123", TAG="tampered", SIGN="no")
    machine.podman("rmi", "localhost/buddies-proxy:tampered")
    assert theirs.partition("@")[2] != ours.partition("@")[2]
    bad = verified("v2", theirs)
    assert bad.returncode == 1 and bad.stderr.startswith(f"error: {theirs}: verify: "), bad.stderr

    # ours, but signed with another key
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["cosign", "generate-key-pair"], cwd=other, env=signing, check=True, capture_output=True)
    signing["COSIGN_PUBLIC_KEY"] = str(other / "cosign.pub")
    assert verified("v3", ours).returncode == 1
