"""A retraining's lease: one run holds it, shows that it is alive, and saves its model only while it still holds it."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from buddies_assets.release import decision_log
from buddies_assets.resources.loop_database import connected
from buddies_core.errors import BuddiesError
from buddies_core.postgres.schema import rows

log = logging.getLogger(__name__)

AFTER_TAG, ATTEMPT_TAG = "buddies/retrain_after", "buddies/retrain_attempt"
HEARTBEAT_SECONDS = 5.0


class LeaseHeldError(BuddiesError):
    """Another run has this retraining: the same tick twice, or a second daemon."""


class SupersededError(BuddiesError):
    """This run was taken for dead and another was started in its place; its model is not kept."""


@dataclass(frozen=True)
class Lease:
    """The lease that a run holds; `attempt` 0 is a training that nobody else can want, and holds nothing."""

    url: str
    after: str
    attempt: int
    run_id: str

    def require_current(self) -> None:
        """Raises SupersededError when a later attempt was leased."""
        if self.attempt == 0:
            return
        with connected(self.url) as connection:
            later = rows(
                connection,
                "SELECT run_id FROM loop.retrainings WHERE after_version = %(after)s AND attempt > %(attempt)s",
                {"after": self.after, "attempt": self.attempt},
            )
        if later:
            raise SupersededError(
                f"Attempt {self.attempt} to retrain after {self.after} was taken for dead; run {later[0]['run_id']} "
                "trains in its place. Nothing was lost: this run's model is dropped."
            )


@contextmanager
def retraining_lease(url: str | None, tags: Mapping[str, str], run_id: str) -> Iterator[Lease]:
    """The lease of a run that a sensor started (by its tags), kept alive while the block runs.

    Raises:
        LeaseHeldError: another run holds it.
    """
    attempt = int(tags.get(ATTEMPT_TAG, 0))
    after = tags.get(AFTER_TAG, "")
    if attempt == 0 or url is None:
        yield Lease("", after, 0, run_id)
        return
    with connected(url) as connection:
        holder = decision_log.take_lease(connection, after=after, attempt=attempt, run_id=run_id)
    if holder != run_id:
        raise LeaseHeldError(f"Run {holder} retrains after {after} (attempt {attempt}) already; this one ends.")
    stop = threading.Event()
    thread = threading.Thread(target=_keep_alive, args=(url, run_id, stop), daemon=True, name="retraining-heartbeat")
    thread.start()
    try:
        yield Lease(url, after, attempt, run_id)
    finally:
        stop.set()
        thread.join()
        _heartbeat(url, run_id, finished=True)


def _keep_alive(url: str, run_id: str, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        _heartbeat(url, run_id, finished=False)


def _heartbeat(url: str, run_id: str, *, finished: bool) -> None:
    import psycopg2

    try:
        with connected(url) as connection:
            decision_log.heartbeat(connection, run_id, finished=finished)
    except psycopg2.Error as error:
        # A server that restarts misses a beat; the training goes on, and the next beat is heard.
        log.warning("no heartbeat for run %s: %s", run_id, error)
