"""Questions that many rules ask, answered in one pass, against the plain table of one row a member."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.data_defects.bench import DEFECTS, planted
from quality.dataset_spec import Field, TableSchema
from quality.registry import dataset_specs
from quality.rules.conforming import conforms
from quality.rules.packing import packed, repeats
from quality.rules.shapes import (
    broken_ranks,
    duplicates,
    exploded,
    member_counts,
    members_that_are,
    repeated_members,
    rows_holding,
    unmatched,
    with_partner,
)

SMALL = st.integers(0, 4)
ROWS = st.lists(st.tuples(SMALL, SMALL, st.lists(SMALL, max_size=5)), max_size=12)
PAIRS = st.lists(st.tuples(SMALL, SMALL), max_size=12)
FAR = 1 << 20
"""Members this far apart share a slot of the kernels' table."""


def blocks(rows, scale: int = 1, dtype=pl.UInt32) -> pl.DataFrame:
    lists = [[member * scale for member in members] for _, _, members in rows]
    columns = {"user": [u for u, _, _ in rows], "positive": [p * scale for _, p, _ in rows], "negatives": lists}
    return pl.DataFrame(columns, schema={"user": dtype, "positive": dtype, "negatives": pl.List(dtype)})


def pairs(rows, scale: int = 1, dtype=pl.UInt32) -> pl.DataFrame:
    columns = {"user": [u for u, _ in rows], "playlist": [p * scale for _, p in rows]}
    return pl.DataFrame(columns, schema={"user": dtype, "playlist": dtype})


@settings(deadline=None, max_examples=60)
@given(ROWS, PAIRS, st.sampled_from([1, FAR]), st.sampled_from([pl.UInt32, pl.Int64]))
def test_members_of_lists_are_found_as_in_a_table_of_members(rows, others, scale, dtype):
    frame, other = blocks(rows, scale, dtype), pairs(others, scale, dtype)
    members = [(u, m * scale) for u, _, list_ in rows for m in list_]
    known = {(u, p * scale) for u, p in others}
    found = members_that_are(frame, "negatives", other, "user", "playlist")
    wrong = [pair for pair in members if pair in known]
    assert (found.offending, found.total) == (len(wrong), len(members))
    assert found.sample.select("user", "playlist").rows() == wrong[:10]
    holding = rows_holding(frame, "negatives", "positive")
    assert holding.offending == sum(p in list_ for _, p, list_ in rows)
    twice = repeated_members(frame, "negatives")
    assert twice.offending == sum(len(set(list_)) < len(list_) for _, _, list_ in rows)
    counted = member_counts(frame, "negatives", "playlist", "times")
    assert dict(counted.rows()) == {m: [x for _, x in members].count(m) for _, m in members}


@settings(deadline=None, max_examples=60)
@given(PAIRS, PAIRS, st.sampled_from([pl.UInt32, pl.Int64, pl.String]))
def test_keys_are_compared_as_sets_of_tuples(rows, others, dtype):
    frame, other = pairs(rows).cast(dtype), pairs(others).cast(dtype)
    known = {*other.rows()}
    assert unmatched(frame, other, "user", "playlist").rows() == [row for row in frame.rows() if row not in known]
    assert with_partner(frame, other, "user", "playlist").offending == sum(row in known for row in frame.rows())
    assert duplicates(frame, "user", "playlist").offending == len(
        {r for r in frame.rows() if frame.rows().count(r) > 1}
    )


@settings(deadline=None, max_examples=60)
@given(PAIRS)
def test_ranks_count_from_0_or_1_in_steps_of_1(rows):
    frame = pairs(rows).rename({"playlist": "rank"})
    held: dict[int, list[int]] = {}
    for user, rank in rows:
        held.setdefault(user, []).append(rank)
    wrong = [
        u for u, ranks in held.items() if sorted(ranks) not in (list(range(len(ranks))), list(range(1, len(ranks) + 1)))
    ]
    for shown in (frame, frame.sort("user", "rank")):
        finding = broken_ranks(shown, "user")
        assert (finding.offending, finding.total) == (len(wrong), len(held))


def test_a_key_that_no_number_can_hold_is_compared_as_it_is():
    large = pl.DataFrame({"a": [1 << 40, 1 << 40], "b": [1 << 30, 1 << 30]})
    assert packed([large], ["a", "b"]) is None
    assert duplicates(large, "a", "b").offending == 1
    signed = pl.DataFrame({"a": [-1, 1]})
    assert packed([signed], ["a"]) is None
    assert not repeats(np.array([3, 1, 2], np.uint64))


def test_nulls_in_lists_are_left_to_polars():
    frame = pl.DataFrame(
        {"user": [1, 2], "negatives": [[5, None], [None, None]]},
        schema={"user": pl.UInt32, "negatives": pl.List(pl.UInt32)},
    )
    other = pairs([(1, 5)])
    assert members_that_are(frame, "negatives", other, "user", "playlist").offending == 1
    assert exploded(frame, "negatives", "playlist").height == 1


SCHEMAS = {spec.name: spec.schema for spec in dataset_specs().values() if spec.schema is not None}


def bounds_in(world, schema: TableSchema) -> dict[str, float | None]:
    from quality.schemas import _highest

    sizes = {"users": world["n_users"], "playlists": world["n_playlists"], "numbers": world["n_numbers"]}
    return {name: _highest(field, sizes) for name, field in schema.fields.items()}


def test_tables_of_a_good_world_are_known_to_fit_their_schemas(world):
    unknown = [
        n for n, schema in SCHEMAS.items() if n in world and not conforms(world[n], schema, bounds_in(world, schema))
    ]
    assert unknown == []


@pytest.mark.parametrize("asset", sorted(SCHEMAS))
def test_no_table_that_breaks_its_schema_is_taken_to_fit(asset, world):
    defects = [d for d in DEFECTS if d.caught_by == f"{asset}.matches_its_schema"]
    for defect in defects:
        spoiled, _ = planted(defect, world)
        assert not conforms(spoiled[asset], SCHEMAS[asset], bounds_in(spoiled, SCHEMAS[asset]))


def test_each_way_to_break_a_schema_is_seen():
    schema = TableSchema(
        {
            "user": Field(pl.UInt32, high=9, unique=True),
            "text": Field(pl.String, pattern="^a"),
            "share": Field(pl.Float64, low=0),
        },
        ("user", "text"),
    )
    good = {"user": [1, 2], "text": ["a", "ab"], "share": [0.0, 0.5]}
    types = {"user": pl.UInt32, "text": pl.String, "share": pl.Float64}
    bounds = {"user": 9.0, "text": None, "share": None}

    def fits(frame: pl.DataFrame) -> bool:
        return conforms(frame, schema, bounds)

    assert fits(pl.DataFrame(good, schema=types))
    assert fits(pl.DataFrame(schema=types))
    for change in (
        {"user": [1, 1]}, {"user": [1, 10]}, {"user": [1, None]}, {"text": ["a", "b"]}, {"share": [0.0, -0.1]},
        {"share": [0.0, float("nan")]},
    ):  # fmt: skip
        assert not fits(pl.DataFrame(good | change, schema=types))
    assert not fits(pl.DataFrame(good, schema=types).drop("share"))
    assert not fits(pl.DataFrame(good, schema=types).with_columns(more=1))
    assert not fits(pl.DataFrame(good, schema=types).cast({"share": pl.Float32}))
