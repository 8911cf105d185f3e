"""The example of a recommender of one's own: found by its folder, made, checked, served, and on the dashboard."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import httpx
import numpy as np
import psycopg2
import pytest
from scipy.sparse import csr_array

import buddies_assets.systems
import buddies_serving.systems
from buddies_assets.definitions import build_definitions
from buddies_assets.systems.found import installed_systems
from buddies_core.recommenders.protocol import Recommender
from buddies_core.settings import Settings
from buddies_serving.main import create_app
from buddies_serving.settings import ServingSettings

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_recommender"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def films(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What BUDDIES_SYSTEMS_DIR does when a process starts."""
    for package, folder in ((buddies_assets.systems, "systems"), (buddies_serving.systems, "serving")):
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(EXAMPLE / folder)])
    yield
    for name in [name for name in sys.modules if ".systems.films" in name]:
        del sys.modules[name]


def got(app, path: str) -> httpx.Response:
    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            return await client.get(path)

    return asyncio.run(get())


def test_its_model_is_a_recommender(films):
    from buddies_assets.systems.films.model import Together

    rows, columns = np.indices((20, 20))
    board = csr_array(((rows + columns) % 2 == 0) & (rows != columns), dtype=np.float32)
    model = Together().fit(board)
    assert isinstance(model, Recommender)
    scores = model.scores(board)
    scores[board.toarray() > 0] = -np.inf
    assert scores.argmax(1).tolist() == list(range(20))
    assert model.similar(np.array([4, 7])).argmax(1).tolist() == [4, 7]
    again = Together.from_arrays(model.config, model.arrays())
    assert (again.scores(board) == model.scores(board)).all()


def test_one_folder_and_one_router_are_made_checked_served_and_seen(films, postgres_url, tmp_path):
    settings = Settings(home=str(tmp_path), postgres_url=postgres_url)
    assert "films" in {system.name for system in installed_systems()}
    instance = dg.DagsterInstance.ephemeral()
    job = build_definitions(settings).resolve_job_def("films_job")
    result = job.execute_in_process(instance=instance, run_config=QUIET)
    assert result.success
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True]

    app = create_app(ServingSettings(_env_file=None, home=str(tmp_path), postgres_url=None))
    offered = got(app, "/films/u3").json()["films"]
    seen = {f"f{film}" for film in range(1, 20, 2) if (3 + film) % 7}
    assert len(offered) == 5
    assert not seen & set(offered)
    assert offered[0] == "f11", "the one odd film that this odd user has not seen"
    assert got(app, "/films/nobody").status_code == 404

    assert "film_evaluation" in dashboard_page(settings, instance, "/checks")


def dashboard_page(settings: Settings, instance: dg.DagsterInstance, path: str) -> str:
    """A page of the dashboard after the history has been brought up to date."""
    from quality.dashboard.app import create_app as dashboard
    from quality.dashboard.settings import DashboardSettings
    from quality.history.sync import sync

    assert settings.postgres_url is not None
    connection = psycopg2.connect(settings.postgres_url)
    sync(instance, connection)
    connection.close()
    app = dashboard(settings, DashboardSettings(read_event_log=False), refresh=False)
    page = got(app, path)
    assert page.status_code == 200
    return page.text
