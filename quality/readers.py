"""Readers of what no IO manager loads: checkpoints, feedback in PostgreSQL, and blocks stored by day."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import polars as pl
from upath import UPath

from buddies_core.interactions.numbers import stored_register
from buddies_core.settings import Settings
from buddies_core.storage.datasets import Dataset, DatasetStore, Manifest
from quality.evidence import Evidence, table
from quality.history.feedback import refuse_lost_sessions
from quality.inputs import with_derived
from quality.served_readers import daily_inputs, served_model_inputs

FEEDBACK_WINDOW = timedelta(days=28)
"""Sessions that feedback checks look at: the window that models are trained on."""

_SESSIONS = """
    SELECT session_id::text AS session_id, created_at, user_id, liked, shown, model_version, recommendation_id
    FROM feedback.sessions WHERE created_at >= %(since)s ORDER BY created_at
"""


def checkpoint_inputs(settings: Settings) -> Mapping[str, Any]:
    """The newest checkpoint's vectors, what it says of itself, and the data as they are stored now."""
    from buddies_core.registry.checkpoints import CheckpointStore

    store = DatasetStore.at(settings.home)
    checkpoints = CheckpointStore(cast(Path, UPath(settings.home) / "checkpoints"))
    checkpoint = checkpoints.latest()
    factors = checkpoints.factors(checkpoint.version)
    trained_on = dict(checkpoint.lineage.get("datasets", {}))
    losses = sorted((name, value) for name, value in checkpoint.metrics.items() if name.startswith("loss"))
    return {
        "bpr_checkpoint": checkpoint,
        "user_vectors": factors.users,
        "playlist_vectors": factors.playlists,
        "model_card": {"inputs": trained_on, "losses": [value for _, value in losses]},
        "current_inputs": {name: store.open(name).fingerprint for name in trained_on if store.has(name)},
        "n_users": store.open("user_library").manifest.rows,
        "n_playlists": store.open("playlist_library").manifest.rows,
        "triplets": _trained_triplets(store, checkpoint.lineage),
    }


def _trained_triplets(store: DatasetStore, lineage: Mapping[str, Any]) -> pl.DataFrame:
    """Some (user, positive, negative) of what the model was taught.

    A positive of taste has no negative of its own: it is given another user's positive, by a hash of both ids' rows.
    """
    if lineage.get("positives") != "taste":
        return store.open("triplets").shard(0)
    taught = store.open("taste_positives").shard(0).filter(~pl.col("cold"))
    keys = ["user", "positive"]
    other = pl.struct(keys).hash(seed=0)
    negative = taught.select(negative=pl.col("positive").sort_by(other))
    triplets = pl.concat([taught.select(keys), negative], how="horizontal")
    return triplets.join(taught.select(keys), left_on=["user", "negative"], right_on=keys, how="anti")


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
    evidence = Evidence({n: store.open(n) for n in ("user_library", "playlist_library", "playlist_ownership")})
    blocks = _days(store, "feedback_blocks", _NO_BLOCKS)
    listeners = blocks.select(pl.col("user").unique()).lazy()
    likes = store.open("splits").scan().join(listeners, on="user", how="semi").collect(engine="streaming")
    return {
        "feedback_blocks": blocks,
        "splits": likes,
        **{name: evidence[name] for name in ("n_users", "n_playlists", "playlist_ownership")},
    }


def quarantined_feedback_inputs(settings: Settings) -> Mapping[str, Any]:
    """Every stored day of sessions that were set aside."""
    return {"quarantined_feedback": _days(DatasetStore.at(settings.home), "quarantined_feedback", _NO_REASONS)}


def read_sessions(settings: Settings, since: datetime) -> pl.DataFrame:
    """Feedback sessions since a time, oldest first; none where the service has never run."""
    schema: dict[str, Any] = {
        "session_id": pl.String,
        "created_at": pl.Datetime("us", "UTC"),
        "user_id": pl.Int64,
        "liked": pl.Int64,
        "shown": pl.List(pl.Int64),
        "model_version": pl.String,
        "recommendation_id": pl.String,
    }
    return pl.DataFrame(_query(settings, "feedback.sessions", _SESSIONS, {"since": since}), schema=schema, orient="row")


def has_sessions(settings: Settings) -> bool:
    """Whether any feedback was ever stored."""
    return bool(_query(settings, "feedback.sessions", "SELECT 1 FROM feedback.sessions LIMIT 1"))


def published_versions(settings: Settings) -> list[str]:
    """Every version that was ever served, by its folder or by what the service counted."""
    folder = settings.local_home / "served_model" / "versions"
    stored = {path.name for path in folder.iterdir() if path.is_dir()} if folder.exists() else set()
    counted = _query(
        settings,
        "feedback.recommendations_served",
        "SELECT DISTINCT model_version FROM feedback.recommendations_served",
    )
    return sorted(stored | {version for (version,) in counted})


def _query(
    settings: Settings, relation: str, sql: str, parameters: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Rows of a query; none where there is no database yet, or no service ever made its tables in it.

    Raises:
        LostTableError: the service's sessions were made and are gone: that is no lack of feedback.
    """
    from buddies_core.postgres.connecting import connect
    from buddies_core.postgres.embedded import feedback_database

    url = feedback_database(settings)
    if url is None:
        return []
    connection = connect(url)
    try:
        with connection, connection.cursor() as cursor:
            refuse_lost_sessions(connection)
            cursor.execute("SELECT to_regclass(%s) IS NULL", (relation,))
            absent = cursor.fetchone()
            if absent is None or absent[0]:
                return []
            cursor.execute(sql, parameters)
            return cursor.fetchall()
    finally:
        connection.close()


_NO_BLOCKS = pl.Schema([("user", pl.UInt32()), ("positive", pl.UInt32()), ("negatives", pl.List(pl.UInt32))])
_NO_REASONS = pl.Schema([("reason", pl.String())])


def _days(store: DatasetStore, name: str, empty: pl.Schema) -> pl.DataFrame:
    folder = store.folder(name)
    manifests = sorted(folder.rglob("manifest.json")) if folder.exists() else []
    parts = [table(Dataset(path.parent, Manifest.parse(path.read_text()))) for path in manifests]
    filled = [part for part in parts if part.height]
    return pl.concat(filled, how="diagonal_relaxed") if filled else pl.DataFrame(schema=empty)


READERS: dict[str, Callable[[Settings], Mapping[str, Any]]] = {
    "bpr_checkpoint": checkpoint_inputs,
    "user_feedback": feedback_inputs,
    "feedback_blocks": feedback_block_inputs,
    "quarantined_feedback": quarantined_feedback_inputs,
    "served_model": served_model_inputs,
    "daily_recommendations": daily_inputs,
}
"""Assets that are read with the settings, not through the IO manager."""

READ_AFTER: dict[str, list[str]] = {
    "bpr_checkpoint": ["triplets", "taste_positives", "user_library", "playlist_library"],
    "user_feedback": ["user_library", "playlist_library"],
    "feedback_blocks": ["user_library", "playlist_library", "playlist_ownership", "splits", "cold_users"],
    "quarantined_feedback": [],
    "served_model": ["ranked_candidates", "user_library", "playlist_library", "songs"],
    "daily_recommendations": ["served_model", "user_library", "playlist_library"],
}
"""What must be stored before such an asset can be judged; a run makes it first."""
