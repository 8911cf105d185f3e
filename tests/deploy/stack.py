"""The stack of deploy/compose under a project of its own, as its tests drive it."""

import shutil
import subprocess
import threading
import time
from pathlib import Path

import httpx

from buddies_core.http.ports import free_port
from tests.deploy.machine import DEPLOY, TAG, Machine

WORLD = {"BUDDIES_SYNTHETIC_USERS": "400", "BUDDIES_SYNTHETIC_PLAYLISTS": "4000", "BUDDIES_SEARCH_TRIALS": "0"}


class Stack:
    """A copy of deploy/compose under a project of its own."""

    def __init__(self, machine: Machine, folder: Path, compose: Path) -> None:
        self.machine = machine
        self.folder = folder / "compose"
        shutil.copytree(DEPLOY / "compose", self.folder, ignore=shutil.ignore_patterns("secrets", ".env"))
        self.ports = {name: free_port() for name in ("API", "DASHBOARD", "DAGSTER", "MLFLOW")}
        self.socket = folder / "podman.sock"
        images = {
            name.upper(): f"localhost/buddies-{name}:{TAG}" for name in ("service", "pipeline", "postgres", "proxy")
        }
        self.environment = {
            **machine.environment, **WORLD, "COMPOSE": str(compose), "DOCKER_HOST": f"unix://{self.socket}",
            "COMPOSE_PROJECT_NAME": machine.run_name, "WAIT": "600",
            **{f"{name}_IMAGE": image for name, image in images.items()},
            **{f"{name}_PORT": str(port) for name, port in self.ports.items()},
        }  # fmt: skip
        self._over = threading.Event()

    def compose(self, *arguments: str, check: bool = True) -> str:
        command = [self.environment["COMPOSE"], *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
        return done.stdout

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess:
        """One of the scripts of deploy/compose."""
        command = [self.folder / name, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def up(self, *names: str) -> None:
        done = self.script("up.sh", *names)
        assert done.returncode == 0, done.stderr[-3_000:] + self.compose("logs", "--tail", "20", check=False)[-6_000:]

    def sql(self, query: str) -> str:
        url = f"postgresql://buddies:{self.secret('postgres-password')}@127.0.0.1/buddies"
        return self.compose("exec", "-T", "postgres", "psql", "-XAtq", url, "-c", query).strip()

    def client(self) -> httpx.Client:
        """Somebody with the key that asks and likes, before the proxy."""
        key = {"x-api-key": self.secret("key-recommend")}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.ports['API']}", headers=key, timeout=20)

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text()

    def look_after_health(self) -> None:
        """What systemd's timers do elsewhere: asks each container's health, those that are well more seldom."""
        asked: dict[str, float] = {}
        mine = ("--filter", f"label=com.docker.compose.project={self.machine.run_name}")
        listed = ("ps", *mine, "--format", "{{.Names}} {{.Status}}")
        while not self._over.wait(1.0):
            for line in self.machine.podman(*listed, check=False).splitlines():
                name, now = line.split()[0], time.monotonic()
                is_due = "(healthy)" not in line or now - asked.get(name, 0.0) > 10
                # one without a check shows no state
                if "(" in line and is_due:
                    asked[name] = now
                    self.machine.run("podman", "healthcheck", "run", name, check=False)

    def over(self) -> None:
        self._over.set()
