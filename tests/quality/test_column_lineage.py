"""Which columns a column comes from, by hand on three small schemas; and that Dagster and the page show it."""

import dagster as dg
import polars as pl
import pytest

from quality import column_lineage as module
from quality.column_lineage import column_lineage
from quality.column_schemas import lineage_metadata
from quality.dataset_spec import DatasetSpec, Field, TableSchema
from quality.graph import asset_graph
from tests.quality.test_dashboard_pages import get

SPECS = {
    "likes": TableSchema({"user": Field(pl.UInt32, "users"), "playlist": Field(pl.UInt32, "playlists"),
                          "score": Field(pl.Float32), "note": Field(pl.String)}),
    "owners": TableSchema({"playlist": Field(pl.UInt32, "playlists"), "note": Field(pl.String)}),
    "blocks": TableSchema({"user": Field(pl.UInt32, "users"), "positive": Field(pl.UInt32, "playlists"),
                           "score": Field(pl.Float32), "note": Field(pl.String), "gain": Field(pl.Float64)}),
}  # fmt: skip


@pytest.fixture
def schemas(monkeypatch):
    """The three schemas in place of the code location's."""
    monkeypatch.setattr(module, "spec_of", lambda name: DatasetSpec(name, schema=SPECS.get(name)))


def test_an_index_comes_from_what_points_into_the_same_table_whatever_its_name(schemas):
    found = column_lineage("blocks", ["likes", "owners", "a_file"])
    assert found["user"] == (("likes", "user"),)
    assert found["positive"] == (("likes", "playlist"), ("owners", "playlist"))


def test_another_column_comes_from_the_one_of_its_name_and_none_is_guessed(schemas):
    found = column_lineage("blocks", ["likes", "owners"])
    assert found["score"] == (("likes", "score"),)
    assert "note" not in found  # two have one
    assert "gain" not in found  # nobody has
    assert column_lineage("a_file", ["likes"]) == {}
    assert column_lineage("blocks", []) == {}


def test_the_columns_of_user_blocks_come_from_the_splits():
    found = column_lineage("user_blocks", asset_graph().made_of["user_blocks"])
    assert ("splits", "user") in found["user"]
    assert ("splits", "playlist") in found["positive"]


def test_every_source_is_a_column_of_an_asset_that_it_is_made_of():
    graph = asset_graph().made_of
    known = 0
    for asset, ups in graph.items():
        for sources in column_lineage(asset, ups).values():
            known += len(sources)
            assert {name for name, _ in sources} <= set(ups)
    assert known > 30


def test_a_materialisation_tells_dagster_from_which_columns_its_columns_come():
    lineage = lineage_metadata("user_blocks", ["splits"])["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineage)
    assert lineage.deps_by_column["user"] == [dg.TableColumnDep(dg.AssetKey("splits"), "user")]
    assert lineage_metadata("a_file", ["splits"]) == {}


def test_the_page_of_an_asset_says_what_its_columns_are_made_of(dashboard):
    assert "splits.user" in get(f"{dashboard.url}/asset/tables/columns.csv?asset=user_blocks")[1]
