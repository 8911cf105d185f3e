"""The loop with real processes: PostgreSQL, the daemon, the service, and listeners who answer over HTTP."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from living import ROOT, daemon, runs_now, service, wait_for

from buddies_assets.release import channels, decision_log
from buddies_assets.resources.loop_database import connected
from buddies_assets.simulation.command import service_url
from buddies_assets.simulation.run import Population, ServiceClient, simulate_listeners
from buddies_core.artifact.traffic_split import draw
from buddies_core.http.ports import free_port
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200, func_only=True)]
LISTENERS = 300


@pytest.fixture
def living(
    tiny_world, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Settings, Path]]:
    """Settings of a tiny world with a hurried loop, known to an instance that the daemon shares."""
    made, result = tiny_world
    shutil.copytree(made.home, tmp_path / "home")
    variables = {
        "HOME": tmp_path / "home",
        "POSTGRES_URL": postgres_url,
        "PORT": free_port(),
        "SEARCH_TRIALS": 0,
        "TRACK": "false",
        "SYNTHETIC_USERS": 400,
        "SYNTHETIC_PLAYLISTS": 4_000,
        "SHARD_USERS": 150,
        "THREADS": 2,
        "RETRAIN_SESSIONS": 400,
        "CANARY_SHARE": 0.5,
        "CANARY_FEWEST": 200,
        "SENSOR_SECONDS": 2,
        "SCHEDULES": "off",
        "MODEL_POLL_SECONDS": 0.2,
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"BUDDIES_{name}", str(value))
    instance_home = tmp_path / "dagster"
    instance_home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", instance_home)
    monkeypatch.setenv("DAGSTER_HOME", str(instance_home))
    monkeypatch.chdir(tmp_path)
    with dg.DagsterInstance.get() as instance:
        for event in result.get_asset_materialization_events():
            instance.report_runless_asset_event(dg.AssetMaterialization(event.asset_key))
        for evaluation in result.get_asset_check_evaluations():
            if evaluation.blocking:
                told = (evaluation.asset_key, evaluation.check_name, evaluation.passed)
                instance.report_runless_asset_event(dg.AssetCheckEvaluation(*told, metadata={}, blocking=True))
    settings = Settings()
    assert run(settings, "ranked_candidates", "served_model").success
    yield settings, tmp_path


def run(settings: Settings, *assets: str) -> dg.ExecuteInProcessResult:
    """One run of some assets in the shared instance."""
    from buddies_assets.definitions import build_definitions

    job = build_definitions(settings).resolve_implicit_global_asset_job_def()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.get() as instance:
        chosen = [dg.AssetKey(name) for name in assets]
        return job.execute_in_process(instance=instance, run_config=quiet, asset_selection=chosen)


class Listeners:
    """A population that goes on listening, day after day of its own clock.

    Either half of the listeners: what one has liked leaves their lists, so after thousands of lists nothing good is
    left to show them, and a good model looks no better than a bad one.
    """

    def __init__(self, settings: Settings, half: int) -> None:
        self.settings, self.half, self.rounds = settings, half, 0
        self.likes, self.lists = 0, 0

    def listen(self, lists: int) -> float:
        """Ask for that many lists and answer them; the like-rate."""
        self.rounds += 1
        end = datetime.now(UTC)
        everyone = Population.of(self.settings, users=LISTENERS, preference="taste", seed=1)
        population = replace(everyone, users=np.sort(everyone.users)[self.half :: 2], seed=self.rounds)
        with ServiceClient(service_url(self.settings)) as client:
            report = simulate_listeners(population, client, start=end - timedelta(days=14), end=end, lists=lists)
        self.lists += report.lists
        self.likes += report.likes
        return report.rate


def decisions(settings: Settings) -> list[dict]:
    """Promotions and rollbacks, the first one first."""
    with connected(settings.postgres_url or "") as connection:
        return [made for made in decision_log.decisions(connection)[::-1] if made["action"] != "alarm"]


def test_feedback_retrains_a_canary_proves_it_and_a_sabotaged_model_is_rolled_back(living):
    settings, folder = living
    root = settings.local_home / "served_model"
    checkpoints = CheckpointStore(Path(settings.home) / "checkpoints")
    first = channels.channels(root)
    assert first is not None
    with service(folder, settings.port) as url, daemon(folder):
        listeners = Listeners(settings, half=0)
        client = ServiceClient(url)
        before = {user: client.recommend(user).pids for user in range(50)}
        listeners.listen(2_500)
        assert listeners.likes > 400

        wait_for(lambda: len(checkpoints.versions()) > 1, 300, "the sensor retrained", runs_now)
        trial = wait_for(
            lambda: (channels.channels(root) or first).challenger, 300, "the new model is on trial", runs_now
        )
        assert channels.model_of(trial.version) == "000002"
        assert trial.share == 0.5
        learnt = checkpoints.load("000002").lineage["feedback"]
        assert learnt["sessions"] >= 400
        wait_for(lambda: client.recommend(0) and _arms(url) == {"champion", "challenger"}, 60, "both are served")
        for user in range(20):
            arm = client.recommend(user).recommendation_id[0]
            assert arm == ("b" if draw(user) < 0.5 else "a")

        def decided(count: int) -> bool:
            # The sensor looks after each round, before the listeners have liked all there is for them.
            listeners.listen(200)
            end = time.time()
            wait_for(lambda: looked_since(end), 120, "the canary sensor looks", runs_now)
            return len(decisions(settings)) >= count

        wait_for(lambda: decided(1), 300, "the trial is decided")
        made = decisions(settings)[0]
        assert (made["action"], made["challenger"], made["automatic"]) == ("promoted", "000002", True)
        wait_for(lambda: client.recommend(0) and _arms(url) == {"champion"}, 60, "the service took it up")
        after = {user: client.recommend(user).pids for user in range(50)}
        assert sum(before[user] != after[user] for user in before) > 10

        sabotage(checkpoints, settings)
        listeners = Listeners(settings, half=1)
        wait_for(lambda: channels.channels(root).challenger, 120, "the sabotaged model is on trial")
        wait_for(lambda: decided(2), 300, "the sabotaged model is judged")
        last = decisions(settings)[1]
        assert (last["action"], last["challenger"]) == ("rolled_back", "000003"), last["reason"]
        assert "000003" in channels.rejected(root)
        served = channels.channels(root)
        assert served is not None and channels.model_of(served.champion) == "000002" and served.challenger is None


def looked_since(moment: float) -> bool:
    """Whether a look of the canary sensor that began after the moment has ended."""
    with dg.DagsterInstance.get() as instance:
        sensors = {state.name: state.instigator_data for state in instance.all_instigator_state()}
    looked = sensors.get("canary_sensor")
    return looked is not None and (looked.last_tick_timestamp or 0) > moment


def sabotage(checkpoints: CheckpointStore, settings: Settings) -> None:
    """A model with lists drawn at random, past the offline gate: only listeners can tell."""
    good = checkpoints.latest()
    factors = checkpoints.factors(good.version)
    checkpoints.save(factors, good.config, metrics=good.metrics, lineage=good.lineage | {"run_id": "sabotage"})
    store, generator = DatasetStore.at(settings.home), np.random.default_rng(0)
    lists = store.open("taste_candidates").frame()
    drawn = [generator.choice(len(factors.playlists), 75, replace=False).tolist() for _ in range(lists.height)]
    wrong = lists.with_columns(
        playlists=pl.Series(drawn, dtype=lists.schema["playlists"]),
        scores=pl.Series([np.linspace(1, 0, 75).tolist()] * lists.height, dtype=lists.schema["scores"]),
    )
    writer = store.writer(CacheKey("taste_candidates", "sabotage"), "sabotage")
    writer.commit([writer.write_shard(0, wrong)], extra={"starts": [0]})
    lenient = settings.model_copy(update={"canary_tolerance": 1.0})
    assert run(lenient, "ranked_candidates", "served_model").success


def _arms(url: str) -> set[str]:
    from urllib.request import urlopen

    with urlopen(f"{url}/model", timeout=5) as answer:
        return {arm["arm"] for arm in json.load(answer)["arms"]}
