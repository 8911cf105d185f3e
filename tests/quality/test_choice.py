"""Owner, tag and stage in the URL: which assets, checks, incidents and nodes the pages then show."""

import csv
import io
import json

import pytest

from quality.dashboard.choice import Choice, choices
from quality.graph import AssetNode, asset_graph, graph_of
from tests.quality.test_dashboard_pages import get

GRAPH = graph_of(
    {
        "plays": AssetNode((), None, "sources", ("parquet", "domain=music")),
        "songs": AssetNode(("plays",), None, "songs", ("polars",)),
        "model": AssetNode(("songs",), None, "training", ("numba", "parquet")),
    }
)
OWNERS = {"songs": "anna", "model:is_finite": "ben"}


@pytest.mark.parametrize(
    ("query", "assets"),
    [
        ({}, {"plays", "songs", "model"}),
        ({"owner": "anna"}, {"songs"}),
        ({"owner": "team:buddies"}, {"plays", "model"}),
        ({"tag": "parquet"}, {"plays", "model"}),
        ({"tag": "domain=music"}, {"plays"}),
        ({"stage": "training"}, {"model"}),
        ({"stage": "training", "tag": "polars"}, set()),
        ({"tag": "par"}, set()),
    ],
)
def test_assets_are_chosen_by_owner_tag_and_stage_together(query, assets):
    choice = Choice.of(query | {"from": "2026-01-01"})
    assert {asset for asset in GRAPH.made_of if choice.has(asset, GRAPH, OWNERS)} == assets
    assert bool(choice) is bool(query)


def test_a_rule_with_an_owner_of_its_own_is_chosen_by_that_owner():
    assert Choice(owner="ben").has("model", GRAPH, OWNERS, "is_finite")
    assert not Choice(owner="ben").has("model", GRAPH, OWNERS, "is_small")
    assert not Choice(owner="team:buddies").has("model", GRAPH, OWNERS, "is_finite")


def test_the_form_offers_what_the_assets_have():
    assert choices(["plays", "songs"], GRAPH, OWNERS) == {
        "owner": ["anna", "ben", "team:buddies"],
        "tag": ["domain=music", "parquet", "polars"],
        "stage": ["songs", "sources"],
    }


def test_a_choice_goes_into_links_escaped():
    assert Choice().query == ""
    assert Choice(owner="team:a&b", stage="x y").query == "&owner=team%3Aa%26b&stage=x+y"


def test_every_asset_of_the_code_location_has_a_stage_and_a_tag():
    graph = asset_graph()
    assert {asset for asset in graph.made_of if asset not in graph.stages} == set()
    assert len({tag for tags in graph.tags.values() for tag in tags}) > 3


def names(dashboard, page: str, table: str, query: str) -> list[str]:
    _, body, _ = get(f"{dashboard.url}/{page}/tables/{table}.csv?{query}")
    return [row.get("Asset", "") for row in csv.DictReader(io.StringIO(body))]


@pytest.mark.parametrize(("page", "table"), [("overview", "assets"), ("checks", "checks"), ("lineage", "edges")])
def test_tables_show_the_chosen_stage_alone(dashboard, page, table):
    stage = asset_graph().stages["user_blocks"]
    of_stage = {asset for asset, held in asset_graph().stages.items() if held == stage}
    found = set(names(dashboard, page, table, f"stage={stage}"))
    assert "user_blocks" in found
    assert found <= of_stage
    assert set(names(dashboard, page, table, "")) - of_stage
    assert names(dashboard, page, table, "owner=nobody") == []


def test_the_drawn_graph_shows_the_chosen_stage_alone(dashboard):
    stage = asset_graph().stages["user_blocks"]
    _, body, _ = get(f"{dashboard.url}/lineage/charts/graph.json?stage={stage}")
    assert '"user_blocks"' in body
    assert '"msd_songs"' not in body
    assert json.loads(get(f"{dashboard.url}/lineage/charts/graph.json?stage=nowhere")[1]) == {"empty": True}


def test_an_empty_table_does_not_say_that_all_is_well_where_others_are_hidden(dashboard):
    _, body, _ = get(f"{dashboard.url}/?owner=nobody")
    assert "Every check passes." not in body
    assert "Nothing of owner nobody; clear the filters for all others." in body


@pytest.mark.browser
def test_a_choice_stays_in_the_url_from_page_to_page_and_range_to_range(page):
    page.goto("/")
    stage = asset_graph().stages["user_blocks"]
    page.get_by_label("Stage").select_option(stage)
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(f"**stage={stage}*")
    page.get_by_role("link", name="Checks", exact=True).click()
    page.wait_for_url(f"**/checks?*stage={stage}*")
    page.get_by_role("link", name="7 d", exact=True).click()
    assert f"stage={stage}" in page.url
    assert page.get_by_label("Stage").input_value() == stage
    page.get_by_role("link", name="Clear").click()
    page.wait_for_url(lambda url: "stage=" not in url)
