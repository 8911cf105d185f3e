"""A world small enough to check by hand: six users, eight playlists, five songs.

Users 0-3 have candidates, user 4 is cold, user 5 has none. Playlist j has pid 10*j+100. User u's id is the hex digit u
forty times.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import numpy as np
import pytest
import uvicorn
from databases import server_folder

from buddies_core.artifact.store import publish, write_version
from buddies_core.artifact.texts import pack_texts
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_serving.http.fast_path import FastPathProtocol
from buddies_serving.main import create_app
from buddies_serving.service import Service
from buddies_serving.settings import ServingSettings

USERS, PLAYLISTS, SONGS = 6, 8, 5
RANKED = [[3, 1, 4, 5, 2, 6], [7, 0, 2, 3, 4, 5], [0, 1], [6, 5, 4, 3, 2, 1], [], []]
LIKED = [[0], [1], [2], [], [], [5]]
MOST_LIKED = [5, 2, 0, 1, 7, 6, 4, 3]
OWNERS = [1, 2, 2, 1, 3, 3, 0, -1]
FITS = [[-1, -1]] * 7 + [[1, 0]]
NEIGHBOURS = [[(1, 0.75), (2, 0.5)], [(0, 0.75)], [(0, 0.5), (3, 0.25)], [(2, 0.25)], [(0, 0.125)], []]
USER_SONGS = [[0, 1, 2], [0, 1, 3], [1, 2], [4], [0], [3]]
PLAYLIST_SONGS = [[0, 1], [2], [1, 2], [0, 3], [4], [0, 4], [1], [2, 3]]
TITLES = ["Aerial", "Bird", "Cloud", "Dune", "Ember"]
ARTISTS = ["Ana", "Bo", "Cy", "Di", "Eve"]
NAMES = ["Sunrise", "Road trip", "Küche", "Rain", "<b>Loud</b>", "Slow Sunday", "", "Deep focus"]


def csr(rows: list[list[Any]], dtype: str) -> tuple[np.ndarray, np.ndarray]:
    indptr = np.cumsum([0] + [len(row) for row in rows]).astype("<i8")
    return indptr, np.array([item for row in rows for item in row], dtype=dtype)


def world_arrays(ranked: list[list[int]] | None = None, *, factors: bool = False) -> dict[str, np.ndarray]:
    ranked = ranked or RANKED
    ranked_indptr, ranked_playlists = csr(ranked, "<u4")
    neighbour_indptr, _ = csr(NEIGHBOURS, "O")
    user_indptr, user_indices = csr(USER_SONGS, "<u4")
    playlist_indptr, playlist_indices = csr(PLAYLIST_SONGS, "<u4")
    liked_indptr, liked_playlists = csr(LIKED, "<u4")
    scores = [float(len(row) - place) for row in ranked for place in range(len(row))]
    arrays = {
        "ranked_indptr": ranked_indptr,
        "ranked_playlists": ranked_playlists,
        "ranked_scores": np.array(scores, dtype="<f4"),
        "user_ids": np.array([f"{user:x}" * 40 for user in range(USERS)], dtype="S40"),
        "user_order": np.arange(USERS, dtype=np.uint32),
        "cold": np.array([False, False, False, False, True, False]),
        "playlist_pids": np.array([100 + 10 * row for row in range(PLAYLISTS)], dtype="<u4"),
        **pack_texts("playlist_names", NAMES),
        "playlist_tracks": np.array([len(row) for row in PLAYLIST_SONGS], dtype="<u4"),
        "playlist_followers": np.arange(PLAYLISTS, dtype="<u4"),
        "playlist_owner": np.array(OWNERS, dtype="<i4"),
        "playlist_fits": np.array(FITS, dtype="<i4"),
        "most_liked": np.array(MOST_LIKED, dtype="<u4"),
        "neighbour_indptr": neighbour_indptr,
        "neighbour_users": np.array([user for row in NEIGHBOURS for user, _ in row], dtype="<u4"),
        "neighbour_similarity": np.array([value for row in NEIGHBOURS for _, value in row], dtype="<f4"),
        "user_library_indptr": user_indptr,
        "user_library_indices": user_indices,
        "playlist_library_indptr": playlist_indptr,
        "playlist_library_indices": playlist_indices,
        **pack_texts("song_titles", TITLES),
        **pack_texts("song_artists", ARTISTS),
        **pack_texts("song_keys", [f"{t.lower()}\t{a.lower()}" for t, a in zip(TITLES, ARTISTS, strict=True)]),
        "song_ids": np.array([f"SO{row:016d}" for row in range(SONGS)], dtype="S18"),
        "song_id_songs": np.arange(SONGS, dtype="<u4"),
        "liked_indptr": liked_indptr,
        "liked_playlists": liked_playlists,
    }
    if factors:
        # playlist j points along song-like axes, so that u.i counts the songs that user and playlist share
        songs = np.eye(SONGS, dtype="<f4")
        # one level for every number of songs: a listener's vector is the mean of theirs
        arrays["song_vectors"] = songs
        arrays["fold_in_bounds"] = np.zeros(0, dtype="<i8")
        arrays["fold_in_maps"] = np.vstack([np.eye(SONGS, SONGS + 1), np.zeros((3, SONGS + 1))])[None].astype("<f4")
        arrays["fold_in_popularity"] = np.zeros(PLAYLISTS, dtype="<f4")
        arrays["user_factors"] = np.array([songs[row].sum(axis=0) for row in USER_SONGS], dtype="<f4")
        arrays["playlist_factors"] = np.array([songs[row].sum(axis=0) for row in PLAYLIST_SONGS], dtype="<f4")
    return arrays


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes and publishes a version of the small world; the root folder."""

    def make(version: str = "v1", *, ranked: list[list[int]] | None = None, factors: bool = False) -> Path:
        root = tmp_path / "served_model"
        metrics = {"mrr": 0.5}
        write_version(root, version, world_arrays(ranked, factors=factors), run_id="run-1", metrics=metrics)
        publish(root, version)
        return root

    return make


