"""The images: sizes, users, contents, and how a container of the service behaves."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from buddies_core.http.ports import free_port
from tests.deploy.machine import (
    CACHE,
    DEPLOY,
    REGISTRY_LACKS,
    ROOT,
    Machine,
    ensure_base,
    image,
    inspected,
    tool,
    until,
)

ROW = "images: built on one base, of the sizes allowed, without secrets, and what a container of the service does"
MB = 1_000_000
MOST = {"service": 350 * MB, "pipeline": 2_000 * MB, "postgres": 280 * MB, "proxy": 150 * MB}


@pytest.fixture(params=sorted(MOST))
def built(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, request.getfixturevalue(f"{request.param}_image")


def test_an_image_is_small_has_no_root_and_says_what_it_is(machine: Machine, built: tuple[str, str]) -> None:
    name, image = built
    about = inspected(machine, image)
    assert about["Size"] <= MOST[name], f"{name}: {about['Size'] / MB:.0f} MB"
    assert about["Config"]["User"] == "10001:10001"
    labels = about["Config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == "0" * 40 and labels["org.opencontainers.image.licenses"]


def test_nothing_of_the_builder_is_in_an_image(machine: Machine, built: tuple[str, str]) -> None:
    _, image = built
    history = machine.podman("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert not re.search(r"(?i)password=|token=|sk-|index-url", history)
    looked = (
        "ls -A /run/secrets 2>/dev/null; find / -xdev \\( -name pip.conf -o -name '.env' -o -name '*.key' \\) -print"
    )
    options = ("--rm", "--network", "none", "--user", "0", "--entrypoint", "sh")
    found = machine.podman("run", *options, image, "-c", looked + " 2>/dev/null").split()
    assert [path for path in found if not path.startswith(("/usr/share", "/proc"))] == []


def test_python_images_hold_no_installer_and_no_compiler(
    machine: Machine, service_image: str, pipeline_image: str
) -> None:
    for name in (service_image, pipeline_image):
        looked = "command -v pip gcc cc git curl wget; ls /opt/venv/bin | grep -c '^pip' ; true"
        said = machine.podman("run", "--rm", "--network", "none", "--entrypoint", "sh", name, "-c", looked)
        assert said.split() == ["0"]


def test_the_service_image_has_no_cuda_and_no_pipeline(machine: Machine, service_image: str) -> None:
    code = "import importlib.util as u; print([n for n in ('torch','dagster','ray','polars') if u.find_spec(n)])"
    assert machine.podman("run", "--rm", "--entrypoint", "python", service_image, "-c", code) == "[]"


def test_the_pipeline_image_says_what_to_install_where_torch_is_asked_for(
    machine: Machine, pipeline_image: str
) -> None:
    code = "from buddies_core.torch_extra import torch_wanted\nwith torch_wanted('backend=torch'): import torch"
    done = machine.run("podman", "run", "--rm", pipeline_image, "python", "-c", code, check=False)
    assert done.returncode == 1 and "pip install 'spotify-buddies[torch]'" in done.stderr


def test_dagster_reads_the_instance_of_the_chart(machine: Machine, pipeline_image: str) -> None:
    code = (
        "from dagster_k8s import K8sRunLauncher; from dagster._serdes import ConfigurableClassData; import sys, yaml;"
        "from dagster._config import process_config, resolve_to_config_type;"
        "c = yaml.safe_load(sys.stdin)['run_launcher']['config'];"
        "r = process_config(resolve_to_config_type(K8sRunLauncher.config_type()), c); print(r.success, r.errors)"
    )
    from tests.deploy.test_chart import of_kind

    config = of_kind("ConfigMap", "production")["buddies-dagster"]["data"]["dagster.yaml"]
    done = machine.run("podman", "run", "--rm", "-i", pipeline_image, "python", "-c", code, input=config)
    assert done.stdout.startswith("True"), done.stdout


def test_every_server_of_the_pipeline_finds_its_modules(machine: Machine, pipeline_image: str) -> None:
    code = (
        "import dagster._grpc.server, dagster._utils.test, dagster_webserver.app, mlflow.server, quality.dashboard.app"
    )
    machine.podman("run", "--rm", pipeline_image, "python", "-c", code)


def test_kernels_come_compiled_and_a_container_takes_them(machine: Machine, pipeline_image: str) -> None:
    counted = "find /opt/numba-cache -name '*.nbc' | wc -l"
    assert int(machine.podman("run", "--rm", "--entrypoint", "sh", pipeline_image, "-c", counted)) > 20
    code = (
        "import numpy as np; from buddies_core.kernels.alias_table import _fill_alias as kernel, alias_table;"
        "alias_table(np.array([1.0, 3.0])); print(*(sum(n.values()) for n in kernel.stats[1:]))"
    )
    taken, compiled = machine.podman(
        "run", "--rm", "--read-only", "--tmpfs", "/tmp", pipeline_image, "python", "-c", code
    ).split()
    assert (taken, compiled) == ("1", "0")


def test_an_sbom_lists_what_is_inside(machine: Machine, service_image: str, tmp_path: Path) -> None:
    syft = tool("syft")
    machine.podman("save", "--format", "oci-archive", "--output", str(tmp_path / "image.tar"), service_image)
    done = machine.run(
        syft,
        f"oci-archive:{tmp_path / 'image.tar'}",
        "-o",
        "cyclonedx-json",
        environment={"SYFT_CHECK_FOR_APP_UPDATE": "false"},
    )
    names = {found["name"] for found in json.loads(done.stdout)["components"]}
    assert {"numpy", "fastapi", "libc6"} <= names


def test_containerfiles_lint() -> None:
    files = [str(path) for path in (DEPLOY / "images").glob("*.Containerfile")]
    done = subprocess.run([tool("hadolint"), *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_locks_are_those_of_the_project(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "UV": tool("uv"), "UV_CACHE_DIR": str(CACHE / "uv"), "HOME": str(tmp_path)}
    done = subprocess.run([DEPLOY / "locks/lock.sh", tmp_path], env=environment,
                          capture_output=True, text=True, check=False, cwd=ROOT)  # fmt: skip
    if done.returncode and "Failed to fetch" in done.stderr:
        pytest.skip("this machine: the package registry cannot be asked")
    assert done.returncode == 0, done.stderr
    for path in (DEPLOY / "locks").glob("*.txt"):
        pins = {line.split("==")[0] for line in path.read_text().splitlines() if "==" in line}
        again = {line.split("==")[0] for line in (tmp_path / path.name).read_text().splitlines() if "==" in line}
        assert pins == again, f"{path.name} is not that of pyproject.toml: run deploy/locks/lock.sh"
        assert "sha256:" in path.read_text() and ("nvidia" in path.read_text()) == (path.stem == "torch")


def test_the_lock_of_torch_for_processors_is_that_with_cuda_without_cuda() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==\S+)", (DEPLOY / f"locks/{name}.txt").read_text(), re.M))

    cuda, processors = pins("torch"), pins("torch-cpu")
    (torch,) = (pin for pin in cuda if pin.startswith("torch=="))
    assert processors - cuda == {f"{torch}+cpu"}
    left_out = {pin.split("==")[0] for pin in cuda - processors}
    assert {name for name in left_out if not name.startswith(("nvidia-", "cuda-"))} == {"torch", "triton"}


@pytest.mark.slow
def test_the_pipeline_with_torch_for_processors_is_small_enough(machine: Machine) -> None:
    ensure_base(machine, "bookworm")
    made = image(machine, "pipeline", LOCK="torch-cpu", SUITE="bookworm")
    about = inspected(machine, made)
    assert about["Size"] <= 2_600 * MB, f"{about['Size'] / MB:.0f} MB"
    code = "import torch; print(torch.ones(2).sum().item(), torch.cuda.is_available())"
    assert machine.podman("run", "--rm", "--network", "none", made, "python", "-c", code) == "2.0 False"


@pytest.mark.parametrize("machine_kind", ["aarch64", "x86_64"])
@pytest.mark.parametrize("lock", ["service", "pipeline"])
def test_every_package_of_a_lock_can_be_had_for_both_kinds_of_machine(
    lock: str, machine_kind: str, tmp_path: Path
) -> None:
    said = had_for(machine_kind, DEPLOY / f"locks/{lock}.txt", tmp_path)
    assert "numpy==" in said
    # the one package without a wheel for arm64 is left out there: the pipeline does without it (latent_map.py)
    assert ("opentsne==" in said) == (lock == "pipeline" and machine_kind == "x86_64")


def test_a_package_without_a_wheel_would_be_found(tmp_path: Path) -> None:
    lock = (DEPLOY / "locks/pipeline.txt").read_text()
    assert " ; platform_machine != 'aarch64'" in lock
    (tmp_path / "lock.txt").write_text(lock.replace(" ; platform_machine != 'aarch64'", ""))
    with pytest.raises(AssertionError, match=r"opentsne==.* has no usable wheels"):
        had_for("aarch64", tmp_path / "lock.txt", tmp_path)


def had_for(machine_kind: str, lock: Path, folder: Path) -> str:
    """What the wheels of a lock install on a kind of machine, markers and all."""
    command = [
        tool("uv"), "pip", "install", "--native-tls", "--dry-run", "--target", str(folder / "target"), "--no-deps",
        "--python-platform", f"{machine_kind}-manylinux_2_28", "--python-version", "3.13", "--only-binary", ":all:",
        "--require-hashes", "--requirement", str(lock),
    ]  # fmt: skip
    environment = {**os.environ, "UV_CACHE_DIR": str(CACHE / "uv")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if any(words in done.stderr for words in (*REGISTRY_LACKS[2:], "Failed to fetch")):
        pytest.skip("this machine: the package registry cannot be asked")
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stderr


@pytest.fixture(scope="module")
def running(machine: Machine, service_image: str, postgres: str, served: Path, secrets_folder: Path) -> Iterator[tuple]:
    """(name of the container, client with a key) of a service as production runs it."""
    port, secrets = free_port(), secrets_folder / "secrets"
    keys = [f"--volume={secrets}/keys:/run/keys:ro"]
    name = machine.start(
        "service", service_image, f"--publish=127.0.0.1:{port}:8000", "--memory=512m", "--pids-limit=200",
        f"--volume={served}:/var/lib/buddies:ro", f"--volume={machine.run_name}-spool:/var/spool/buddies", *keys,
        f"--env=BUDDIES_POSTGRES_URL={postgres}", "--env=BUDDIES_STOP_SECONDS=2",
    )  # fmt: skip
    key = (secrets / "key-recommend").read_text()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": key}, timeout=10) as client:
        until(lambda: ready(client), "service", 90)
        yield name, client
    machine.remove(name)


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").json()["status"] == "ok"
    except (httpx.TransportError, ValueError):
        return False


def test_it_runs_without_root_without_capabilities_and_writes_nowhere_but_where_it_must(
    machine: Machine, running
) -> None:
    name, _ = running
    status = machine.podman("exec", name, "grep", "-E", "^(Uid|CapEff|NoNewPrivs|Seccomp):", "/proc/self/status")
    assert re.search(r"Uid:\s+10001", status) and re.search(r"CapEff:\s+0+$", status, re.M)
    assert re.search(r"NoNewPrivs:\s+1", status) and re.search(r"Seccomp:\s+2", status)
    for place, works in (("/opt/venv/x", False), ("/var/lib/buddies/x", False), ("/var/spool/buddies/x", True)):
        assert (machine.run("podman", "exec", name, "touch", place, check=False).returncode == 0) == works, place


def test_it_answers_who_has_a_key_and_keeps_feedback_in_the_database(machine: Machine, running, postgres: str) -> None:
    name, client = running
    assert (
        client.post("/api/playlist/recommend/", json={"user_ids": [1]}, headers={"x-api-key": "x"}).status_code == 401
    )
    (listed,) = client.post("/api/playlist/recommend/", json={"user_ids": [1]}).json()
    first, *others = dict.fromkeys(listed["playlists"])
    liked = {"user_id": 1, "like_playlist": first, "other_playlists": others}
    assert client.post("/feedback", json=liked).status_code == 200
    assert machine.run("podman", "exec", name, "buddies-health", check=False).returncode == 0
    count = f"SELECT count(*) FROM feedback.sessions WHERE liked = {first}"
    assert machine.sql(postgres, count) == "1"


def test_a_stop_under_load_loses_no_answer_and_ends_with_zero(machine: Machine, running) -> None:
    name, client = running
    stop = subprocess.Popen(["podman", "stop", "--time", "20", name], env=machine.environment)
    failures = answered = 0
    while stop.poll() is None:
        try:
            answer = client.post("/api/playlist/recommend/", json={"user_ids": [2]})
            failures += answer.status_code != 200
            answered += 1
        except httpx.TransportError:
            break  # it closed the door: its balancer has known for two seconds
        time.sleep(0.005)
    stop.wait(30)
    assert failures == 0 and answered > 50
    about = json.loads(machine.podman("inspect", name))[0]["State"]
    assert about["ExitCode"] == 0, about
