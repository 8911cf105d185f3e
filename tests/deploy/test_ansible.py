"""One machine by Ansible: set up, unchanged the second time, a bad release taken back, restarted, restored."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.machine import DEPLOY, TAG, Machine, tool, until
from tests.deploy.test_replacement import Crowd, answers
from tests.deploy.vm import VirtualMachine

ROW = "one machine by Ansible: set up, nothing changed the second time, replaced, taken back, restarted, restored"


def test_playbooks_lint() -> None:
    lint = tool("ansible-lint")
    environment = {"PATH": f"{Path(lint).parent}:/usr/bin:/bin", "HOME": "/tmp"}
    command = [lint, "--offline", "--nocolor", "--profile", "production", "."]
    done = subprocess.run(command, cwd=DEPLOY / "ansible", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def vm(
    machine: Machine, service_image, pipeline_image, postgres_image, proxy_image, tmp_path_factory
) -> Iterator[VirtualMachine]:
    for name, start in (("next", "true"), ("broken", "/bin/false")):
        made = f"localhost/buddies-service:{name}"
        work = machine.run("buildah", "from", service_image).stdout.strip()
        change = ["--label", f"test={name}"] if start == "true" else ["--entrypoint", f'["{start}"]']
        machine.run("buildah", "config", *change, work)
        machine.run("buildah", "commit", "--quiet", "--format", "docker", "--rm", work, made)
    yield VirtualMachine(machine, tmp_path_factory.mktemp("vm"))
    machine.podman("rmi", "localhost/buddies-service:next", "localhost/buddies-service:broken", check=False)


def recap(done: subprocess.CompletedProcess) -> dict[str, int]:
    assert "PLAY RECAP" in done.stdout, done.stdout[-3_000:] + done.stderr[-2_000:]
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", done.stdout.split("PLAY RECAP")[1])}


def images(service: str) -> dict[str, str]:
    named = {name: f"localhost/buddies-{name}:{TAG}" for name in ("pipeline", "postgres", "proxy")}
    return {**named, "service": f"localhost/buddies-service:{service}"}


def test_a_release_without_digests_is_refused(vm: VirtualMachine) -> None:
    done = vm.play("site.yml", tags_allowed=False)
    assert done.returncode == 2 and "by their digests" in done.stdout


def test_a_machine_is_set_up(vm: VirtualMachine) -> None:
    done = vm.play("site.yml")
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    with httpx.Client(base_url=f"http://127.0.0.1:{vm.ports['api']}", timeout=10) as client:
        # no model yet: it answers and says so
        until(lambda: live(client), "service behind the proxy", 60)
    states = vm.run("systemctl", "show", "--property=ActiveState", "--value", *units(vm)).stdout.split()
    assert set(states) == {"active"} and len(states) == 8


def live(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").status_code in (200, 503)
    except httpx.TransportError:
        return False


def units(vm: VirtualMachine) -> list[str]:
    colour = vm.run("cat", "/etc/buddies/colour").stdout.strip()
    servers = ("postgres", "code", "webserver", "daemon", "dashboard", "mlflow", "proxy")
    return [f"buddies-{name}.service" for name in (*servers, f"service-{colour}")]


def test_nothing_changes_the_second_time(vm: VirtualMachine) -> None:
    for options in ((), ("--check", "--diff")):
        done = vm.play("site.yml", *options)
        assert done.returncode == 0 and recap(done)["changed"] == 0, done.stdout[-4_000:]


def test_pages_ask_for_a_password_and_nothing_else_listens(vm: VirtualMachine) -> None:
    address = f"http://127.0.0.1:{vm.ports['dashboard']}/healthz"
    password = vm.run("cat", "/etc/buddies/secrets/operator-password").stdout
    until(lambda: ok(address, password), "dashboard behind its password", 90)
    assert httpx.get(address, timeout=10).status_code == 401
    listening = vm.run("podman", "ps", "--format", "{{.Ports}}").stdout
    beyond = {port.split("->")[0] for line in listening.splitlines() for port in line.split(", ") if "0.0.0.0" in port}
    assert beyond == {"0.0.0.0:18000-18003"}
    for path in ("/etc/buddies", "/etc/buddies/secrets"):
        assert vm.run("stat", "--format", "%a", path).stdout.strip() == "700"
    for name in ("database", "pipeline", "service", "proxy", "admin"):
        assert vm.run("stat", "--format", "%a", f"/etc/buddies/{name}.env").stdout.strip() == "600"


def ok(address: str, password: str) -> bool:
    try:
        return httpx.get(address, auth=("operator", password), timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def with_model(vm: VirtualMachine, machine: Machine, served: Path) -> str:
    """A served model, as if the graph had run; the address of the API."""
    place = vm.run("podman", "volume", "inspect", "buddies-home", "--format", "{{.Mountpoint}}").stdout.strip()
    machine.podman("cp", f"{served}/.", f"{vm.name}:{place}")
    vm.run("chown", "-R", "10001:10001", place)
    address = f"http://127.0.0.1:{vm.ports['api']}"
    with httpx.Client(base_url=address, timeout=10) as client:
        until(lambda: answers(client), "ready service behind the proxy", 90)
    return address


def test_a_new_release_takes_over_and_a_bad_one_is_taken_back_under_load(vm: VirtualMachine, with_model: str) -> None:
    key = vm.run("cat", "/etc/buddies/secrets/key-recommend").stdout
    quick = {"replacement": {"ready": 60, "trial": 6, "fewest": 5}}
    with Crowd(with_model, key) as crowd:
        replaced = vm.play("site.yml", images=images("next"), **quick)
        assert replaced.returncode == 0, replaced.stdout[-4_000:]
        assert vm.run("cat", "/etc/buddies/colour").stdout.strip() == "green"
        quick["replacement"]["ready"] = 8
        broken = vm.play("site.yml", images=images("broken"), **quick)
        assert broken.returncode == 2 and "taken back: blue" in broken.stdout, broken.stdout[-4_000:]
        assert "green has all callers" in broken.stdout
        assert vm.run("cat", "/etc/buddies/colour").stdout.strip() == "green"
        back = vm.play("rollback.yml")
        assert back.returncode == 0, back.stdout[-3_000:]
        assert vm.run("cat", "/etc/buddies/colour").stdout.strip() == "blue"
        time.sleep(1)
    assert crowd.failures == [], crowd.failures[:3]
    assert crowd.answered > 100
    # what the crowd liked on the way, in whichever colour, is stored
    liked = {f"{user}|{pid}" for user, pid in crowd.liked}
    until(lambda: liked <= set(asked(vm, "SELECT user_id, liked FROM feedback.sessions")), "feedback stored", 60)
    keys = ["env", "ENGINE=podman", "KEYS=/etc/buddies/secrets/keys", f"IMAGE=localhost/buddies-service:{TAG}",
            "ENGINE_OPTIONS=--cgroupns private", "/usr/local/share/buddies/keys.sh"]  # fmt: skip
    vm.run(*keys, "revoke", "recommend")
    url = f"{with_model}/api/playlist/recommend/"
    refused = {"json": {"user_ids": [3]}, "headers": {"x-api-key": key}, "timeout": 20}
    until(lambda: httpx.post(url, **refused).status_code == 401, "refusal of a key that was taken away", 60)


def asked(vm: VirtualMachine, query: str) -> list[str]:
    """Rows of the database."""
    access = ("--env-file", "/etc/buddies/admin.env", "--env", "PGHOST=127.0.0.1")
    command = ("podman", "exec", *access, "buddies-postgres", "psql", "-XAtq", "-d", "buddies", "-c", query)
    return vm.run(*command).stdout.split()


def test_what_dies_comes_back_and_so_does_the_machine(vm: VirtualMachine, with_model: str) -> None:
    vm.run("podman", "kill", "buddies-service-blue")
    with httpx.Client(base_url=with_model, timeout=10) as client:
        until(lambda: answers(client), "service after it was killed", 60)
    vm.restart()
    with httpx.Client(base_url=with_model, timeout=10) as client:
        until(lambda: answers(client), "service after the machine was switched off and on", 180)
    assert vm.run("cat", "/etc/buddies/colour").stdout.strip() == "blue"


def test_prometheus_sees_the_colour_that_has_the_callers(vm: VirtualMachine, with_model: str) -> None:
    asked = ["curl", "-s", "http://127.0.0.1:9090/api/v1/query?query=up"]

    def up() -> list[str]:
        found = json.loads(vm.run(*asked, check=False).stdout or "{}").get("data", {}).get("result", [])
        return [one["value"][1] for one in found]

    until(lambda: up() == ["1"], "scraped service", 90)


def test_a_dump_takes_the_place_of_the_databases_and_a_damaged_one_does_not(
    vm: VirtualMachine, with_model: str
) -> None:
    rows = "SELECT count(*) FROM feedback.sessions"
    before = asked(vm, rows)
    assert before != ["0"]
    vm.run("systemctl", "start", "buddies-dump.service")
    inside = ["podman", "exec", "buddies-postgres"]
    (dump,) = vm.run(*inside, "ls", "/backups").stdout.split()
    asked(vm, "DELETE FROM feedback.sessions")
    restored = vm.play("restore.yml", dump=dump)
    assert restored.returncode == 0, restored.stdout[-3_000:]
    assert asked(vm, rows) == before
    vm.run(*inside, "truncate", "--size", "1000", f"/backups/{dump}/buddies.dump")
    damaged = vm.play("restore.yml", dump=dump)
    assert damaged.returncode == 2 and "is not what was dumped" in damaged.stdout
    assert asked(vm, rows) == before
    with httpx.Client(base_url=with_model, timeout=10) as client:
        until(lambda: answers(client), "service after a restoration", 90)
    assert vm.run("systemctl", "is-active", "buddies-drill.timer").stdout.strip() == "active"
