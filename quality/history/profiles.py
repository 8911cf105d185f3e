"""What the columns of each version of a dataset held: sampled once, when the version is first seen, and then kept."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from buddies_core import json_text
from buddies_core.postgres.schema import rows
from buddies_core.storage.dataset import Dataset
from quality.profiles import profile, sample_of

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

LAST = 120
"""Versions that a history shows and learns from."""
MADE = 1
"""Raised when profiles are made in another way: those that are kept are then not compared with."""

_ONE = "SELECT columns FROM quality.profiles WHERE asset = %(asset)s AND fingerprint = %(fingerprint)s"
_ADD = """
    INSERT INTO quality.profiles (asset, fingerprint, at, columns)
    VALUES (%(asset)s, %(fingerprint)s, %(at)s, %(columns)s) ON CONFLICT (asset, fingerprint) DO NOTHING
"""
_LAST = """
    SELECT at, columns FROM quality.profiles
    WHERE asset = %(asset)s AND at < %(until)s AND fingerprint LIKE %(made)s ORDER BY at DESC LIMIT %(last)s
"""


def profile_of(connection: "Connection", dataset: Dataset) -> list[dict[str, Any]]:
    """A row a column of this version, as `quality.profiles.profile` makes it; computed when nobody has yet.

    Raises:
        OSError, BuddiesError, polars' errors: its files cannot be read.
    """
    key = {"asset": dataset.name, "fingerprint": f"{dataset.fingerprint}.{MADE}"}
    held = rows(connection, _ONE, key)
    if held:
        return held[0]["columns"]
    found = json_text.finite(profile(sample_of(dataset)))
    at = datetime.fromisoformat(dataset.manifest.created_at)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, key | {"at": at, "columns": json_text.dumps(found)})
        connection.commit()
    return found


def profiles(connection: "Connection", asset: str, until: datetime) -> list[tuple[datetime, list[dict[str, Any]]]]:
    """The last versions' columns before a time, oldest first."""
    found = rows(connection, _LAST, {"asset": asset, "until": until, "made": f"%.{MADE}", "last": LAST})
    return [(row["at"], row["columns"]) for row in reversed(found)]