@pytest.fixture
def small_world() -> dict[str, np.ndarray]:
    """The arrays of the small world, to be changed at will."""
    return world_arrays()


class Running(httpx.Client):
    """A real server on a free port, as a client sees it; `service` is its inside."""

    def __init__(self, settings: ServingSettings, *, fast_path: bool = True) -> None:
        self.guard = create_app(settings)
        self.service: Service = self.guard.service
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.config = uvicorn.Config(
            self.guard,
            http=FastPathProtocol if fast_path else "httptools",
            proxy_headers=False,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            ws="none",
        )
        self._server = uvicorn.Server(self.config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        self.port = self._socket.getsockname()[1]
        super().__init__(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that the server runs on."""
        self.get("/health/live")
        (connection, *_) = self._server.server_state.connections
        return connection.loop

    @property
    def connections(self) -> list[Any]:
        """The connections that the server has, this client's own among them."""
        return list(self._server.server_state.connections)

    def recommend(self, *users: int | str) -> list[dict[str, Any]]:
        return self.post("/api/playlist/recommend/", json={"user_ids": list(users)}).json()

    def like(self, user: int, liked: int, *others: int, **more: Any) -> httpx.Response:
        headers = {"idempotency-key": key} if (key := more.pop("key", None)) else {}
        body = {"user_id": user, "like_playlist": liked, "other_playlists": list(others), **more}
        return self.post("/feedback", json=body, headers=headers)

    def stop(self) -> None:
        self.close()
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts servers of the model under `tmp_path`; settings by name."""
    servers = []

    def start(*, fast_path: bool = True, **settings: Any) -> Running:
        chosen = {"home": str(tmp_path), "model_poll_seconds": 0.02, "postgres_url": None, **settings}
        servers.append(Running(ServingSettings(_env_file=None, **chosen), fast_path=fast_path))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(make_model: Callable[..., Path], serve: Callable[..., Running]) -> Running:
    """The small world, served without a database."""
    make_model(factors=True)
    return serve()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of our own for the session."""
    with server_folder() as folder:
        cluster = EmbeddedPostgres(folder)
        cluster.start()
        yield cluster
        cluster.stop()


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> str:
    """The address of a running database without a feedback schema."""
    url = postgres.start()
    asyncio.run(_drop_feedback(url))
    return url


async def _drop_feedback(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA IF EXISTS feedback CASCADE")
    await connection.close()


@pytest.fixture(scope="session")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("steady")
    write_version(folder / "served_model", "v1", world_arrays(factors=True))
    publish(folder / "served_model", "v1")
    running = Running(ServingSettings(_env_file=None, home=str(folder), postgres_url=None))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser, for tests of pages."""
    from browsers import chromium

    with chromium() as launched:
        yield launched
