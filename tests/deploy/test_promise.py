"""Feedback that was acknowledged while PostgreSQL was away outlives the container that took it."""

from pathlib import Path

import httpx

from buddies_core.http.ports import free_port
from tests.deploy.conftest import start_postgres
from tests.deploy.machine import Machine, until

ROW = "feedback is a promise: PostgreSQL killed, the service's container killed and replaced, nothing lost"


def test_feedback_outlives_database_and_container(
    machine: Machine, service_image: str, postgres_image: str, served: Path, secrets_folder: Path
) -> None:
    secrets, port = secrets_folder / "secrets", free_port()
    password = secrets / "postgres-password"
    database = start_postgres(machine, postgres_image, password, "mortal")
    url = f"postgresql://buddies:{password.read_text()}@mortal:5432/buddies"
    keys = [f"--volume={secrets}/keys:/run/keys:ro"]

    def start(name: str) -> str:
        return machine.start(
            name, service_image, f"--publish=127.0.0.1:{port}:8000", f"--volume={served}:/var/lib/buddies:ro", *keys,
            f"--volume={machine.run_name}-promise:/var/spool/buddies", f"--env=BUDDIES_POSTGRES_URL={url}",
        )  # fmt: skip

    def status(client: httpx.Client) -> str:
        try:
            return client.get("/health/ready").json()["status"]
        except (httpx.TransportError, ValueError):
            return ""

    first = start("first")
    headers = {"x-api-key": (secrets / "key-recommend").read_text()}
    liked = set()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
        until(lambda: status(client) == "ok", "service", 90)
        machine.podman("kill", "--signal", "KILL", database)
        until(lambda: status(client) == "degraded", "notice of the database's end", 60)
        for user in range(40, 60):
            (listed,) = client.post("/api/playlist/recommend/", json={"user_ids": [user]}).json()
            playlist, *others = dict.fromkeys(listed["playlists"])
            body = {"user_id": user, "like_playlist": playlist, "other_playlists": others}
            assert client.post("/feedback", json=body).status_code == 200
            liked.add(f"{user}|{playlist}")
    machine.podman("kill", "--signal", "KILL", first)
    machine.podman("rm", "--force", first)
    machine.podman("start", database)
    second = start("second")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
        until(lambda: status(client) == "ok", "its successor", 90)
        query = "SELECT user_id, liked FROM feedback.sessions WHERE user_id BETWEEN 40 AND 59"
        until(lambda: set(machine.sql(url, query, "mortal").splitlines()) == liked, "feedback in the database", 60)
    machine.remove(second, database)
