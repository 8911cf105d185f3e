"""Replacement of the service behind HAProxy while it is used: no request fails, no feedback is lost, a bad one goes."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from buddies_core.http.ports import free_port
from tests.deploy.machine import DEPLOY, Machine, until

ROW = "replacement and rollback under load: no request fails, no acknowledged feedback is lost"


class Crowd:
    """Listeners who ask and like, with hardly a pause, and remember every answer."""

    def __init__(self, url: str, key: str, pause: float = 0.01) -> None:
        self._url, self._key, self._pause = url, key, pause
        self._over = threading.Event()
        self.failures: list[str] = []
        self.answered = 0
        self.liked: set[tuple[int, int]] = set()
        self._threads = [threading.Thread(target=self._go, args=(place,), daemon=True) for place in range(4)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _go(self, place: int) -> None:
        user = place * 1_000
        with httpx.Client(base_url=self._url, headers={"x-api-key": self._key}, timeout=20) as client:
            while not self._over.is_set():
                user += 1
                try:
                    answer = client.post("/api/playlist/recommend/", json={"user_ids": [user % 5_000]})
                    if answer.status_code == 200 and user % 7 == 0:
                        first, *others = dict.fromkeys(answer.json()[0]["playlists"])
                        body = {"user_id": user % 5_000, "like_playlist": first, "other_playlists": others}
                        answer = client.post("/feedback", json=body)
                        if answer.status_code == 200:
                            self.liked.add((user % 5_000, first))
                    self.answered += 1
                    if answer.status_code != 200:
                        self.failures.append(f"{answer.status_code} {answer.text[:200]}")
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                time.sleep(self._pause)


@pytest.fixture
def front(
    machine: Machine, service_image: str, postgres: str, served: Path, secrets_folder: Path, tmp_path: Path
) -> Iterator:
    """(address, socket, command that starts a colour, names) of HAProxy before a blue service."""
    if shutil.which("haproxy") is None:
        pytest.skip("this machine: haproxy is not installed (deploy/test-machine.sh installs it)")
    ports = {"blue": free_port(), "green": free_port()}
    public, folder = free_port(), secrets_folder / "secrets"
    text = (DEPLOY / "proxy/haproxy.cfg").read_text().replace("bind :8080", f"bind 127.0.0.1:{public}")
    text = text.replace("log stdout format raw local0 info", "log stdout format raw local0 notice")
    for old in ("8081", "8082", "8083"):
        text = text.replace(f"bind :{old}", f"bind 127.0.0.1:{free_port()}")
    (tmp_path / "haproxy.cfg").write_text(text)
    socket = tmp_path / "haproxy.sock"
    environment = {"HAPROXY_SOCKET": str(socket), "OPS_PASSWORD_HASH": "$5$a$b", "PATH": "/usr/sbin:/usr/bin:/bin"}
    environment |= {colour.upper(): f"127.0.0.1:{port}" for colour, port in ports.items()}
    environment |= dict.fromkeys(("DASHBOARD", "DAGSTER", "MLFLOW"), "127.0.0.1:1")

    def options(colour: str) -> list[str]:
        mounted = [f"--volume={folder}/keys:/run/keys:ro"]
        return [
            f"--publish=127.0.0.1:{ports[colour]}:8000", f"--volume={served}:/var/lib/buddies:ro", *mounted,
            f"--volume={machine.run_name}-spool-{colour}:/var/spool/buddies", "--env=BUDDIES_STOP_SECONDS=3",
            f"--env=BUDDIES_POSTGRES_URL={postgres}",
            "--env=BUDDIES_RATE_LIMIT=100000", "--env=BUDDIES_RATE_BURST=100000",
        ]  # fmt: skip

    def start_command(image: str) -> str:
        script = tmp_path / f"start-{abs(hash(image))}.sh"
        lines = ["#!/bin/sh", "set -e"]
        for colour in ports:
            hard = "--read-only --tmpfs /tmp:mode=1777 --cap-drop ALL --security-opt no-new-privileges"
            name = f"{machine.run_name}-{colour}"
            named = f"--replace --name {name} --network {machine.network}"
            run = f"podman run --detach {named} {hard} {' '.join(options(colour))} {image}"
            lines.append(f'[ "$1" != {colour} ] || {run}')
        script.write_text("\n".join([*lines, "exit 0", ""]))
        script.chmod(0o755)
        return f"{script} {{colour}}"

    machine.run(*start_command(service_image).replace("{colour}", "blue").split())
    proxy = subprocess.Popen(["haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg")], env=environment)
    with httpx.Client(base_url=f"http://127.0.0.1:{public}", timeout=10) as client:
        until(lambda: answers(client), "service behind the proxy", 90)
    yield f"http://127.0.0.1:{public}", socket, start_command
    proxy.terminate()
    proxy.wait(10)
    machine.remove(*(f"{machine.run_name}-{colour}" for colour in ports))


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def replace(machine: Machine, socket: Path, start: str, *more: str) -> subprocess.CompletedProcess:
    stop = f"podman stop --time 20 {machine.run_name}-{{colour}}"
    short = ("--ready", "60", "--trial", "6", "--fewest", "5")
    command = [sys.executable, str(DEPLOY / "replace.py"), "--socket", str(socket), "--start", start, "--stop", stop]
    return machine.run(*command, *short, *more, check=False)


def test_replacement_and_taking_back_cost_no_listener_anything(
    machine: Machine, front, service_image: str, postgres: str, secrets_folder: Path
) -> None:
    address, socket, start_command = front
    key = (secrets_folder / "secrets/key-recommend").read_text()
    with Crowd(address, key) as crowd:
        time.sleep(1)
        replaced = replace(machine, socket, start_command(service_image))
        assert replaced.returncode == 0, replaced.stderr
        assert "green has all callers" in replaced.stdout
        # one that never becomes ready: its key file is no key file
        broken = replace(machine, socket, start_command("localhost/buddies-none:missing"), "--ready", "5")
        assert broken.returncode == 1 and "taken back: blue" in broken.stderr, broken.stderr
        again = replace(machine, socket, start_command(service_image))
        assert again.returncode == 0 and "blue has all callers" in again.stdout, again.stderr
        too_few = replace(machine, socket, start_command(service_image), "--fewest", "1000000")
        assert too_few.returncode == 1 and "too few to tell" in too_few.stderr
        time.sleep(1)
    assert crowd.failures == []
    assert crowd.answered > 300 and len(crowd.liked) > 20
    stored = machine.sql(postgres, "SELECT user_id, liked FROM feedback.sessions").splitlines()
    missing = {f"{user}|{pid}" for user, pid in crowd.liked} - set(stored)
    assert not missing
