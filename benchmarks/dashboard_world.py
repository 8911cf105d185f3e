"""Dashboards to look at: with something on every page, with nothing, and with a world in which much is broken."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2

from benchmarks.dashboard import fill, serving
from benchmarks.data_defects.world.clean import clean_world
from benchmarks.data_defects.world.sizes import USERS
from benchmarks.data_defects.world.stored import store_world
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from quality.dashboard.settings import DashboardSettings
from quality.history import incidents
from quality.history.records import Evaluation
from quality.history.writer import write_evaluations
from quality.incidents import Incident

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
Prepare = Callable[[str, Path], None]
"""What puts something into a database, by its URL, and into a home."""


@contextmanager
def dashboard_over(*prepared: Prepare) -> Iterator[str]:
    """Address of a dashboard on this machine while the block runs, after its database and home were prepared."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        server, home = EmbeddedPostgres(Path(folder) / "postgres"), Path(folder) / "home"
        url = server.start()
        try:
            for prepare in prepared:
                prepare(url, home)
            dashboard = DashboardSettings(read_event_log=False, refresh_seconds=3600)
            with serving(Settings(home=str(home), postgres_url=url), dashboard) as port:
                yield f"http://127.0.0.1:{port}"
        finally:
            server.stop()


def filled_dashboard(sessions: int, evaluations: int, *more: Prepare) -> AbstractContextManager[str]:
    """A dashboard over a small stored world and a year of made-up history."""

    def prepare(url: str, home: Path) -> None:
        fill(url, sessions, evaluations, users=USERS)
        store_world(clean_world(1), home)

    return dashboard_over(prepare, *more)


def breakage(url: str, home: Path) -> None:
    """Checks of two assets that fail, a file that was cut short, another that is gone, and a job that failed."""
    now = datetime.now(UTC)
    connection = psycopg2.connect(url)
    names = ("one_block_per_positive", "negatives_are_distinct")
    failed = [
        Evaluation(
            now - timedelta(hours=3 - hour),
            *("user_blocks", name, f"run-{hour}abcdef", "error", False, 3.0, None, 0.0, 3, 1511),
            sample=[{"user": 1, "positive": 5, "copies": 2}],
            rule="(user, positive) occurs once: a repeated block weighs twice in training.",
            blocking=True,
        )
        for hour, name in enumerate(names)
    ]
    write_evaluations(connection, failed)
    connection.commit()
    store = DatasetStore.at(str(home))
    for name, spoil in (("test_batches", _cut), ("songs", Path.unlink)):
        dataset = store.open(name)
        spoil(Path(str(dataset.folder)) / dataset.manifest.shards[0].file)
    job = Incident("job purge_job", "", "run 12345678 failed: OSError: no room", "12345678", of_run=True)
    incidents.reconcile(connection, [job], now - timedelta(days=2))
    held = incidents.open_records(connection)[0]
    incidents.acknowledge(connection, held.id, "Anna", now - timedelta(days=2) + timedelta(minutes=9))
    connection.close()


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:500])
