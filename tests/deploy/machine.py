"""A machine with containers, as the tests of `deploy/` drive it: podman, buildah, and images cached by content.

Everything lies under one folder (BUDDIES_DEPLOY_CACHE), which outlives a run; containers and networks of a run are
named after it and go with it. What a machine cannot do is found out here, by trying, and said as the reason of a skip.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from buddies_core.storage.durable import write_durably

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CACHE = Path(os.environ.get("BUDDIES_DEPLOY_CACHE", "~/.cache/spotify-buddies-deploy")).expanduser()
TOOLS = Path(os.environ.get("BUDDIES_DEPLOY_TOOLS", ROOT / ".venv-deploy" / "bin"))
BASE = "docker.io/library/debian:trixie-slim"
NEEDED = ("podman", "buildah", "runc", "mmdebstrap")
TAG = "under-test"
MADE_OF = "buddies.made-of"
REGISTRY_LACKS = (
    "No matching distribution found",
    "Unable to locate package",
    "Could not resolve host",
    "Temporary failure",
    "Connection refused",
    "Network is unreachable",
)

_CONTAINERS = """[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{cache}/graph"\nrunroot = "{cache}/run"\n'


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time: what outlives a run is made under it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """What a condition gave once it was true; fails when that takes longer."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"no {what} within {seconds:g} s"
        time.sleep(0.3)


def tool(name: str) -> str:
    """The path of a tool of deploy/tools.txt; the test is skipped where it is not installed."""
    path = TOOLS / name
    if not path.exists():
        pytest.skip(f"{name} is not installed: `make deploy-tools` installs deploy/tools.txt")
    return str(path)


class Machine:
    """Containers of one run of the tests."""

    def __init__(self) -> None:
        CACHE.mkdir(parents=True, exist_ok=True)
        import resource

        files = min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        written = {"containers.conf": _CONTAINERS.format(files=files, processes=32_768)}
        written["storage.conf"] = _STORAGE.format(cache=CACHE)
        for name, text in written.items():
            write_durably(CACHE / name, text.encode())
        settings = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        self.environment = {**os.environ, **{name: str(CACHE / file) for name, file in settings.items()}}
        run = os.environ.get("BUDDIES_DEPLOY_RUN", f"buddies-test-{secrets.token_hex(4)}")
        self.run_name = "-".join(filter(None, [run, os.environ.get("PYTEST_XDIST_WORKER")]))
        self.network = self.run_name

    def run(self, *command: str, check: bool = True, seconds: float = 900, **more: Any) -> subprocess.CompletedProcess:
        """A command with the run's containers in its environment; its output is text."""
        environment = {**self.environment, **more.pop("environment", {})}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=seconds, cwd=ROOT, check=False, **more
        )
        assert not check or done.returncode == 0, (
            f"{' '.join(command[:6])} …: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
        return done

    def podman(self, *arguments: str, **more: Any) -> str:
        """What podman printed."""
        return self.run("podman", *arguments, **more).stdout.strip()

    def start(self, name: str, image: str, *options: str, command: tuple[str, ...] = ()) -> str:
        """Starts a container as production does: read-only, without capabilities, limited. Its full name."""
        hard = ("--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
        full = f"{self.run_name}-{name}"
        named = ("--name", full, "--network", self.network, "--network-alias", name)
        self.podman("run", "--detach", *named, *hard, *options, image, *command)
        return full

    def sql(self, url: str, query: str, server: str = "postgres") -> str:
        """What a query gives, asked inside the container of a server."""
        inside = url.replace(f"@{server}:", "@127.0.0.1:")
        return self.podman("exec", f"{self.run_name}-{server}", "psql", "-XAtq", inside, "-c", query)

    def remove(self, *names: str) -> None:
        """Removes containers, whatever they do."""
        self.podman("rm", "--force", "--time", "1", "--volumes", *names, check=False)

    def clean(self) -> None:
        """Removes what the run made, but the images."""
        listed = self.podman("ps", "--all", "--format", "{{.Names}}", check=False).split()
        if mine := [name for name in listed if name.startswith(self.run_name)]:
            self.remove(*mine)
        self.podman("network", "rm", "--force", self.network, check=False)
        # layers that no build of the last week used
        self.podman("image", "prune", "--force", "--filter", "until=168h", check=False)
        volumes = self.podman("volume", "ls", "--format", "{{.Name}}", check=False).split()
        for name in volumes:
            if name.startswith(self.run_name):
                self.podman("volume", "rm", "--force", name, check=False)


def machine_or_skip() -> Machine:
    """A machine that runs containers, with the base image; skips with the reason where this one cannot."""
    if os.geteuid() != 0:
        pytest.skip("this machine: containers with networks need root here")
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"this machine: not installed: {', '.join(missing)} (deploy/test-machine.sh installs them)")
    machine = Machine()
    ensure_base(machine)
    tried = machine.run("podman", "run", "--rm", "--network", "none", BASE, "true", check=False)
    if tried.returncode:
        pytest.skip(f"this machine: a container does not start: {tried.stderr.strip().splitlines()[-1]}")
    made = machine.run("podman", "network", "create", machine.network, check=False)
    if made.returncode:
        pytest.skip(f"this machine: no network of containers: {made.stderr.strip().splitlines()[-1]}")
    return machine


@alone()
def ensure_base(machine: Machine, suite: str = "trixie") -> None:
    """Debian's own image where there is none: a debootstrap under the same name, so one Containerfile will do."""
    base = BASE.replace("trixie", suite)
    if machine.run("podman", "image", "exists", base, check=False).returncode == 0:
        return
    tar = CACHE / f"{suite}-slim.tar"
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]
    made = machine.run(
        "mmdebstrap", "--variant=minbase", "--include=ca-certificates", *left_out,
        "--dpkgopt=path-include=/usr/share/doc/*/copyright", suite, str(tar),
        os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian"), check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"this machine: no base image: {made.stderr.strip().splitlines()[-1]}")
    machine.podman("import", "--change", 'CMD ["bash"]', str(tar), base)
    tar.unlink()


def made_of(machine: Machine, name: str, settings: dict[str, str]) -> str:
    """A digest of what an image is made of: its Containerfile, all that this copies, the base and the settings."""
    base = BASE.replace("trixie", settings.get("SUITE", "trixie"))
    digest = hashlib.sha256(machine.podman("image", "inspect", "--format", "{{.Id}}", base).encode())
    digest.update(json.dumps(settings, sort_keys=True).encode())
    containerfile = DEPLOY / f"images/{name}.Containerfile"
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", containerfile.read_text(), re.M)
    places = " ".join(copied).replace("$LOCK", settings.get("LOCK", name)).split()
    found = [file for place in places for file in (ROOT / place, *(ROOT / place).rglob("*")) if file.is_file()]
    build = (containerfile, DEPLOY / "images/build.sh", DEPLOY / "images/.containerignore")
    for file in sorted({*build, *(file for file in found if file.suffix != ".pyc")}):
        digest.update(f"{file.relative_to(ROOT)} {file.stat().st_mode & 0o111} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


@alone()
def image(machine: Machine, name: str, **settings: str) -> str:
    """One of our images, built by the script that releases use, unless it was made of the same already.

    `settings` are for that script. Wheels of torch for processors are looked for in TORCH_WHEELS, a folder or a page.
    """
    tag = "-".join([TAG, *filter(None, [settings.get("LOCK")])])
    made = f"localhost/buddies-{name}:{tag}"
    digest = made_of(machine, name, settings)
    there = machine.run(
        "podman", "image", "inspect", "--format", f'{{{{index .Labels "{MADE_OF}"}}}}', made, check=False
    )
    if there.returncode == 0 and there.stdout.strip() == digest:
        return made
    environment = {"TAG": tag, "COMMIT": "0" * 40, "BUILD_OPTIONS": f"--label {MADE_OF}={digest}", **settings}
    wheels = os.environ.get("TORCH_WHEELS", "https://download.pytorch.org/whl/torch/") if "LOCK" in settings else ""
    if wheels and Path(wheels).is_dir():
        environment["BUILD_OPTIONS"] += f" --volume {wheels}:{wheels}:ro"
    authority = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    if authority.exists():
        settled = f"[global]\ncert = /run/secrets/ca.crt\n{f'find-links = {wheels}' if wheels else ''}\n"
        (CACHE / "pip.conf").write_text(settled, encoding="utf-8")
        environment |= {"PIP_CONF": str(CACHE / "pip.conf"), "CA": str(authority)}
    built = machine.run("deploy/images/build.sh", name, seconds=2_400, environment=environment, check=False)
    if built.returncode:
        said = built.stdout + built.stderr
        away = next((words for words in REGISTRY_LACKS if words in said), None)
        if away is not None:
            pytest.skip(f"this machine: its package registry lacks what the {name} image needs ({away})")
        raise AssertionError(f"build.sh {name}: {said[-4000:]}")
    return made


def inspected(machine: Machine, name: str) -> dict[str, Any]:
    """What podman says of an image."""
    return json.loads(machine.podman("image", "inspect", name))[0]
