"""A dashboard with something on every page: a small stored world, and a year of made-up history in PostgreSQL."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.dashboard import fill, serving
from benchmarks.data_defects.world.clean import clean_world
from benchmarks.data_defects.world.sizes import USERS
from benchmarks.data_defects.world.stored import store_world
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.settings import Settings
from quality.dashboard.settings import DashboardSettings

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def filled_dashboard(sessions: int, evaluations: int) -> Iterator[str]:
    """Address of a dashboard on this machine while the block runs."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "postgres")
        url = server.start()
        try:
            fill(url, sessions, evaluations, users=USERS)
            home = Path(folder) / "home"
            store_world(clean_world(1), home)
            dashboard = DashboardSettings(read_event_log=False, refresh_seconds=3600)
            with serving(Settings(home=str(home), postgres_url=url), dashboard) as port:
                yield f"http://127.0.0.1:{port}"
        finally:
            server.stop()
