"""Fixtures that several packages share: a PostgreSQL server, settings of a tiny world, real data when it is there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import server_folder

from buddies_core.settings import Settings
from buddies_serving.settings import ServingSettings

CHEAP = {"BUDDIES_SEARCH_TRIALS": "0", "BUDDIES_TRACK": "false", "BUDDIES_EXPECTATIONS": "false"}
"""No test pays for Ray, MLflow or Great Expectations unless it asks for them by its own settings."""

os.environ.update(CHEAP)
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RAY_usage_stats_enabled", "0")


LONGEST = "test_the_loop_end_to_end.py"
WITHOUT_KERNELS = ("serving", "deploy", "resources", "postgres", "http")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, then those without compiled kernels: two processes that both begin with an empty cache
    would compile the same kernels side by side, a minute each."""

    def turn(item: pytest.Item) -> int:
        return 0 if item.path.name == LONGEST else 1 if item.path.parent.name in WITHOUT_KERNELS else 2

    items.sort(key=turn)


@pytest.fixture(autouse=True)
def _own_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the developer's variables or `.env`, or writes to their `.buddies`."""
    for name in list(os.environ):
        if name.startswith("BUDDIES_") and name not in ("BUDDIES_REAL_DATA", *CHEAP):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BUDDIES_HOME", str(tmp_path / "home"))
    for settings in (Settings, ServingSettings):
        monkeypatch.setitem(settings.model_config, "env_file", None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a real PostgreSQL server, started once for the session; use `postgres_url` for a database of your own."""
    from buddies_core.postgres.embedded import EmbeddedPostgres

    with server_folder() as folder:
        server = EmbeddedPostgres(folder)
        yield server.start()
        server.stop()


@pytest.fixture
def postgres_url(postgres_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of an empty database that this test alone uses."""
    import uuid

    import psycopg2

    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = psycopg2.connect(postgres_server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield postgres_server.rsplit("/", 1)[0] + f"/{name}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of a server that speaks S3's protocol, started once for the session; use `s3_home` for a bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_home(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A `BUDDIES_HOME` on an object store: a URL in a bucket of this test's own, its keys in the environment."""
    import uuid

    import s3fs

    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {"AWS_ENDPOINT_URL": s3_endpoint, **keys}.items():
        monkeypatch.setenv(name, value)
    bucket = f"buddies-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem().mkdir(bucket)
    return f"s3://{bucket}/home"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with real files (`mpd/`, `entp/`, `msd/`, `malformed/`), named by BUDDIES_REAL_DATA."""
    folder = os.environ.get("BUDDIES_REAL_DATA")
    if not folder:
        pytest.skip("BUDDIES_REAL_DATA is unset: real files are not part of the project")
    return Path(folder)


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory):
    """Settings of a small synthetic world whose whole graph is materialised, and the result of that run."""
    from running import materialise

    from buddies_core.settings import Settings

    home = tmp_path_factory.mktemp("tiny") / "home"
    settings = Settings(
        home=str(home),
        synthetic_users=400,
        synthetic_playlists=4_000,
        shard_users=150,
        threads=2,
        search_trials=0,
        track=False,
    )
    return settings, materialise(settings)
