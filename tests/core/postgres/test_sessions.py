"""Sessions say UTC wherever the server stands, and pass a pooler; what keeps one from being made is said in a line."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from databases import server_folder

from buddies_core.postgres.connecting import connect, ensure_database, problem_with
from buddies_core.postgres.database import database_url
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.postgres.own_home import OtherHomeError
from buddies_core.postgres.urls import database_name, with_database
from buddies_core.settings import Settings
from buddies_serving.feedback.store import FeedbackStore

ALLOWED = {b"user", b"database", b"client_encoding", b"datestyle", b"timezone", b"application_name"}
"""What PgBouncer takes at the start of a session; anything else it refuses."""


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati"])
def test_a_session_says_utc_whatever_the_database_says(postgres_url: str, zone: str):
    with closing(connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {database_name(postgres_url)} SET timezone = '{zone}'")
    with closing(connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW timezone")
        assert cursor.fetchone() == ("UTC",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: with_database(url, "nowhere"), "Create it: `createdb nowhere`."),
        (lambda url: url.replace("buddies:", "buddies:wrong", 1), "Check the user and the password in the URL."),
        (lambda url: url.replace("buddies:", "nobody:", 1), "Check the user"),
        (lambda url: url + "?sslmode=never", "Mend the URL."),
        (lambda url: "postgresql://me:secret@127.0.0.1:1/x", "Is the server running"),
    ],
)
def test_why_no_session_can_be_had_is_said_with_what_to_do(postgres_url: str, change, said: str):
    problem = problem_with(change(postgres_url))
    assert problem is not None
    assert said in problem
    assert "\n" not in problem
    assert "secret" not in problem
    assert problem_with(postgres_url) is None


def test_a_missing_database_beside_ours_is_made_once(postgres_url: str):
    name = f"{database_name(postgres_url)}_books"
    assert ensure_database(postgres_url, name) is None
    assert ensure_database(postgres_url, name) is None
    assert problem_with(with_database(postgres_url, name)) is None
    with closing(connect(postgres_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")


def test_two_homes_are_not_mixed_in_one_database(tmp_path: Path):
    with server_folder() as folder:
        first = EmbeddedPostgres(folder, home=tmp_path / "first")
        url = first.start()
        assert database_url(Settings(home=str(tmp_path / "first"), postgres_url=url)) == url
        with pytest.raises(OtherHomeError) as caught:
            database_url(Settings(home=str(tmp_path / "second"), postgres_url=url))
        first.stop()
    said = str(caught.value)
    assert str(tmp_path / "first") in said
    assert str(tmp_path / "second") in said
    assert first.state is None or first.state.password not in said


def test_feedback_passes_a_pooler_that_takes_no_parameters_and_keeps_no_statements(postgres_url: str):
    from buddies_serving.types.feedback import Session

    async def work(url: str) -> tuple[int, int]:
        store = FeedbackStore(url, timeout=5)
        await store.prepare()
        session = Session("0" * 31 + "1", 1.7e9, 1.7e9, 5, None, 7, (7, 8), "v", "champion", None)
        stored = await store.insert([session]), await store.insert([session])
        pages = [page async for page in store.recent(10)]
        assert [[(deed.user_id, deed.playlist) for deed in page] for page in pages] == [[(5, 7)]]
        store.drop()
        return stored

    with pooler(postgres_url) as url:
        assert asyncio.run(work(url)) == (1, 0)


@contextmanager
def pooler(url: str) -> Iterator[str]:
    """A listener that refuses what PgBouncer in transaction mode refuses, and hands everything else to the server."""
    place = url.rsplit("@", 1)[1].split("/")[0]
    host, port = place.split(":")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_session, args=(client, (host, int(port))), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield url.replace(place, f"127.0.0.1:{listener.getsockname()[1]}")
    finally:
        listener.close()


def _session(client: socket.socket, server: tuple[str, int]) -> None:
    while True:
        (length,) = struct.unpack("!I", _exactly(client, 4))
        start = _exactly(client, length - 4)
        if struct.unpack("!I", start[:4])[0] not in (80877103, 80877104):  # TLS, GSS: no
            break
        client.sendall(b"N")
    words = start[4:].rstrip(b"\0").split(b"\0")
    refused = [name for name in words[::2] if name.lower() not in ALLOWED]
    if refused:
        _fail(client, b"unsupported startup parameter: " + refused[0])
        return
    upstream = socket.create_connection(server)
    upstream.sendall(struct.pack("!I", length) + start)
    threading.Thread(target=_copy, args=(upstream, client), daemon=True).start()
    while True:
        try:
            head = _exactly(client, 5)
        except (ConnectionError, OSError):
            upstream.close()
            return
        body = _exactly(client, struct.unpack("!I", head[1:])[0] - 4)
        if head[:1] == b"P" and body.split(b"\0")[0]:
            _fail(client, b"prepared statement does not exist")
            return
        upstream.sendall(head + body)


def _fail(client: socket.socket, message: bytes) -> None:
    fields = b"SFATAL\0C08P01\0M" + message + b"\0\0"
    client.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)
    client.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data
