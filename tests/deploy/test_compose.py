"""The stack by Compose v2: healthy in order, the graph made in the image, asked through the proxy, feedback stored."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.machine import DEPLOY, Machine, until
from tests.deploy.stack import Stack
from tests.deploy.trixie import unpacked

ROW = "compose: the stack healthy, the graph made in its image, feedback stored, pages behind a password"


@pytest.fixture(scope="module")
def stack(
    machine: Machine, service_image, pipeline_image, postgres_image, proxy_image, tmp_path_factory
) -> Iterator[Stack]:
    program = unpacked("docker-compose") / "usr/libexec/docker/cli-plugins/docker-compose"
    stack = Stack(machine, tmp_path_factory.mktemp("stack"), program)
    server = subprocess.Popen(["podman", "system", "service", "--time", "0", stack.environment["DOCKER_HOST"]],
                              env=machine.environment, stderr=subprocess.DEVNULL)  # fmt: skip
    until(stack.socket.exists, "podman's API", 20)
    threading.Thread(target=stack.look_after_health, daemon=True).start()
    yield stack
    stack.compose("down", "--volumes", "--timeout", "5", check=False)
    stack.over()
    server.terminate()
    server.wait(20)


def test_the_stack_becomes_healthy_in_order(stack: Stack) -> None:
    stack.up()
    states = dict(line.split("|") for line in stack.compose("ps", "--format", "{{.Service}}|{{.Status}}").splitlines())
    assert {"postgres", "code", "webserver", "daemon", "dashboard", "mlflow", "service", "proxy"} <= set(states)
    assert all("Up" in state for state in states.values()), states


def test_the_graph_is_made_in_the_image_and_served_and_feedback_is_stored(stack: Stack) -> None:
    stack.compose("exec", "-T", "code", "buddies", "run")
    with stack.client() as client:
        until(lambda: client.get("/health/ready").status_code == 200, "model behind the proxy", 60)
        assert client.get("/metrics").status_code == 404
    shown = recommended(stack, 3)
    assert liked(stack, 3, shown) == 200
    assert shown["playlists"][0] not in recommended(stack, 3)["playlists"]
    assert stack.sql("SELECT liked FROM feedback.sessions") == str(shown["playlists"][0])


def recommended(stack: Stack, user: int) -> dict[str, Any]:
    """A user's list, and the id by which feedback names it."""
    with stack.client() as client:
        answer = client.post("/api/playlist/recommend/", json={"user_ids": [user]})
    assert answer.status_code == 200, answer.text
    return {**answer.json()[0], "recommendation_id": answer.headers["x-recommendation-id"]}


def liked(stack: Stack, user: int, shown: dict[str, Any]) -> int:
    """The answer to a like of the first playlist that was shown; 0 where nobody answered."""
    first, *others = shown["playlists"]
    body = {"user_id": user, "like_playlist": first, "other_playlists": others}
    body |= {"recommendation_id": shown["recommendation_id"]}
    try:
        with stack.client() as client:
            return client.post("/feedback", json=body).status_code
    except httpx.TransportError:
        return 0


def test_what_a_run_printed_is_on_dagsters_page(stack: Stack) -> None:
    def asked(query: str) -> dict:
        login = ("operator", stack.secret("operator-password"))
        address = f"http://127.0.0.1:{stack.ports['DAGSTER']}/graphql"
        return httpx.post(address, json={"query": query}, auth=login, timeout=60).json()["data"]

    # started as the page's button does, for one asset
    selector = (
        '{repositoryLocationName: "buddies", repositoryName: "__repository__", pipelineName: "__ASSET_JOB", '
        'assetSelection: [{path: ["msd_songs"]}], assetCheckSelection: []}'
    )
    launched = asked(
        f"mutation {{launchRun(executionParams: {{selector: {selector}, runConfigData: {{}}}}) "
        "{... on LaunchRunSuccess {run {runId}}}}"
    )
    run = launched["launchRun"]["run"]["runId"]
    status = f'{{runOrError(runId: "{run}") {{... on Run {{status}}}}}}'
    until(lambda: asked(status)["runOrError"]["status"] in ("SUCCESS", "FAILURE"), "end of the run", 240)
    assert asked(status)["runOrError"]["status"] == "SUCCESS"
    events = "... on Run {eventConnection {events {... on LogsCapturedEvent {fileKey}}}}"
    found = asked(f'{{runOrError(runId: "{run}") {{{events}}}}}')["runOrError"]["eventConnection"]["events"]
    (key,) = (event["fileKey"] for event in found if event)
    kept = asked(f'{{capturedLogs(logKey: ["{run}", "compute_logs", "{key}"]) {{stderr}}}}')
    printed = kept["capturedLogs"]["stderr"]
    # the output tells that the step began and ended
    assert "STEP_START" in printed and "STEP_SUCCESS" in printed


