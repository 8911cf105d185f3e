"""How long the loop's sensors take over a history of feedback: counting, deciding and saying where they stand."""

import statistics
import tempfile
import time
from pathlib import Path

import dagster as dg
import numpy as np

from benchmarks.measure import Report, Row
from buddies_assets.automation.sensors import build_sensors
from buddies_assets.release.retraining_inputs import checkpoints_of
from buddies_assets.resources.loop_database import connected
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.postgres.schema import execute
from buddies_core.recommenders.bpr.config import BEST
from buddies_core.recommenders.factors import Factors
from buddies_core.settings import Settings

SESSIONS = {"small": 100_000, "tenth": 1_000_000, "full": 5_000_000}
NAMES = ("feedback_retrain_sensor", "degradation_sensor", "canary_sensor")
ROUNDS, YEAR, WINDOW = 9, 365, 28

_FILL = """
INSERT INTO feedback.sessions (session_id, created_at, received_at, user_id, user_key, liked, shown, model_version, arm)
SELECT md5(n::text)::uuid, now() - n * interval '1 second' * %(step)s, now() - n * interval '1 second' * %(step)s,
       n %% 1000, repeat('a', 40), 1, ARRAY[1, 2, 3, 4, 5], '000001-a-b', 'champion'
FROM generate_series(0, %(sessions)s - 1) AS n
"""


def run(scale: str) -> Report:
    """Seconds of one evaluation, over sessions of a year and over as many within the window of four weeks."""
    report = Report("sensors")
    with tempfile.TemporaryDirectory(prefix="buddies-sensors-") as folder:
        Path(folder).chmod(0o755)
        for spread in (YEAR, WINDOW):
            server = EmbeddedPostgres(Path(folder) / f"postgres-{spread}")
            settings = Settings(home=str(Path(folder) / f"home-{spread}"), postgres_url=server.start(), track=False)
            try:
                _prepare(settings, SESSIONS[scale], spread)
                for name in NAMES:
                    _measure(report, settings, name, f"{SESSIONS[scale]:,} sessions in {spread} days")
            finally:
                server.stop()
    slowest = max(row.seconds for row in report.rows)
    report.ratios["sensor_budget_200_ms_vs_slowest"] = 0.2 / slowest
    return report


def _prepare(settings: Settings, sessions: int, days: int) -> None:
    factors = Factors(np.ones((2, 4), np.float32), np.ones((3, 4), np.float32))
    checkpoints_of(settings).save(factors, BEST, metrics={"mrr": 0.5}, lineage={"run_id": "run"})
    root = Path(settings.home) / "served_model"
    root.mkdir(parents=True)
    (root / "current.json").write_text('{"format": 1, "champion": "000001-a-b", "challenger": null}', encoding="utf-8")
    with connected(settings.postgres_url or "") as connection:
        execute(connection, _FILL, {"sessions": sessions, "step": days * 86_400 / sessions})
        execute(
            connection,
            "INSERT INTO loop.levels (champion, since, like_rate, reciprocal_rank, recommendations, likes)"
            " VALUES ('000001', current_date - 30, 0.2, 0.4, 1000, 200)",
        )
    import psycopg2

    plain = psycopg2.connect(settings.postgres_url)
    plain.autocommit = True
    execute(plain, "VACUUM ANALYZE feedback.sessions")
    plain.close()


def _measure(report: Report, settings: Settings, name: str, step: str) -> None:
    sensor = next(sensor for sensor in build_sensors(settings) if sensor.name == name)
    seconds = []
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(ROUNDS):
            with dg.build_sensor_context(instance=instance, resources={"pipeline": Pipeline.of(settings)}) as context:
                began = time.perf_counter()
                said = sensor.evaluate_tick(context)
                seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds)
    report.add(Row(step, name, 1, median, 1 / median, "looks"))
    report.notes.append(
        f"{name}, {step}: {said.skip_message or [request.run_key for request in said.run_requests or ()]}"
    )
