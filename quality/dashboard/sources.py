"""What the dashboard reads: the history in PostgreSQL, and the manifests and statistics of the stored datasets.

A background thread brings aggregates up to date; requests read what is there and never wait for it.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from buddies_core.comparison.of_home import Comparisons
from buddies_core.errors import BuddiesError
from buddies_core.postgres.connecting import speak_utc
from buddies_core.postgres.database import database_url
from buddies_core.registry.checkpoints import Checkpoint, CheckpointStore
from buddies_core.settings import Settings
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import Manifest
from quality.dashboard.settings import DashboardSettings
from quality.file_rules import owners_of_rules
from quality.history import assets, feedback, incidents
from quality.history.activity import ActivityIndex
from quality.history.database import SCHEMA
from quality.history.profiles import profile_of
from quality.incidents import open_incidents
from quality.owners import parse_owners
from quality.registry import spec_of
from quality.reporting import report_of
from quality.rules.verdict import UNREADABLE
from quality.statistics import figures_of
from quality.stored import Stored, read_stored

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.pool import ThreadedConnectionPool

log = logging.getLogger(__name__)


CONNECTIONS = 8
WAIT_SECONDS = 30.0
LOCK_SECONDS = 10.0
"""How long a table that somebody has locked is waited for: a page that says so is better than none."""
HANGS_AFTER = 120.0
"""Seconds after which a refresh that has not ended is told of (its first one may fill years of history)."""
BLIND = "DAGSTER_HOME is not set, so no run and no check is read: set it to <home>/dagster, or start with buddies up"


class BusyError(BuddiesError):
    """So many requests are being answered that another must come back later."""


def _living(pool: "ThreadedConnectionPool") -> "Connection":
    """A connection of the pool that answers: after a restart of PostgreSQL all that it kept are dead."""
    import psycopg2

    for _ in range(CONNECTIONS):
        connection = pool.getconn()
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {int(1000 * LOCK_SECONDS)}")
        except psycopg2.OperationalError:
            pool.putconn(connection, close=True)
        else:
            return connection
    return pool.getconn()


class Sources:
    """Connections and what is kept in memory between requests."""

    def __init__(self, settings: Settings, dashboard: DashboardSettings) -> None:
        self.settings = settings
        self.dashboard = dashboard
        self.store = DatasetStore.at(settings.home)
        self.activity = ActivityIndex()
        self.stored = Stored()
        self._read: dict[str, str] = {}
        self.figures: dict[str, dict[str, Any]] = {}
        self.columns: dict[str, list[dict[str, Any]]] = {}
        """What a sample of each stored version holds, a row a column."""
        self.cold_users: frozenset[int] = frozenset()
        self.comparisons = Comparisons(settings)
        self.checkpoint: Checkpoint | None = None
        """The newest trained model, served or not."""
        self.refreshed_at: datetime | None = None
        self._failure: str | None = None
        self._began: float | None = None
        self._pool: ThreadedConnectionPool | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._once = threading.Lock()
        self._free = threading.BoundedSemaphore(CONNECTIONS)

    @property
    def trouble(self) -> str | None:
        """Why what is shown may be old, for pages to say: the last refresh failed, or hangs, or reads no runs."""
        if self._failure is not None:
            return f"the last refresh failed: {self._failure}"
        hangs = time.monotonic() - self._began if self._began is not None else 0.0
        if hangs > HANGS_AFTER:
            return f"the refresh has been under way for {hangs / 60:.0f} min; PostgreSQL may be locked, or a disk slow"
        return BLIND if self.dashboard.read_event_log and not os.environ.get("DAGSTER_HOME") else None

    @contextmanager
    def connection(self) -> Iterator["Connection"]:
        """A connection for one request, which waits for one where all are in use.

        Raises:
            DatabaseError, psycopg2.OperationalError: PostgreSQL is not to be reached.
            BusyError: none became free in time.
        """
        pool = self._connections()
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise BusyError(f"More than {CONNECTIONS} requests at once for {WAIT_SECONDS:.0f} s; try again.")
        try:
            connection = _living(pool)
            try:
                yield connection
                connection.commit()
            finally:
                pool.putconn(connection)  # which rolls back what was not committed and drops a connection that is lost
        finally:
            self._free.release()

    def _connections(self) -> "ThreadedConnectionPool":
        from psycopg2.pool import ThreadedConnectionPool

        with self._once:
            if self._pool is None:
                speak_utc()
                pool = ThreadedConnectionPool(CONNECTIONS, CONNECTIONS, database_url(self.settings))
                connection = pool.getconn()
                SCHEMA.migrate(connection)
                pool.putconn(connection)
                self._pool = pool
            return self._pool

    def refresh(self) -> None:
        """Take in new events, feedback and datasets."""
        with self.connection() as connection:
            if self.dashboard.read_event_log and os.environ.get("DAGSTER_HOME"):
                self._copy_events(connection)
            feedback.refresh(connection)
            self.activity.refresh(connection)
            self._read_datasets(connection)
            self._note_incidents(connection)
        self._read_checkpoint()

    def _copy_events(self, connection: "Connection") -> None:
        import dagster as dg

        from quality.history.sync import sync

        with dg.DagsterInstance.get() as instance:
            sync(instance, connection)

    def _note_incidents(self, connection: "Connection") -> None:
        """Open and resolve incidents by what is known now."""
        now = datetime.now(UTC)
        report = report_of(connection, assets.latest(connection, now), self.stored, now)
        incidents.reconcile(
            connection, open_incidents(report), now, owners_of_rules() | parse_owners(self.settings.owners)
        )

    def _read_checkpoint(self) -> None:
        store = CheckpointStore.at(self.settings.home)
        versions = store.versions()
        if versions and (self.checkpoint is None or self.checkpoint.version != versions[-1]):
            self.checkpoint = store.load(versions[-1])

    @property
    def manifests(self) -> Mapping[str, Manifest]:
        """What each stored dataset says of itself."""
        return self.stored.manifests

    def _read_datasets(self, connection: "Connection") -> None:
        """Take in what is stored; figures are computed of versions that are new and whole."""
        found = read_stored(self.store)
        for name, dataset in found.datasets.items():
            if name in found.damage or self._read.get(name) == dataset.fingerprint:
                continue
            try:
                self._read_figures(connection, name, dataset)
            except (*UNREADABLE, OSError, BuddiesError) as error:
                # One dataset that cannot be read must not keep the others from being shown; its health says it.
                log.exception("The figures of %s cannot be computed", name)
                found.damage[name] = f"it cannot be read: {type(error).__name__}: {error}".splitlines()[0]
            else:
                self._read[name] = dataset.fingerprint
        self.stored = found

    def _read_figures(self, connection: "Connection", name: str, dataset: Dataset) -> None:
        self.columns[name] = profile_of(connection, dataset)
        spec = spec_of(name)
        if spec.figures or spec.nulls:
            compute = partial(figures_of, spec, dataset, self.store)
            self.figures[name] = assets.statistics(connection, name, dataset.fingerprint, compute)
        if name == "cold_users":
            # Feedback knows users by their numbers; a home from before there were any, by their rows.
            column = "number" if "number" in dataset.manifest.columns else "user"
            self.cold_users = frozenset(dataset.frame([column])[column].to_list())

    def start(self, after: Callable[[], None]) -> None:
        """Refresh now and then every few seconds, each time with `after`, in a thread of its own, until `close`."""
        self._thread = threading.Thread(target=self._keep_fresh, args=(after,), name="dashboard-refresh", daemon=True)
        self._thread.start()

    def _keep_fresh(self, after: Callable[[], None]) -> None:
        while True:
            try:
                read_at, self._began = datetime.now(UTC), time.monotonic()
                self.refresh()
                try:
                    after()
                finally:
                    self.refreshed_at = read_at
                self._failure = None
            except Exception as error:
                # Whatever fails (a database that is down, a dataset that is being replaced, a chart that cannot be
                # drawn) must not end the thread: pages and the log say it, and the next round tries again.
                self._failure = f"{type(error).__name__}: {error}".splitlines()[0]
                log.exception("The dashboard could not refresh; next try in %s s", self.dashboard.refresh_seconds)
            self._began = None
            if self._stop.wait(self.dashboard.refresh_seconds):
                return

    def close(self) -> None:
        """Stop refreshing and close the connections."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._pool is not None:
            self._pool.closeall()
            self._pool = None

    def channels(self) -> dict[str, Any]:
        """`champion` and `challenger` as the served model's `current.json` names them; nothing when none is served."""
        current = self.settings.local_home / "served_model" / "current.json"
        return json.loads(current.read_text(encoding="utf-8")) if current.exists() else {}
