"""Rules judge a dataset by what it was made with, which its manifest says, not by the defaults of the settings."""

import polars as pl
import pytest

from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality.check_inputs import CheckInputs
from quality.rules.catalogue import rules_by_asset

LISTS = {
    "user_blocks": ("negatives_are_in_full", "negatives", pl.Array(pl.UInt32, 6)),
    "validation_batches": ("batches_are_full", "batch_negatives", pl.Array(pl.UInt32, 6)),
    "test_batches": ("batches_are_full", "batch_negatives", pl.Array(pl.UInt32, 6)),
}


def verdicts(tmp_path, name: str, frame: pl.DataFrame, params: dict[str, int], *rules: str) -> dict[str, bool]:
    """Which of the rules a stored dataset passes."""
    writer = DatasetStore.at(str(tmp_path)).writer(CacheKey(name, params=params), "run")
    dataset = writer.commit([writer.write_shard(0, frame)])
    inputs = CheckInputs({name: dataset})
    found = {rule.name: rule for rule in rules_by_asset()[name]}
    return {rule: found[rule].judge(inputs).passed for rule in rules}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(("said", "good"), [(6, True), (4, False), (50, False)])
def test_lists_are_as_long_as_the_manifest_says(tmp_path, name, said, good):
    rule, parameter, dtype = LISTS[name]
    frame = pl.DataFrame({"user": [0], "positive": [9], "negatives": pl.Series([list(range(6))], dtype=dtype)})
    assert verdicts(tmp_path, name, frame, {parameter: said}, rule) == {rule: good}


@pytest.mark.parametrize(("said", "good"), [(3, True), (2, False)])
def test_owners_and_candidates_are_as_many_as_the_manifest_says(tmp_path, said, good):
    owned = pl.DataFrame({"playlist": [1, 2, 3], "owner": [7, 7, 7]})
    rule = "owners_hold_at_most_the_cap"
    assert verdicts(tmp_path, "playlist_ownership", owned, {"ownership_cap": said}, rule) == {rule: good}
    drawn = pl.DataFrame({"user": [0], "playlists": [[1, 2, 3]]})
    rule = "candidates_are_at_most_those_drawn"
    assert verdicts(tmp_path, "candidates", drawn, {"most": said}, rule) == {rule: good}


@pytest.mark.parametrize(("said", "good"), [(True, True), (False, False)])
def test_neighbours_are_in_no_order_where_the_manifest_says_that_they_were_shuffled(tmp_path, said, good):
    columns = {"user": [0, 0], "rank": [1, 2], "neighbour": [5, 6], "similarity": [0.25, 0.5], "shared": [1, 2]}
    integers = dict.fromkeys(("user", "rank", "neighbour", "shared"), pl.UInt32)
    pairs = pl.DataFrame(columns, schema_overrides={**integers, "similarity": pl.Float32})
    rule = "neighbours_are_nearest_first"
    assert verdicts(tmp_path, "user_pairings", pairs, {"shuffle_nearest": said}, rule) == {rule: good}


def test_a_dataset_of_the_version_before_was_made_with_the_defaults(tmp_path):
    rule = "owners_hold_at_most_the_cap"
    for count, good in ((100, True), (101, False)):
        owned = pl.DataFrame({"playlist": range(count), "owner": [7] * count})
        assert verdicts(tmp_path, "playlist_ownership", owned, {"run": "r"}, rule) == {rule: good}
