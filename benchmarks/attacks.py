"""The attacks: bounded in time and number, against loopback; each returns what it left behind, else an empty text."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.attack_crowd import post
from buddies_core.artifact.store import Challenger, publish, read_channels
from buddies_core.postgres.embedded import EmbeddedPostgres

MOST_MIB = 3_000
"""Resident memory of any process of ours beyond which an attack has left something."""
SETTLE_SECONDS = 45.0
_HEAD = b"POST /feedback HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


@dataclass(frozen=True)
class Target:
    """A living `buddies up`: its home, its process, the ports of its servers, who is in the model, how many hands."""

    home: Path
    process: int
    service: int
    dashboard: int
    dagster: int
    users: int
    pids: list[int]
    hands: int

    def ask(self, port: int, method: str, path: str, content: Any = None, **headers: str) -> tuple[int, bytes]:
        """(status, body) of one request; status 0 where the connection broke."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        body = None if content is None else json.dumps(content)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named["content-type"] = "application/json"
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def trouble(self) -> str:
        """What is not as it was: health that does not come back, a process that grew or is gone."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while (found := self._unwell()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def _unwell(self) -> str:
        if not psutil.pid_exists(self.process):
            return "`buddies up` is gone"
        status, body = self.ask(self.service, "GET", "/health/ready")
        if status != 200 or json.loads(body)["status"] != "ok":
            return f"service: {body.decode(errors='replace')[:200] or 'no answer'}"
        if self.ask(self.dashboard, "GET", "/healthz")[0] != 200:
            return "the dashboard does not answer"
        for process in psutil.Process(self.process).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.memory_info().rss > MOST_MIB * 2**20:
                    return f"{process.name()} holds {process.memory_info().rss >> 20} MiB"
        return ""


def largest_user_id(target: Target) -> str:
    """Point 1: feedback of a user id by which nothing may be sized, and the dashboard's pages after it."""
    liked, *others = target.pids[:5]
    content = {"user_id": 2_147_483_647, "like_playlist": liked, "other_playlists": others}
    status, _ = target.ask(target.service, "POST", "/feedback", content)
    pages = [target.ask(target.dashboard, "GET", path)[0] for path in ("/users", "/feedback", "/")]
    return "" if status == 422 and set(pages) == {200} else f"feedback {status}, pages {pages}"


def large_batches(target: Target) -> str:
    """Point 2: batches of 100,000 users by 50, whose callers leave after the first bytes."""
    body = {"user_ids": [n % (2 * target.users) for n in range(100_000)], "k": 50}
    request = post("/api/playlist/recommend/batch", body)
    for _ in range(4):
        with _connected(target.service) as connection:
            connection.sendall(request)
            connection.recv(1_000)
    return ""


def many_users_at_once(target: Target) -> str:
    """Point 2: ten thousand users in one request, half of them unknown."""
    users = [n * 2 for n in range(10_000)]
    status = {target.ask(target.service, "POST", "/api/playlist/recommend/", {"user_ids": users})[0] for _ in range(4)}
    return "" if status == {200} else f"answers {status}"


