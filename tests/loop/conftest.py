"""A migrated database with a way to put feedback into it, and the served folder of a few empty versions."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg2
import pytest

from buddies_assets.resources.loop_database import connected


@pytest.fixture
def connection(postgres_url: str) -> Iterator[Any]:
    """A connection to an up-to-date schema; commits each statement."""
    with connected(postgres_url):
        pass
    made = psycopg2.connect(postgres_url)
    made.autocommit = True
    yield made
    made.close()


@pytest.fixture
def add_sessions(connection) -> Callable[..., None]:
    """Adds sessions created at a time; numbers make their ids."""

    def add(numbers: range, at: datetime, **changes) -> None:
        told = {
            "user_id": 0,
            "user_key": "a" * 40,
            "liked": 100,
            "shown": [100, 110, 120, 130, 140],
            "model_version": "000001-aa-bb",
            "arm": "champion",
            "recommendation_id": "a.0123456789abcdef.000001-aa-bb",
        } | changes
        received = changes.pop("received_at", max(at, datetime(2026, 1, 1, tzinfo=UTC)))
        with connection.cursor() as cursor:
            for number in numbers:
                cursor.execute(
                    "INSERT INTO feedback.sessions (session_id, created_at, received_at, user_id, user_key, liked,"
                    " shown, model_version, arm, recommendation_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        str(UUID(int=number)),
                        at,
                        received,
                        *(told[name] for name in ("user_id", "user_key", "liked", "shown", "model_version", "arm")),
                        told["recommendation_id"],
                    ),
                )

    return add


@pytest.fixture
def add_served(connection) -> Callable[..., None]:
    """Counts lists as served on a day."""

    def add(version: str, lists: int, day: str = "2026-03-01", arm: str = "champion") -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO feedback.recommendations_served VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (day, model_version, arm) DO UPDATE SET recommendations ="
                " feedback.recommendations_served.recommendations + excluded.recommendations",
                (day, version, arm, lists),
            )

    return add


@pytest.fixture
def served_root(tmp_path: Path) -> Callable[..., Path]:
    """Folder of served versions that consist of a manifest and of their users' ids, those of numbers 0, 1, …"""
    import json

    from buddies_core.artifact.format import FORMAT

    root = tmp_path / "home" / "served_model"

    def make(*versions: str, users: str = "abc", number: int = FORMAT) -> Path:
        for version in versions:
            folder = root / "versions" / version
            folder.mkdir(parents=True)
            about = {
                "format": number,
                "version": version,
                "created_at": "2026-01-01T00:00:00+00:00",
                "model_version": "1",
            }
            (folder / "manifest.json").write_text(json.dumps(about))
            np.save(folder / "user_ids.npy", np.array([user * 40 for user in users], "S40"))
        return root

    return make
