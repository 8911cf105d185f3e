"""The example of a recommender of one's own: found by its folder, made, checked, served, and on the dashboard."""

import asyncio
import os
import shutil
import subprocess
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
    checks = {f"{c.asset_key.to_user_string()}.{c.check_name}": c.passed for c in result.get_asset_check_evaluations()}
    schemas = {f"{name}.matches_its_schema" for name in ("film_ratings", "film_evaluation", "served_films")}
    assert schemas | {"film_evaluation.films_beat_chance"} <= set(checks)
    assert all(checks.values())

    app = create_app(ServingSettings(_env_file=None, home=str(tmp_path), postgres_url=None))
    offered = got(app, "/films/u3").json()["films"]
    seen = {f"f{film}" for film in range(1, 20, 2) if (3 + film) % 7}
    assert len(offered) == 5
    assert not seen & set(offered)
    assert offered[0] == "f11", "the one odd film that this odd user has not seen"
    assert got(app, "/films/nobody").status_code == 404

    pages = dashboard_pages(settings, instance, "/checks", "/lineage", "/training", "/asset?asset=film_ratings")
    assert "films_beat_chance" in pages["/checks"]
    assert {name for name in ("film_ratings", "film_evaluation", "served_films") if name in pages["/lineage"]} == {
        "film_ratings", "film_evaluation", "served_films",
    }  # fmt: skip
    assert "artist_plays" not in pages["/lineage"], "a system of which nothing was made is not in the way"
    assert "Films per user" in pages["/training"]
    assert "film_evaluation" in pages["/asset?asset=film_ratings"], "what is made of it"


def test_a_copy_in_any_folder_is_seen_without_any_other_edit(tmp_path):
    """The environment's own variable, in a process of its own: definitions, checks, columns and the drawn graph."""
    home = tmp_path / "anywhere"
    shutil.copytree(EXAMPLE, home)
    code = (
        "from buddies_assets.definitions import defs; from quality.graph import asset_graph\n"
        "graph = defs.resolve_asset_graph()\n"
        "print(sorted(k.to_user_string() for k in graph.get_all_asset_keys() if graph.get(k).group_name == 'films'))\n"
        "print(sorted(k.name for k in graph.asset_check_keys if k.asset_key.to_user_string() == 'film_evaluation'))\n"
        "print(asset_graph().having(['film_ratings']).drawn['served_films'])\n"
    )
    environment = {**os.environ, "BUDDIES_SYSTEMS_DIR": str(home), "BUDDIES_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-3:] == [
        "['film_evaluation', 'film_ratings', 'served_films']",
        "['films_beat_chance', 'matches_its_schema']",
        "('film_evaluation',)",
    ]


def dashboard_pages(settings: Settings, instance: dg.DagsterInstance, *paths: str) -> dict[str, str]:
    """Pages of the dashboard after the history has been brought up to date."""
    from quality.dashboard.app import create_app as dashboard
    from quality.dashboard.settings import DashboardSettings
    from quality.history.sync import sync

    assert settings.postgres_url is not None
    connection = psycopg2.connect(settings.postgres_url)
    sync(instance, connection)
    connection.close()
    app = dashboard(settings, DashboardSettings(read_event_log=False), refresh=False)
    pages = {path: got(app, path) for path in paths}
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(paths, 200)
    return {path: page.text for path, page in pages.items()}
