"""Links to Dagster, the service, MLflow and Grafana from every page, and from Dagster back."""

import pytest

from buddies_assets.definitions import build_definitions
from buddies_core.environment import InvalidSettingError
from buddies_core.settings import Settings
from quality.dashboard.elsewhere import links
from quality.dashboard.settings import DashboardSettings
from tests.quality.test_dashboard_pages import get


def settings(**given) -> Settings:
    return Settings(_env_file=None, **{"track": True} | given)


def test_links_are_to_where_the_servers_are_started_and_grafana_only_where_it_is_named():
    found = dict(links(settings(port=8005, mlflow_port=5005), DashboardSettings()))
    assert found["Listener page"] == "http://127.0.0.1:8005/"
    assert found["API"] == "http://127.0.0.1:8005/docs"
    assert found["MLflow"] == "http://127.0.0.1:5005"
    assert "Grafana" not in found


def test_links_are_to_where_they_are_said_to_be():
    given = DashboardSettings(
        link_service="https://music.example.org/",
        link_mlflow="https://m.example.org",
        link_grafana="https://g.example.org",
    )
    found = dict(links(settings(), given))
    assert found["Listener page"] == "https://music.example.org/"
    assert (found["MLflow"], found["Grafana"]) == ("https://m.example.org", "https://g.example.org")


def test_mlflow_elsewhere_is_linked_there_and_a_database_is_no_page():
    assert dict(links(settings(mlflow_tracking_uri="http://m:5000"), DashboardSettings()))["MLflow"] == "http://m:5000"
    found = dict(links(settings(mlflow_tracking_uri="postgresql://m/mlflow"), DashboardSettings()))
    assert found["MLflow"] == "http://127.0.0.1:5000"
    assert "MLflow" not in dict(links(settings(track=False), DashboardSettings()))


def test_a_link_that_would_run_a_script_is_refused():
    with pytest.raises(InvalidSettingError, match="BUDDIES_LINK_GRAFANA"):
        DashboardSettings(link_grafana="javascript:alert(1)")


def test_every_page_has_the_links_and_an_error_page_too(dashboard):
    for address in ("", "checks", "lineage", "weather"):
        assert f'href="{dashboard.dagster_url}"' in get(f"{dashboard.url}/{address}")[1]


def test_an_asset_in_dagster_links_to_its_page():
    graph = build_definitions(settings(dashboard_url="https://q.example.org/")).resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        page = graph.get(key).metadata["data quality"].url
        assert page == f"https://q.example.org/asset?asset={key.to_user_string()}"


def test_what_no_button_makes_says_so():
    graph = build_definitions(settings()).resolve_asset_graph()
    grey = [graph.get(key) for key in graph.get_all_asset_keys() if not graph.get(key).is_executable]
    assert len(grey) >= 6
    for node in grey:
        assert "Materialize is grey" in node.description or "nothing to materialise" in node.description
