"""Programs of Debian 13 on an older Debian: their packages are fetched by a second apt and unpacked, not installed."""

import subprocess
from pathlib import Path

import pytest

from tests.deploy.machine import CACHE, alone

_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MIRROR = "http://deb.debian.org/debian"


@alone()
def unpacked(package: str) -> Path:
    """The folder of an unpacked package; the test is skipped where none can be had."""
    target = CACHE / "trixie" / package
    if (target / "usr").is_dir():
        return target
    if not Path(_KEYS).exists():
        pytest.skip("this machine: not Debian, so no package of Debian 13 can be checked")
    apt = CACHE / "trixie-apt"
    for folder in ("lists/partial", "archives/partial", "packages"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / "sources.list").write_text(f"deb [signed-by={_KEYS}] {_MIRROR} trixie main\n", encoding="utf-8")
    options = [
        f"-o=Dir::Etc::sourcelist={apt}/sources.list", "-o=Dir::Etc::sourceparts=-",
        f"-o=Dir::State::lists={apt}/lists", "-o=Dir::State::status=/dev/null",
        f"-o=Dir::Cache={apt}", f"-o=Dir::Cache::archives={apt}/archives", "-o=APT::Sandbox::User=root",
    ]  # fmt: skip
    for command in (["update", "-qq"], ["download", package]):
        done = subprocess.run(
            ["apt-get", *options, *command], cwd=apt / "packages", capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"this machine: {package} of Debian 13 cannot be had: {done.stderr.strip().splitlines()[-1]}")
    (archive,) = (apt / "packages").glob(f"{package}_*.deb")
    target.parent.mkdir(exist_ok=True)
    subprocess.run(["dpkg", "-x", archive, target], check=True)
    return target
