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
from tests.deploy.registry import registry_at
from tests.deploy.test_replacement import Crowd, answers
from tests.deploy.vm import VirtualMachine

ROW = "one machine by Ansible: set up, nothing changed the second time, replaced, taken back, restarted, restored"
PATIENCE = 240
"""Seconds for what is there in a few on a quiet machine: two busy cores start nine containers at once."""

QUICK = {"ready": 120, "trial": 6, "fewest": 5}
HASTY = QUICK | {"ready": 8}
_REGISTRIES = "/etc/containers/registries.conf.d/tests.conf"


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


def changed(done: subprocess.CompletedProcess) -> list[str]:
    """Names of the tasks that changed something."""
    tasks = done.stdout.split("TASK [")[1:]
    return [task.split("]")[0] for task in tasks if "\nchanged: " in task]


def running(vm: VirtualMachine) -> set[str]:
    """The containers that run."""
    return set(vm.run("podman", "ps", "--no-trunc", "--format", "{{.ID}}").stdout.split())


def images(service: str) -> dict[str, str]:
    """A release of which the service alone is new."""
    others = {name: f"localhost/buddies-{name}:{TAG}" for name in ("pipeline", "postgres", "proxy")}
    return others | {"service": service}


@pytest.fixture(scope="module")
def next_service(vm: VirtualMachine, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The next service in a registry that the machine reaches, by its digest."""
    folder = tmp_path_factory.mktemp("registry")
    gateway = machine.podman("network", "inspect", machine.network, "--format", "{{range .Subnets}}{{.Gateway}}{{end}}")
    with registry_at(gateway, folder) as address:
        name, digest = f"{address}/buddies-service", folder / "digest"
        pushed = ("localhost/buddies-service:next", f"{name}:next")
        machine.podman("push", "--quiet", "--tls-verify=false", "--digestfile", str(digest), *pushed)
        insecure = f'[[registry]]\nlocation = "{address}"\ninsecure = true\n'
        vm.run("sh", "-c", f"mkdir -p /etc/containers/registries.conf.d && printf '{insecure}' >{_REGISTRIES}")
        yield f"{name}@{digest.read_text()}"


def test_a_release_without_digests_is_refused(vm: VirtualMachine) -> None:
    done = vm.play("site.yml", tags_allowed=False)
    assert done.returncode == 2 and "by their digests" in done.stdout


def test_a_machine_is_set_up(vm: VirtualMachine) -> None:
    done = vm.play("site.yml")
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    # no model yet: it is alive, and not for callers
    alive = ("curl", "--silent", "--fail", "http://127.0.0.1:18010/health/live")
    until(lambda: vm.run(*alive, check=False).returncode == 0, "live service", PATIENCE)
    assert httpx.get(f"http://127.0.0.1:{vm.ports['api']}/health/ready", timeout=20).status_code == 503
    states = vm.run("systemctl", "show", "--property=ActiveState", "--value", *units(vm)).stdout.split()
    assert set(states) == {"active"} and len(states) == 8


def units(vm: VirtualMachine) -> list[str]:
    colour = vm.run("cat", "/etc/buddies/colour").stdout.strip()
    servers = ("postgres", "code", "webserver", "daemon", "dashboard", "mlflow", "proxy")
    return [f"buddies-{name}.service" for name in (*servers, f"service-{colour}")]


def test_nothing_changes_the_second_time(vm: VirtualMachine) -> None:
    done = vm.play("site.yml")
    assert done.returncode == 0 and recap(done)["changed"] == 0, done.stdout[-4_000:]


def test_a_trial_says_what_a_release_would_change_and_changes_nothing(vm: VirtualMachine) -> None:
    before = running(vm)
    new = images("localhost/buddies-service:next")
    done = vm.play("site.yml", "--check", "--diff", images=new)
    assert done.returncode == 0 and recap(done)["changed"] == 1, done.stdout[-4_000:]
    assert changed(done) == ["proxy : The service would be replaced"]
    assert running(vm) == before


def test_programs_that_were_written_are_clean(vm: VirtualMachine, tmp_path: Path) -> None:
    for name in ("buddies-colour", "buddies-keys", "buddies-new-password", "buddies-restore-all"):
        (tmp_path / name).write_text(vm.run("cat", f"/usr/local/sbin/{name}").stdout)
    command = [tool("shellcheck"), *sorted(tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_pages_ask_for_a_password_and_nothing_else_listens(vm: VirtualMachine) -> None:
    address = f"http://127.0.0.1:{vm.ports['dashboard']}/healthz"
    password = vm.run("cat", "/etc/buddies/secrets/operator-password").stdout
    until(lambda: ok(address, password), "dashboard behind its password", PATIENCE)
    assert httpx.get(address, timeout=10).status_code == 401
    listening = vm.run("podman", "ps", "--format", "{{.Ports}}").stdout
    beyond = {port.split("->")[0] for line in listening.splitlines() for port in line.split(", ") if "0.0.0.0" in port}
    assert beyond == {"0.0.0.0:18000-18003"}
    # 0100007F is 127.0.0.1, read backwards; the bridge of the containers (10.89.…) has their name server.
    sockets = [line.split() for line in vm.run("cat", "/proc/net/tcp", "/proc/net/tcp6").stdout.splitlines()]
    open_ = {fields[1] for fields in sockets if len(fields) > 3 and fields[3] == "0A"}
    inside = ("0100007F:", f"{'0' * 24}01000000:")
    ports = {int(one.split(":")[1], 16) for one in open_ if not one.startswith(inside) and one[4:8] != "590A"}
    assert ports <= {22, 18_000, 18_001, 18_002, 18_003}, open_
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
        until(lambda: answers(client), "ready service behind the proxy", PATIENCE)
    return address


def test_a_new_release_takes_over_and_a_bad_one_is_taken_back_under_load(
    vm: VirtualMachine, with_model: str, next_service: str
) -> None:
    key = vm.run("cat", "/etc/buddies/secrets/key-recommend").stdout
    with Crowd(with_model, key, pause=0.05) as crowd:
        replaced = vm.play("site.yml", images=images(next_service), replacement=QUICK)
        assert replaced.returncode == 0, replaced.stdout[-4_000:]
        assert vm.run("cat", "/etc/buddies/colour").stdout.strip() == "green"
        broken = vm.play("site.yml", images=images("localhost/buddies-service:broken"), replacement=HASTY)
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
    until(lambda: liked_by(crowd) <= stored(vm), "feedback stored", PATIENCE)
    vm.run("/usr/local/sbin/buddies-keys", "revoke", "recommend")
    until(lambda: accepted(with_model, key) == 401, "refusal of a key that was taken away", PATIENCE)


def accepted(address: str, key: str) -> int:
    """What a caller with a key is told."""
    wanted = {"json": {"user_ids": [3]}, "headers": {"x-api-key": key}, "timeout": 20}
    return httpx.post(f"{address}/api/playlist/recommend/", **wanted).status_code


def liked_by(crowd: Crowd) -> set[str]:
    """What was said by a crowd and acknowledged, as rows of the database."""
    return {f"{user}|{pid}" for user, pid in crowd.liked}


def stored(vm: VirtualMachine) -> set[str]:
    return set(asked(vm, "SELECT user_id, liked FROM feedback.sessions"))


def asked(vm: VirtualMachine, query: str) -> list[str]:
    """Rows of the database."""
    access = ("--env-file", "/etc/buddies/admin.env", "--env", "PGHOST=127.0.0.1")
    command = ("podman", "exec", *access, "buddies-postgres", "psql", "-XAtq", "-d", "buddies", "-c", query)
    return vm.run(*command).stdout.split()


def test_what_dies_comes_back_and_so_does_the_machine(vm: VirtualMachine, with_model: str) -> None:
    vm.run("podman", "kill", "buddies-service-blue")
    with httpx.Client(base_url=with_model, timeout=10) as client:
        until(lambda: answers(client), "service after it was killed", PATIENCE)
    vm.restart()
    with httpx.Client(base_url=with_model, timeout=10) as client:
        until(lambda: answers(client), "service after the machine was switched off and on", PATIENCE)
    assert vm.run("cat", "/etc/buddies/colour").stdout.strip() == "blue"


def test_prometheus_sees_the_colour_that_has_the_callers(vm: VirtualMachine, with_model: str) -> None:
    def told(what: str) -> dict:
        said = vm.run("curl", "-s", f"http://127.0.0.1:9090/api/v1/{what}", check=False).stdout
        return json.loads(said or "{}").get("data", {})

    def scraped() -> bool:
        # not by the metric `up`: of what was scraped before a restart it tells for five minutes more
        targets = [(one["scrapeUrl"], one["health"]) for one in told("targets").get("activeTargets", [])]
        return targets == [("http://127.0.0.1:18010/metrics", "up")]

    until(scraped, "scraped service", PATIENCE)
    rules = {rule["name"] for group in told("rules")["groups"] for rule in group["rules"]}
    assert "ServiceDown" in rules, rules


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
        until(lambda: answers(client), "service after a restoration", PATIENCE)
    assert vm.run("systemctl", "is-active", "buddies-drill.timer").stdout.strip() == "active"


def test_new_passwords_are_taken_and_what_a_play_left_undone_the_next_one_does(
    vm: VirtualMachine, with_model: str
) -> None:
    # As after a play that was cut off: the unit is written, and what runs is of before.
    unit = "/etc/systemd/system/buddies-postgres.service"
    older = f"cp {unit} /tmp/unit && sed -i 's/buddies.unit=/buddies.unit=older-/' {unit} && systemctl daemon-reload"
    vm.run("sh", "-c", f"{older} && systemctl restart buddies-postgres && cp /tmp/unit {unit}")
    # As docs/operations.md has it for new passwords of the pages and of the database.
    before = vm.run("cat", "/etc/buddies/secrets/operator-password", "/etc/buddies/admin.env").stdout
    steps = "cd /etc/buddies && rm secrets/operator-password && sed -i '/^OPS_PASSWORD_HASH=/d' .env"
    vm.run("sh", "-c", f"{steps} && /usr/local/share/buddies/secrets.sh /etc/buddies")
    vm.run("/usr/local/sbin/buddies-new-password")
    done = vm.play("site.yml", replacement={"ready": 120, "trial": 1, "fewest": 0})
    assert done.returncode == 0, done.stdout[-4_000:]
    names = changed(done)
    servers = ("postgres", "code", "webserver", "daemon", "dashboard", "mlflow", "proxy")
    assert {f"stack : Runs as it is to be: {server}" for server in servers} <= set(names), names
    assert "proxy : A service that is not as it is to be is replaced, beside the one that runs" in names
    assert "stack : Unit: postgres" not in names
    address = f"http://127.0.0.1:{vm.ports['dashboard']}/healthz"
    after = vm.run("cat", "/etc/buddies/secrets/operator-password", "/etc/buddies/admin.env").stdout
    until(lambda: ok(address, after[:32]), "dashboard behind its new password", PATIENCE)
    assert httpx.get(address, auth=("operator", before[:32]), timeout=20).status_code == 401
    assert before.split("PGPASSWORD=")[1] != after.split("PGPASSWORD=")[1]
    assert asked(vm, "SELECT 1") == ["1"]
    # and the service stores by the new password what it is told by a new key
    key = vm.run("/usr/local/sbin/buddies-keys", "new", "late").stdout.split()[-1]
    until(lambda: accepted(with_model, key) == 200, "acceptance of a new key", PATIENCE)
    with Crowd(with_model, key, pause=0.05) as crowd:
        until(lambda: crowd.liked, "feedback", PATIENCE)
    assert crowd.failures == []
    until(lambda: liked_by(crowd) <= stored(vm), "feedback stored", PATIENCE)
