"""Tests of `deploy/`: run by `make test-deploy` alone, since they build images and start containers.

At the end each row of what is claimed is said to be proven, failed, or skipped and why.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.machine import Machine, image, machine_or_skip

if os.environ.get("BUDDIES_TEST_DEPLOY") != "1":
    collect_ignore_glob = ["test_*.py"]

_rows: dict[str, list[tuple[str, str]]] = defaultdict(list)
_took: dict[str, float] = defaultdict(float)
_used: list[float] = []
# What containers used, as the kernel counts it: control groups of version 1 (nanoseconds), and of version 2.
_COUNTERS = (
    (Path("/sys/fs/cgroup/cpuacct/libpod_parent/cpuacct.usage"), 1e-9),
    (Path("/sys/fs/cgroup/libpod_parent/cpu.stat"), 1e-6),
)


def seconds_of_processes() -> float:
    """Of a processor: what this process, and what it started and waited for, used so far."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def seconds_of_containers() -> float:
    """Of a processor: what all containers used so far; 0 where the kernel does not count it."""
    for path, unit in _COUNTERS:
        if path.exists():
            counted = path.read_text().split()
            return unit * int(counted[counted.index("usage_usec") + 1 if "usage_usec" in counted else 0])
    return 0.0


_before = seconds_of_containers()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    item.user_properties.append(("began", (time.monotonic(), seconds_of_processes())))
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    report = outcome.get_result()
    row = getattr(getattr(item, "module", None), "ROW", None)
    began, used = dict(item.user_properties)["began"]
    report.user_properties = [("row", row), ("cost", (time.monotonic() - began, seconds_of_processes() - used))]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Takes down what a test said of its row, whichever process ran it."""
    told = dict(report.user_properties)
    if (row := told.get("row")) is None:
        return
    if report.when == "teardown":
        took, used = told["cost"]
        _took[row] += took
        _used.append(used)
    if report.when == "call" or report.outcome != "passed":
        why = report.longrepr[2] if report.skipped and isinstance(report.longrepr, (tuple, list)) else ""
        _rows[row].append((report.outcome, why.removeprefix("Skipped: ")))


def pytest_terminal_summary(terminalreporter) -> None:
    """Says of each row where it stands."""
    if not _rows:
        return
    terminalreporter.section("what is proven")
    for row, outcomes in _rows.items():
        cost = f"{_took[row]:.0f} s"
        skips = sorted({why for outcome, why in outcomes if outcome == "skipped"})
        passed = sum(outcome == "passed" for outcome, _ in outcomes)
        if any(outcome == "failed" for outcome, _ in outcomes):
            terminalreporter.write_line(f"FAILED                 {row} ({cost})")
        elif skips and not passed:
            terminalreporter.write_line(f"skipped, because       {row}: {'; '.join(skips)}")
        elif skips:
            terminalreporter.write_line(
                f"proven in part         {row}: {passed} tests ({cost}); skipped, because {'; '.join(skips)}"
            )
        else:
            terminalreporter.write_line(f"proven                 {row}: {passed} tests ({cost})")
    used = sum(_used) + seconds_of_containers() - _before
    load = os.getloadavg()[0]
    terminalreporter.write_line(
        f"altogether {sum(_took.values()):.0f} s of tests, {used:.0f} s of processors, at a load of {load:.0f}"
    )


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where a machine is known to be able (BUDDIES_DEPLOY_STRICT=1), a skip is a failure, but of the control plane."""
    strict = os.environ.get("BUDDIES_DEPLOY_STRICT") == "1"
    skipped = {row for row, outcomes in _rows.items() if any(outcome == "skipped" for outcome, _ in outcomes)}
    if strict and exitstatus == 0 and skipped - {"rollout on a real control plane"}:
        session.exitstatus = 1


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A machine with containers; what the run started is removed at its end."""
    found = machine_or_skip()
    yield found
    found.clean()


@pytest.fixture(scope="session")
def service_image(machine: Machine) -> str:
    """The service's image."""
    return image(machine, "service")


@pytest.fixture(scope="session")
def pipeline_image(machine: Machine) -> str:
    """The pipeline's image."""
    return image(machine, "pipeline")


@pytest.fixture(scope="session")
def postgres_image(machine: Machine) -> str:
    """PostgreSQL's image."""
    return image(machine, "postgres")


@pytest.fixture(scope="session")
def proxy_image(machine: Machine) -> str:
    """The proxy's image."""
    return image(machine, "proxy")


@pytest.fixture(scope="session")
def secrets_folder(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Secrets made by the script that the stack uses, at random."""
    folder = tmp_path_factory.mktemp("secrets")
    machine.run("deploy/compose/secrets.sh", str(folder))
    return folder


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a served model of 5,000 listeners."""
    from benchmarks.served_world import ServedWorld

    home = tmp_path_factory.mktemp("home")
    ServedWorld.at("small").write(home / "served_model")
    for path in [home, *home.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for folder in home.parents:
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/pytest"):
            folder.chmod(folder.stat().st_mode | 0o011)
    return home


@pytest.fixture(scope="session")
def postgres(machine: Machine, postgres_image: str, secrets_folder: Path) -> str:
    """A running PostgreSQL; its address inside the network."""
    password = secrets_folder / "secrets/postgres-password"
    start_postgres(machine, postgres_image, password, "postgres")
    return f"postgresql://buddies:{password.read_text()}@postgres:5432/buddies"


def start_postgres(machine: Machine, name: str, password: Path, alias: str) -> str:
    """Starts a PostgreSQL and waits for it."""
    from tests.deploy.machine import until

    mounted = ("--volume", f"{password}:/run/secrets/postgres-password:ro", "--memory", "512m", "--shm-size", "64m")
    full = machine.start(alias, name, "--volume", f"{machine.run_name}-{alias}:/var/lib/postgresql", *mounted)
    until(lambda: machine.run("podman", "healthcheck", "run", full, check=False).returncode == 0, "PostgreSQL", 90)
    return full