@pytest.mark.parametrize(("page", "path"), [("DASHBOARD", "/"), ("DAGSTER", "/server_info"), ("MLFLOW", "/health")])
def test_pages_of_operators_ask_for_a_password(stack: Stack, page: str, path: str) -> None:
    url = f"http://127.0.0.1:{stack.ports[page]}{path}"
    assert httpx.get(url, timeout=20).status_code == 401
    assert httpx.get(url, auth=("operator", "wrong"), timeout=20).status_code == 401
    assert httpx.get(url, auth=("operator", stack.secret("operator-password")), timeout=20).status_code == 200


def test_a_code_server_is_not_replaced_under_a_run(stack: Stack) -> None:
    assert stack.compose("exec", "-T", "code", "pipeline-entrypoint", "runs-in-flight").strip() == "0"
    command = [stack.folder / "update.sh"]
    insert = (
        "INSERT INTO runs (run_id, pipeline_name, status, run_body, create_timestamp, update_timestamp) "
        "SELECT 'in-flight-of-a-test', pipeline_name, 'STARTED', replace(run_body, run_id, 'in-flight-of-a-test'), "
        "now(), now() "
        "FROM runs LIMIT 1"
    )
    stack.sql(insert)
    environment = {**stack.environment, "WAIT_FOR_RUNS": "0"}
    before = stack.compose("ps", "--quiet", "code")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "1 runs are in flight" in done.stderr
    assert stack.compose("ps", "--quiet", "code") == before
    stack.sql("DELETE FROM runs WHERE run_id = 'in-flight-of-a-test'")
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert stack.compose("ps", "--quiet", "code") == before


def test_a_dump_is_made_and_takes_the_place_of_the_databases_and_a_damaged_one_does_not(stack: Stack) -> None:
    made = stack.script("backup.sh").stdout.strip()
    assert made.startswith("/backups/2")
    assert "rows restored" in stack.script("backup.sh", "buddies-drill", "/backups").stdout
    rows = stack.sql("SELECT count(*) FROM feedback.sessions")
    assert rows == "1"
    stack.sql("DELETE FROM feedback.sessions")
    done = stack.script("restore.sh", Path(made).name)
    assert done.returncode == 0, done.stderr
    assert stack.sql("SELECT count(*) FROM feedback.sessions") == rows
    stack.script("backup.sh", "truncate", "--size", "1000", f"{made}/buddies.dump")
    running = stack.compose("ps", "--quiet")
    damaged = stack.script("restore.sh", Path(made).name)
    assert damaged.returncode == 1 and "is not what was dumped" in damaged.stderr
    assert stack.compose("ps", "--quiet") == running
    assert stack.sql("SELECT count(*) FROM feedback.sessions") == rows
    assert stack.script("restore.sh", "../backups").returncode == 2
    # what was there before the first restoration, when nothing was liked
    kept = stack.script("backup.sh", "ls", "/backups").stdout.split()[-1]
    assert kept != Path(made).name


def test_whatever_is_stopped_is_given_time(stack: Stack) -> None:
    services = json.loads(stack.compose("config", "--format", "json"))["services"]
    assert [name for name, one in services.items() if not one.get("stop_grace_period")] == []
    stack.compose("stop", "proxy")
    ended = stack.machine.podman("inspect", "--format", "{{.State.ExitCode}}", f"{stack.machine.run_name}-proxy-1")
    assert ended in ("0", "143"), "it was killed"
    stack.compose("start", "proxy")


def test_nothing_listens_beyond_loopback_and_secrets_are_closed(stack: Stack) -> None:
    published = stack.machine.podman("ps", "--filter", f"label=com.docker.compose.project={stack.machine.run_name}",
                                     "--format", "{{.Ports}}")  # fmt: skip
    assert "127.0.0.1" in published and "0.0.0.0" not in published
    assert oct((stack.folder / "secrets").stat().st_mode)[-3:] == "700"
    assert oct((stack.folder / ".env").stat().st_mode)[-3:] == "600"
    made = [path for path in (stack.folder / "secrets").rglob("*") if path.is_file()]
    first = {path: path.read_text() for path in made}
    assert len(first) == 6
    subprocess.run([stack.folder / "secrets.sh"], check=True, capture_output=True, env=os.environ)
    assert {path: path.read_text() for path in made} == first


