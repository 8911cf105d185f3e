"""Every border that figures cross: none lets NaN or infinity out, at any depth; what is finite arrives as it was."""

import json
import math
from datetime import UTC, datetime

import dagster as dg
import numpy as np
import polars as pl
import psycopg2
import pytest

from buddies_assets.io_managers import DatasetIOManager
from buddies_assets.metadata import plain, spread, table
from buddies_core import json_text
from buddies_core.postgres.schema import rows
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality.finite_metadata import finite_metadata

WRONG = (math.nan, math.inf, -math.inf)
NUMBERS = [*WRONG, *(np.float64(number) for number in WRONG), *(np.float32(number) for number in WRONG)]


def strict(text: str | bytes):
    """The JSON of a text, by a reader that takes no bare NaN or Infinity."""

    def refuse(word: str):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def nested(number: float) -> dict:
    return {"mrr": number, "rows": [{"loss": number, "n": 3}, (number, 0.5)], "array": np.array([number, 1.0])}


EXPECTED = {"mrr": None, "rows": [{"loss": None, "n": 3}, [None, 0.5]], "array": [None, 1.0]}


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_json_text_has_null_for_what_is_not_finite(number):
    assert strict(json_text.dumps(nested(number))) == EXPECTED


def test_what_is_finite_is_left_as_it_is():
    told = {"a": 1, "b": [1.5, "NaN", None, True], "c": {"d": -0.0}}
    assert json_text.finite(told) == told
    assert strict(json_text.dumps(told)) == told


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_metadata_of_assets_and_checks_hold_nothing_that_is_not_finite(number):
    frame = pl.DataFrame({"mrr": [float(number), 0.5]})
    given = {
        "figure": float(number),
        "wrapped": dg.MetadataValue.float(float(number)),
        "json": dg.MetadataValue.json({"best": [float(number)]}),
        "table": dg.MetadataValue.table([dg.TableRecord({"mrr": float(number)})]),
        "frame": table(frame),
        "kept": 0.5,
        **plain({"a_figure": number}),
        **spread("mrr", frame["mrr"]),
    }
    for name, entry in finite_metadata(given).items():
        value = getattr(entry, "value", entry)
        held = [dict(record.data) for record in entry.records] if isinstance(entry, dg.TableMetadataValue) else value
        assert json_text.finite(held) == held, name
    assert finite_metadata(given)["kept"] == 0.5


@pytest.mark.parametrize("number", WRONG, ids=str)
def test_what_an_asset_says_reaches_dagster_without_it(number, tmp_path):
    @dg.asset
    def figures() -> dg.Output[pl.DataFrame]:
        metadata = {"mrr": number, "best": dg.MetadataValue.json({"x": number}), "n": 3}
        return dg.Output(pl.DataFrame({"mrr": [number]}), metadata=metadata)

    store = DatasetStore.at(str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([figures], instance=instance, resources={"io_manager": DatasetIOManager(store.root)})
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["mrr"].value is None
    assert metadata["best"].value == {"x": None}
    assert metadata["n"].value == 3


@pytest.mark.parametrize("number", WRONG, ids=str)
def test_the_manifest_and_the_notes_of_a_dataset_are_json(number, tmp_path):
    store = DatasetStore.at(str(tmp_path))
    writer = store.writer(CacheKey("figures", params={"share": number}), "run")
    writer.write_sidecar(0, {"mrr": number})
    writer.commit([writer.write_shard(0, pl.DataFrame({"a": [1]}))], extra={"best": {"mrr": number}})
    written = list(tmp_path.rglob("*.json"))
    assert len(written) == 3
    for path in written:
        strict(path.read_text(encoding="utf-8"))
    assert store.open("figures").manifest.extra == {"best": {"mrr": None}}


@pytest.mark.parametrize("number", WRONG, ids=str)
def test_the_history_takes_evaluations_materialisations_versions_and_statistics(number, postgres_url):
    from quality.history.assets import statistics
    from quality.history.database import SCHEMA
    from quality.history.records import Evaluation, Materialisation, Retraining
    from quality.history.writer import write_evaluations, write_materialisations, write_retrainings

    at = datetime(2026, 3, 1, tzinfo=UTC)
    connection = psycopg2.connect(postgres_url)
    SCHEMA.migrate(connection)
    check = Evaluation(
        **{"at": at, "asset": "a", "check_name": "c", "run_id": "r", "severity": "warn", "passed": False},
        **{"value": number, "low": number, "high": number, "offending": 1, "total": 1, "sample": [{"x": number}]},
        **{"partition": None, "storage_id": 1, "rule": "", "blocking": False},
    )
    write_evaluations(connection, [check])
    facts = {"row_count": 1, "bytes": 1, "fingerprint": None, "metadata": nested(number), "storage_id": 2}
    write_materialisations(connection, [Materialisation(at=at, asset="a", run_id="r", partition=None, **facts)])
    metrics = {"version": "1", "at": at, "run_id": "r", "metrics": {"mrr": number}}
    write_retrainings(connection, [Retraining(**metrics, epochs=[{"loss": number}], configuration={"l2": number})])
    statistics(connection, "a", "f", lambda: nested(number))
    assert rows(connection, "SELECT value, sample FROM quality.evaluations") == [
        {"value": None, "sample": [{"x": None}]}
    ]
    assert rows(connection, "SELECT metadata FROM quality.materialisations") == [{"metadata": EXPECTED}]
    assert rows(connection, "SELECT figures FROM quality.statistics") == [{"figures": EXPECTED}]
    kept = rows(connection, "SELECT metrics, epochs, configuration FROM quality.retrainings")
    assert kept == [{"metrics": {"mrr": None}, "epochs": [{"loss": None}], "configuration": {"l2": None}}]
    connection.close()


@pytest.mark.parametrize("number", WRONG, ids=str)
def test_the_record_of_decisions_takes_them(number, postgres_url):
    from buddies_assets.release.decision_log import decisions, record
    from buddies_assets.resources.loop_database import connected

    with connected(postgres_url) as connection:
        facts = {"champion": "1", "challenger": None, "reason": "r", "automatic": True}
        record(connection, "published", **facts, numbers={"rate": number})
        assert decisions(connection)[0]["numbers"] == {"rate": None}


@pytest.mark.parametrize("number", WRONG, ids=str)
def test_pages_and_charts_of_the_dashboard_show_a_dash(number):
    from buddies_core.charts import lines
    from quality.dashboard.filters import figure, spark, to_json
    from quality.dashboard.plot import plot

    assert figure(number) == "–"
    assert strict(to_json([{"x": number, "at": datetime(2026, 3, 1, tzinfo=UTC)}]))[0]["x"] is None
    assert "n" not in spark([1.0, number, 2.0])
    assert spark([1.0, number]) == ""
    assert plot(lines, number).key


@pytest.mark.parametrize("number", WRONG, ids=str)
def test_the_api_answers_null(number):
    import msgspec

    from buddies_serving.types.api import ModelAbout

    about = ModelAbout("champion", 1.0, "v", "m", "t", "t", None, None, {"mrr": number}, {})
    assert strict(msgspec.json.encode(about))["metrics"] == {"mrr": None}
