"""The chart's pods really run: with the Secrets of `chart_secrets.sh`, a model pulled from S3, and a spool replayed."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import s3fs
import yaml
from moto.server import ThreadedMotoServer

from buddies_core.artifact.shared import SharedStore
from tests.deploy.machine import DEPLOY, TAG, Machine, until
from tests.deploy.player import Player, playable, pod
from tests.deploy.test_chart import of_kind
from tests.deploy.trixie import unpacked

ROW = "the chart's pods played: migrated, model pulled, asked, restricted, a spool replayed by the next pod"
DATABASE = "buddies-postgres-postgres"
STORE = "s3://served/home"
RENDERED = json.dumps({
    "images": {name: f"localhost/buddies-{name}:{TAG}" for name in ("service", "pipeline", "postgres", "proxy")},
    "store": {"url": STORE, "credentialsSecret": "buddies-store"},
})  # fmt: skip
_KUBECTL = """#!/bin/sh
case " $* " in
  *" create secret "*) {{ echo ---; {kubectl} "$@" --dry-run=client --output=yaml; }} >>{made} ;;
  *" get secret "*) exit 1 ;;
esac
"""


@pytest.fixture(scope="module")
def player(
    machine: Machine, service_image, pipeline_image, postgres_image, tmp_path_factory: pytest.TempPathFactory
) -> Player:
    return Player(machine, tmp_path_factory.mktemp("player"))


@pytest.fixture(scope="module")
def store(player: Player, served: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A store with a served model that pods reach; the credentials that a Secret must hold."""
    server = ThreadedMotoServer(ip_address=player.gateway(), port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    keys["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem().mkdir("served")
        SharedStore(STORE).push(served)
    yield keys
    server.stop()


@pytest.fixture(scope="module")
def secrets(store: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What chart_secrets.sh would make in a cluster, and the store's credentials, by name."""
    folder = tmp_path_factory.mktemp("kube")
    kubectl, made = folder / "kubectl", folder / "made.yaml"
    debians = unpacked("kubectl") / "usr/bin/kubectl"
    kubectl.write_text(_KUBECTL.format(kubectl=debians, made=made))
    kubectl.chmod(0o755)
    environment = {"KUBECTL": str(kubectl), "PATH": "/usr/bin:/bin"}
    subprocess.run([DEPLOY / "chart_secrets.sh", "buddies"], env=environment, check=True, capture_output=True)
    credentials = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "buddies-store"}, "stringData": store}
    found = [one for one in yaml.safe_load_all(made.read_text()) if one]
    return {one["metadata"]["name"]: one for one in (*found, credentials)}


@pytest.fixture(scope="module")
def database(player: Player, secrets: dict[str, dict[str, Any]]) -> None:
    """A PostgreSQL that was migrated by the pod of the chart's Job."""
    player.play(*secrets.values())
    # by the name of the Service before it, which `kube play` passes over
    player.play(*pod("buddies-postgres", of_kind("StatefulSet", "staging", RENDERED)["buddies-postgres"]))
    ready = ("exec", DATABASE, "pg_isready", "-q", "-h", "127.0.0.1")
    until(lambda: player.podman(*ready, check=False).returncode == 0, "PostgreSQL", 120)
    migrate = of_kind("Job", "staging", RENDERED)["buddies-migrate"]["spec"]["template"]["spec"]
    player.play({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "migrate"},
                 "spec": playable("migrate", migrate)})  # fmt: skip
    assert player.podman("wait", "migrate-migrate").stdout.strip() == "0", player.podman("logs", "migrate-migrate")


@pytest.fixture(scope="module")
def service(player: Player, database: None) -> list[dict[str, Any]]:
    """The objects of a replica of the service that is running."""
    objects = pod("buddies-service-0", of_kind("StatefulSet", "staging", RENDERED)["buddies-service"])
    play_service(player, objects)
    return objects


def play_service(player: Player, objects: list[dict[str, Any]]) -> None:
    player.play(*objects, options=("--publish=8000:8000",))
    until(lambda: status(player) == "ok", "ready service", 120)


def status(player: Player) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{player.port}/health/ready", timeout=10).json()["status"]
    except (httpx.TransportError, ValueError):
        return ""


def sql(player: Player, secrets: dict[str, dict[str, Any]], query: str) -> list[str]:
    url = secret(secrets, "buddies-postgres", "url").replace("@buddies-postgres:", "@127.0.0.1:")
    return player.podman("exec", DATABASE, "psql", "-XAtq", url, "-c", query).stdout.split()


def secret(secrets: dict[str, dict[str, Any]], name: str, key: str) -> str:
    return base64.b64decode(secrets[name]["data"][key]).decode()


@pytest.fixture
def client(player: Player, service, secrets: dict[str, dict[str, Any]]) -> Iterator[httpx.Client]:
    key = secret(secrets, "buddies-clients", "recommend")
    with httpx.Client(
        base_url=f"http://127.0.0.1:{player.port}", headers={"x-api-key": key, "host": "localhost"}, timeout=30
    ) as made:
        yield made


def like(client: httpx.Client, user: int) -> str:
    (listed,) = client.post("/api/playlist/recommend/", json={"user_ids": [user]}).json()
    first, *others = dict.fromkeys(listed["playlists"])
    body = {"user_id": user, "like_playlist": first, "other_playlists": others}
    assert client.post("/feedback", json=body).status_code == 200
    return f"{user}|{first}"


def test_a_pod_serves_what_it_pulled_and_stores_feedback(player: Player, client: httpx.Client, secrets) -> None:
    assert (
        client.post("/api/playlist/recommend/", json={"user_ids": [3]}, headers={"x-api-key": "x"}).status_code == 401
    )
    liked = like(client, 3)
    until(lambda: sql(player, secrets, "SELECT user_id, liked FROM feedback.sessions") == [liked], "feedback", 30)


def test_probes_of_the_chart_answer(player: Player, service) -> None:
    containers = of_kind("StatefulSet", "staging", RENDERED)["buddies-service"]["spec"]["template"]["spec"][
        "containers"
    ]
    (container,) = (one for one in containers if one["name"] == "service")
    for probe in ("readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        given = {header["name"]: header["value"] for header in asked["httpHeaders"]}
        assert httpx.get(f"http://127.0.0.1:{player.port}{asked['path']}", headers=given).status_code == 200


def test_the_pod_is_restricted(player: Player, service) -> None:
    container = "buddies-service-0-service"
    for command in ("id -u", "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status", "touch /var/lib/buddies/x /opt/x"):
        done = player.podman("exec", container, "sh", "-c", command, check=False)
        if command == "id -u":
            assert done.stdout.strip() == "10001"
        elif command.startswith("grep"):
            assert done.stdout.split() == ["CapEff:", "0" * 16, "NoNewPrivs:", "1"]
        else:
            assert done.stderr.count("Read-only file system") == 2


def test_what_a_pod_promised_is_stored_by_the_next(
    player: Player, service: list[dict[str, Any]], client: httpx.Client, secrets
) -> None:
    player.podman("stop", "--time", "0", DATABASE)
    until(lambda: status(player) == "degraded", "notice of the database's end", 60)
    promised = {like(client, user) for user in range(40, 50)}
    player.podman("kill", "--signal", "KILL", "buddies-service-0-service")
    player.down(*service)
    player.podman("start", DATABASE)
    play_service(player, service)
    query = "SELECT user_id, liked FROM feedback.sessions WHERE user_id BETWEEN 40 AND 49"
    until(lambda: set(sql(player, secrets, query)) == promised, "feedback of the pod that was killed", 60)
