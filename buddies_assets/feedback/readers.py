"""What the rules of feedback are given: sessions from PostgreSQL, and blocks that are stored by day."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from buddies_assets.feedback.event_days import KEPT
from buddies_core.interactions.numbers import stored_register
from buddies_core.settings import Settings
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import Manifest
from quality.check_inputs import CheckInputs, table
from quality.inputs import with_derived
from quality.sessions import published_versions, read_events, read_sessions

FEEDBACK_WINDOW = timedelta(days=28)
"""Sessions that feedback checks look at: the window that models are trained on."""


def feedback_inputs(settings: Settings) -> Mapping[str, Any]:
    """The sessions of the last four weeks, and the index tables that they point into."""
    store, now = DatasetStore.at(settings.home), datetime.now(UTC)
    sessions = read_sessions(settings, now - FEEDBACK_WINDOW)
    return with_derived(
        {
            "user_feedback": sessions,
            "now_at": now,
            "n_numbers": stored_register(store.open("user_library")).height,
            "playlist_rows": store.open("playlist_library").frame(["pid"]),
            "model_versions": published_versions(settings),
        }
    )


def feedback_block_inputs(settings: Settings) -> Mapping[str, Any]:
    """Every stored day of feedback blocks, and what blocks are compared with; of the splits, the listeners' rows."""
    store = DatasetStore.at(settings.home)
    inputs = CheckInputs({n: store.open(n) for n in ("user_library", "playlist_library", "playlist_ownership")})
    blocks = _days(store, "feedback_blocks", _NO_BLOCKS)
    listeners = blocks.select(pl.col("user").unique()).lazy()
    likes = store.open("splits").scan().join(listeners, on="user", how="semi").collect(engine="streaming")
    return {
        "feedback_blocks": blocks,
        "splits": likes,
        **{name: inputs[name] for name in ("n_users", "n_playlists", "playlist_ownership")},
    }


def quarantined_feedback_inputs(settings: Settings) -> Mapping[str, Any]:
    """Every stored day of sessions that were set aside."""
    return {"quarantined_feedback": _days(DatasetStore.at(settings.home), "quarantined_feedback", _NO_REASONS)}


def event_inputs(settings: Settings) -> Mapping[str, Any]:
    """The events of the last four weeks."""
    now = datetime.now(UTC)
    return {"listener_events": read_events(settings, now - FEEDBACK_WINDOW), "now_at": now}


def event_day_inputs(settings: Settings) -> Mapping[str, Any]:
    """Every stored day of graded events."""
    return {"listener_event_days": _days(DatasetStore.at(settings.home), "listener_event_days", KEPT)}


def quarantined_event_inputs(settings: Settings) -> Mapping[str, Any]:
    """Every stored day of events that were set aside."""
    return {"quarantined_events": _days(DatasetStore.at(settings.home), "quarantined_events", _NO_REASONS)}


_NO_BLOCKS = pl.Schema([("user", pl.UInt32()), ("positive", pl.UInt32()), ("negatives", pl.List(pl.UInt32))])
_NO_REASONS = pl.Schema([("reason", pl.String())])


def _days(store: DatasetStore, name: str, empty: pl.Schema) -> pl.DataFrame:
    folder = store.folder(name)
    manifests = sorted(folder.rglob("manifest.json")) if folder.exists() else []
    parts = [table(Dataset(path.parent, Manifest.parse(path.read_text()))) for path in manifests]
    filled = [part for part in parts if part.height]
    return pl.concat(filled, how="diagonal_relaxed") if filled else pl.DataFrame(schema=empty)
