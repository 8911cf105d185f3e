"""When the data are prepared again for what listeners did since: new songs of theirs, and listeners who are new."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from buddies_assets.feedback.event_days import event_counts
from buddies_assets.feedback.listener_plays import strangers
from buddies_core.interactions.numbers import stored_register
from buddies_core.postgres.schema import rows
from buddies_core.registry.watermark import Watermark
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

PLAYS, LIBRARY = "listener_plays", "user_library"


def decide_events(new: int, strange: int, needed: int, total: int) -> tuple[str | None, str]:
    """(run key or None, reason): whether enough has come, and where it stands.

    Args:
        new: events since `listener_plays` was made.
        strange: listeners with feedback who are in no library.
        needed: so many events, or new listeners, start a preparation.
        total: events in all, which names the run: the same events ask for one run.
    """
    where = f"{new:,} of {needed:,} events since listener_plays, {strange:,} listeners who are new"
    if new < needed and strange < needed:
        return None, where
    return f"events-{total}-{strange}", f"enough events: {where}"


def events_so_far(connection: "Connection", settings: Settings) -> tuple[int, int, int] | None:
    """(events since `listener_plays`, listeners in no library, events in all); None before the first library."""
    store = DatasetStore.at(settings.home)
    if not store.has(PLAYS) or not store.has(LIBRARY):
        return None
    new, total = events_after(connection, Watermark.of_lineage(store.open(PLAYS).manifest.extra, "events"))
    known = set(stored_register(store.open(LIBRARY))["user_id"].to_list())
    strange = sum(user_id not in known for user_id in strangers(connection).to_list())
    return new, strange, total


def events_after(connection: "Connection", read: Watermark) -> tuple[int, int]:
    """(events that a watermark has not read, events in all)."""
    first = rows(connection, "SELECT (min(created_at) AT TIME ZONE 'UTC')::date AS day FROM feedback.listener_events")
    day = first[0]["day"]
    counts = event_counts(connection, day, datetime.now(UTC).date()) if day is not None else {}
    return read.new_sessions(counts, counts), sum(counts.values())