def operations(after: str) -> str:
    """The next commands of the operator's handbook after some words: a block of them, or what is between backticks."""
    text = DEPLOY.parent.joinpath("docs/operations.md").read_text().split(after)[1]
    block, line = text.find("```bash\n"), text.find("`")
    return text[block + 8 :].split("```")[0] if line == block else text[line + 1 :].split("`")[0]


def typed(stack: Stack, commands: str) -> None:
    """Runs what an operator would type in deploy/compose."""
    environment = {**stack.environment, "PATH": f"{stack.folder}:{os.environ['PATH']}"}
    program = stack.folder / "docker"
    program.write_text(f'#!/bin/sh\nshift\nexec {stack.environment["COMPOSE"]} "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(["bash", "-ec", commands], cwd=stack.folder, env=environment, capture_output=True, text=True,
                          check=False)  # fmt: skip
    program.unlink()
    assert done.returncode == 0, done.stderr[-3_000:]


def test_the_databases_password_is_changed_as_operations_says(stack: Stack) -> None:
    old = stack.secret("postgres-password")
    typed(stack, operations("of the Secret `buddies-postgres`, then restart. On one machine "))
    assert stack.secret("postgres-password") != old
    assert until(lambda: liked(stack, 5, answered(stack, 5)), "feedback by the new password", 90) == 200
    query = "SELECT count(*) FROM feedback.sessions WHERE user_id = 5"
    until(lambda: stack.sql(query) == "1", "feedback in the database", 60)
    by_the_old = ("-e", f"PGPASSWORD={old}", "postgres", "psql", "-h", "postgres", "-U", "buddies", "-c", "SELECT 1")
    assert stack.compose("exec", "-T", *by_the_old, check=False) == ""
    assert stack.script("backup.sh").stdout.startswith("/backups/2")


def test_the_signing_key_is_changed_as_operations_says(stack: Stack) -> None:
    shown = {user: recommended(stack, user) for user in (6, 7, 8)}
    first, second, third = operations("refused on the way. On one machine:").strip().splitlines()
    typed(stack, first)
    answered(stack, 6)
    assert liked(stack, 6, shown[6]) == 200
    typed(stack, second)
    of_the_new = answered(stack, 9)
    assert liked(stack, 7, shown[7]) == 200
    typed(stack, third)
    answered(stack, 9)
    assert liked(stack, 9, of_the_new) == 200
    # nobody who waits that long is believed any more
    assert liked(stack, 8, shown[8]) == 422
    assert len(stack.secret("keys/signing.key").split()) == 1


def answered(stack: Stack, user: int) -> dict[str, Any]:
    """A list, once the service is back."""

    def asked() -> dict[str, Any] | None:
        try:
            return recommended(stack, user)
        except (httpx.TransportError, AssertionError):
            return None

    return until(asked, "answer of the service", 90)


def test_the_operators_password_is_changed_as_operations_says(stack: Stack) -> None:
    page, old = f"http://127.0.0.1:{stack.ports['DASHBOARD']}/", stack.secret("operator-password")
    typed(stack, operations("**Operator's password**:"))
    new = stack.secret("operator-password")
    until(lambda: asked_by(page, new) == 200, "page by the new password", 60)
    assert new != old and asked_by(page, old) == 401


def asked_by(page: str, password: str) -> int:
    try:
        return httpx.get(page, auth=("operator", password), timeout=20).status_code
    except httpx.TransportError:
        return 0


def test_keys_come_and_go_while_the_service_runs(stack: Stack) -> None:
    def keys(*arguments: str) -> str:
        environment = {**stack.environment, "ENGINE": "podman"}
        done = subprocess.run([stack.folder / "keys.sh", *arguments], env=environment, capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def status(key: str) -> int:
        url = f"http://127.0.0.1:{stack.ports['API']}/api/playlist/recommend/"
        return httpx.post(url, json={"user_ids": [3]}, headers={"x-api-key": key}, timeout=20).status_code

    made = keys("new", "shop", "recommend")
    until(lambda: status(made) == 200, "answer to a new key", 30)
    assert keys("revoke", "shop") == "1 of shop revoked"
    until(lambda: status(made) == 401, "refusal of a key that was taken away", 30)
    assert status(stack.secret("key-recommend")) == 200