def songs_of_brackets(target: Target) -> str:
    """Point 2: texts on which a backtracking expression takes long, as many as a body may hold."""
    for text in ("(" * 500, "([{" * 166, "x" + " " * 498 + "y", "¨" * 500):
        song = {"title": text, "artist": text}
        # A body beyond the limit is refused while it is sent, and whether its sender still reads that is chance.
        songs = [song] * min(240, 250_000 // len(json.dumps(song)))
        status, _ = target.ask(target.service, "POST", "/api/recommend/from-songs", {"songs": songs})
        if status != 200:
            return f"answer {status}"
    return ""


def endless_head(target: Target) -> str:
    """Point 2: a header of 64 MB."""
    with _connected(target.service) as connection, suppress(OSError):
        connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ")
        for _ in range(64):
            connection.sendall(b"a" * 2**20)
    return ""


def held_connections(target: Target) -> str:
    """Point 4: connections of eight forms that never go on, and newcomers while they are held."""
    begun = _HEAD + b"content-length: 900\r\n\r\n"
    forms = [
        *(b"", b"\r\n", b"POST /feed", begun, begun + b"{", _HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{"),
        *(
            _HEAD + b"expect: 100-continue\r\ncontent-length: 9\r\n\r\n",
            b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\nG",
        ),
    ]
    held = []
    for number in range(target.hands * len(forms)):
        connection = _connected(target.service)
        with suppress(OSError):
            connection.sendall(forms[number % len(forms)])
        held.append(connection)
        if number % 50 == 0 and target.ask(target.service, "GET", "/health/live")[0] != 200:
            return "a newcomer was not answered"
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and (open_ones := [one for one in held if _is_open(one)]):
        time.sleep(0.5)
    for connection in held:
        connection.close()
    return f"{len(open_ones)} of {len(held)} connections are still held" if open_ones else ""


def slow_readers(target: Target) -> str:
    """Point 4: callers who ask for much and read nothing."""
    request = post("/api/playlist/recommend/batch", {"user_ids": [1] * 20_000, "k": 50})
    held = []
    for _ in range(8):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", target.service))
        connection.sendall(request)
        held.append(connection)
    time.sleep(3.0)
    for connection in held:
        connection.close()
    return ""


def other_names(target: Target) -> str:
    """Point 5: a page of another site, by a name bent to loopback and by its own."""
    reached = []
    for port in (target.service, target.dashboard):
        asked = {path: target.ask(port, "GET", path, host="evil.example")[0] for path in ("/", "/model", "/feedback")}
        reached += [f"{port}{path}" for path, status in asked.items() if status == 200]
    content = {"user_ids": [0]}
    if target.ask(target.service, "POST", "/api/playlist/recommend/", content, origin="http://evil.example")[0] == 200:
        reached.append("a page of another site")
    return ", ".join(reached)


def graphql_of_others(target: Target) -> str:
    """Point 5: Dagster's GraphQL by another name, from another page, and by the address of an image."""
    query = {"query": "{version}"}
    statuses = [
        target.ask(target.dagster, "POST", "/graphql", query, host="evil.example")[0],
        target.ask(target.dagster, "POST", "/graphql", query, origin="http://evil.example")[0],
        target.ask(target.dagster, "GET", "/graphql?query=mutation%7Bx%7D")[0],
    ]
    return "" if all(400 <= status < 500 for status in statuses) else f"answers {statuses}"


def password_in_arguments(target: Target) -> str:
    """Point 3: the database's password on a command line, which every account of the machine reads."""
    state = EmbeddedPostgres(target.home / "postgres").state
    assert state is not None
    showing = []
    for process in psutil.Process(target.process).children(recursive=True):
        with suppress(psutil.Error):
            if any(state.password in word for word in process.cmdline()):
                showing.append(process.name())
    return ", ".join(showing)


def database_killed(target: Target) -> str:
    """Point 6: PostgreSQL killed; who brings it back, and whether feedback goes on meanwhile."""
    server = EmbeddedPostgres(target.home / "postgres")
    os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    deadline = time.monotonic() + SETTLE_SECONDS
    while not server.is_running():
        if time.monotonic() > deadline:
            return "PostgreSQL was not started again"
        time.sleep(0.2)
    return ""


def damaged_model(target: Target) -> str:
    """Point 7: a version with one bit flipped, published; then the sound one again."""
    root = target.home / "served_model"
    sound = read_channels(root)
    folder = root / "versions" / "damaged"
    subprocess.run(["cp", "-r", str(root / "versions" / sound.champion), str(folder)], check=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"version": "damaged"}))
    path = folder / "contract_bytes.npy"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    publish(root, "damaged")
    time.sleep(3.0)
    status, body = target.ask(target.service, "GET", "/health/ready")
    served = json.loads(target.ask(target.service, "GET", "/model")[1])["arms"][0]["version"]
    publish(root, sound.champion, challenger=sound.challenger)
    subprocess.run(["rm", "-r", str(folder)], check=True)
    if served != sound.champion:
        return f"{served} was served"
    return "" if b"newest model could not be loaded" in body else f"health said {status} {body.decode()[:100]}"


def swapped_models(target: Target) -> str:
    """A trial that begins and ends again and again."""
    root = target.home / "served_model"
    champion = read_channels(root).champion
    for share in (0.5, 0.0) * 4:
        publish(root, champion, challenger=Challenger(champion, share) if share else None)
        time.sleep(0.3)
    return ""


def poisoned_feedback(target: Target) -> str:
    """Point 8: ids with a NUL, forged arms and versions, the same key for other feedback, requests cut off."""
    liked, *others = target.pids[:5]
    content = {"user_id": 1, "like_playlist": liked, "other_playlists": others}
    stored = 0
    for forged in (
        "m.0123456789abcdef.v1\x00",
        "a.0123456789abcdef0123456789ab.v1",
        "b.x.v9",
        "a.\ud800.v1",
        "\r\nx: y",
    ):
        for _ in range(8):
            stored += target.ask(target.service, "POST", "/feedback", content | {"recommendation_id": forged})[0] < 400
    target.ask(target.service, "POST", "/feedback", content, idempotency_key="attack")
    changed = content | {"like_playlist": others[0], "other_playlists": [liked]}
    stored += target.ask(target.service, "POST", "/feedback", changed, idempotency_key="attack")[0] < 400
    for _ in range(target.hands):
        with _connected(target.service) as connection:
            connection.sendall(_HEAD + b"content-length: 900\r\n\r\n" + json.dumps(content).encode())
    return f"{stored} forged feedbacks were taken" if stored else ""


def second_up(target: Target) -> str:
    """Point 9: another `buddies up` in the same home."""
    environment = os.environ | {"BUDDIES_HOME": str(target.home)}
    done = subprocess.run(
        [sys.executable, "-m", "buddies_assets.cli", "up"], env=environment, capture_output=True, text=True, timeout=60
    )
    named = f"process {target.process}" in done.stderr
    return "" if done.returncode == 1 and named else f"code {done.returncode}: {done.stderr[-200:]}"


def crowded_dashboard(target: Target) -> str:
    """Point 10: forty pages at once, and addresses with a NUL."""
    statuses: list[int] = []
    pages = ("/feedback", "/users", "/checks", "/") * 10

    def ask(path: str) -> None:
        statuses.append(target.ask(target.dashboard, "GET", path)[0])

    asking = [threading.Thread(target=ask, args=(path,)) for path in pages]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    odd = [target.ask(target.dashboard, "GET", path)[0] for path in ("/%00", "/checks?asset=%00", "/static/%00")]
    return "" if set(statuses) == {200} and set(odd) == {400} else f"pages {set(statuses)}, NUL {odd}"


def no_attack(target: Target) -> str:
    """Nothing, for comparison: what others wait on this machine anyway."""
    time.sleep(3.0)
    return ""


ATTACKS: dict[str, Callable[[Target], str]] = {
    "none, for comparison": no_attack,
    "user id 2147483647": largest_user_id,
    "batches whose callers leave": large_batches,
    "10,000 users in a request": many_users_at_once,
    "songs of brackets": songs_of_brackets,
    "a header of 64 MB": endless_head,
    "connections that are never closed": held_connections,
    "callers who do not read": slow_readers,
    "names of other sites": other_names,
    "GraphQL from other sites": graphql_of_others,
    "password in the process list": password_in_arguments,
    "PostgreSQL killed": database_killed,
    "a damaged model published": damaged_model,
    "models swapped": swapped_models,
    "poisoned and forged feedback": poisoned_feedback,
    "a second `buddies up`": second_up,
    "a crowded dashboard": crowded_dashboard,
}
"""What is tried, in this order."""

OF_ALL_SERVERS = (graphql_of_others,)
"""Attacks on servers that the short form does not start."""


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while data := connection.recv(65_536):
            del data
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
