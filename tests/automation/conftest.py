"""An instance in memory, a migrated database, and the files of a first checkpoint."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from buddies_core.settings import Settings


@pytest.fixture
def loop_settings(tmp_path: Path, postgres_url: str) -> Settings:
    """Settings over an empty home and a database of this test's own."""
    return Settings(home=str(tmp_path / "home"), postgres_url=postgres_url, track=False, retrain_sessions=100)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that is gone after the test."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def save_checkpoint(loop_settings: Settings):
    """Stores a small model with a watermark and returns its version."""
    from buddies_assets.release.retraining_inputs import checkpoints_of
    from buddies_core.recommenders.bpr.config import BEST
    from buddies_core.recommenders.factors import Factors

    def save(days: dict[str, int] | None = None, run_id: str = "run") -> str:
        factors = Factors(np.ones((2, 4), np.float32), np.ones((3, 4), np.float32))
        lineage = {"run_id": run_id, "feedback": {"days": days or {}, "sessions": sum((days or {}).values())}}
        return checkpoints_of(loop_settings).save(factors, BEST, metrics={"mrr": 0.5}, lineage=lineage).version

    return save


@pytest.fixture
def fill(loop_settings: Settings):
    """Stores many sessions at once, spread evenly over the last `days`."""
    from buddies_assets.resources.loop_database import connected
    from buddies_core.postgres.schema import execute

    def add(sessions: int, days: float, *, version: str = "000001-a-b", first: int = 0) -> None:
        with connected(loop_settings.postgres_url or "") as connection:
            execute(
                connection,
                "INSERT INTO feedback.sessions (session_id, created_at, received_at, user_id, user_key, liked, shown,"
                " model_version, arm) SELECT md5((n + %(first)s)::text)::uuid,"
                " now() - n * interval '1 second' * %(step)s, now(), n %% 1000, repeat('a', 40), 1,"
                " ARRAY[1, 2, 3, 4, 5], %(version)s, 'champion' FROM generate_series(0, %(n)s - 1) AS n",
                {"first": first, "step": days * 86_400 / sessions, "version": version, "n": sessions},
            )

    return add
