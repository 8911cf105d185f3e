"""Every rule holds on good data, and every planted defect is named by the check that is meant to name it."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.data_defects.bench import DEFECTS, try_defect, try_file_defect
from benchmarks.data_defects.files import FILE_DEFECTS
from benchmarks.data_defects.world.clean import clean_world
from buddies_assets.systems.playlists.rules import blocks
from buddies_core.evaluation.inequality import gini
from quality.checks import NOT_JUDGED, as_result
from quality.registry import named_inputs
from quality.rules.catalogue import rules_by_asset
from quality.rules.verdict import Finding, MissingInputError, merged, offending_rows, within
from quality.schemas import UnknownSchemaError, pandera_schema


@pytest.mark.parametrize("seed", [2, 3])
def test_no_rule_raises_an_alarm_on_a_good_world(seed):
    world = clean_world(seed)
    rules = [rule for found in rules_by_asset().values() for rule in found]
    assert [f"{r.asset}.{r.name}" for r in rules if not r.judge(world).passed] == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_named_by_its_check(defect, world):
    assert defect.caught_by in try_defect(defect, world).raised


@pytest.mark.parametrize("defect", FILE_DEFECTS, ids=lambda defect: defect.name)
def test_a_damaged_file_is_quarantined_for_its_reason(defect):
    assert try_file_defect(defect).caught


def test_every_rule_says_what_must_hold_in_a_sentence():
    texts = {f"{r.asset}.{r.name}": r.text for found in rules_by_asset().values() for r in found}
    assert [name for name, text in texts.items() if not text.rstrip().endswith((".", ")"))] == []


def test_every_planted_defect_is_meant_for_a_rule_that_exists():
    known = {f"{r.asset}.{r.name}" for found in rules_by_asset().values() for r in found}
    assert {d.caught_by for d in DEFECTS} - known == set()


def test_a_rule_names_the_input_that_is_missing():
    with pytest.raises(MissingInputError, match="splits"):
        blocks.negatives_are_not_liked.judge({"user_blocks": pl.DataFrame()})


def test_data_too_broken_to_judge_fail_and_say_why():
    verdict = blocks.one_block_per_positive.judge({"user_blocks": pl.DataFrame({"user": [1]})})
    assert not verdict.passed
    assert verdict.finding.unreadable
    assert "positive" in verdict.finding.sample["could_not_be_judged"][0]


def test_what_cannot_be_judged_yet_passes_and_says_so(world):
    from buddies_assets.feedback.rules.window import window_train_share_is_as_set

    verdict = window_train_share_is_as_set.judge({"training_window": world["training_window"].clear()})
    assert verdict.passed
    assert verdict.finding.unjudged
    assert as_result(verdict).metadata["note"].value == NOT_JUDGED
    judged = window_train_share_is_as_set.judge({"training_window": world["training_window"]})
    assert judged.passed
    assert not judged.finding.unjudged
    assert "note" not in as_result(judged).metadata


def test_a_training_that_notes_no_loss_is_no_healthy_one(world):
    from buddies_assets.systems.playlists.rules.models import the_loss_fell

    assert the_loss_fell.judge({"model_card": {"losses": [0.6, 0.4]}}).passed
    assert not the_loss_fell.judge({"model_card": {"losses": []}}).passed


def test_a_figure_that_is_nan_never_passes():
    assert not within(float("nan"), None, None).passed
    assert not within(None, None, None).passed


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=5))
def test_findings_over_shards_add_up_to_the_finding_over_all(shards):
    parts = [offending_rows(pl.DataFrame({"n": [n for n in shard if n > 3]}), len(shard)) for shard in shards]
    everything = [n for shard in shards for n in shard]
    whole = merged(parts)
    assert (whole.value, whole.total) == (sum(n > 3 for n in everything), len(everything))
    assert whole.passed == all(n <= 3 for n in everything)


def test_a_band_over_shards_is_the_mean_weighted_by_rows():
    whole = merged([Finding(0.5, 0.0, 0.6, total=10), Finding(1.0, 0.0, 0.6, total=30)])
    assert whole.value == pytest.approx(0.875)
    assert not whole.passed


def test_gini_of_equal_shares_is_0_and_of_one_owner_is_one_less_a_share():
    assert gini(np.array([3, 3, 3, 3])) == pytest.approx(0.0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)


def test_block_rules_serve_feedback_blocks_with_lists_of_any_length():
    frame = pl.DataFrame(
        {"user": [1, 1], "positive": [5, 6], "negatives": [[5, 7], [8]]},
        schema={"user": pl.UInt32, "positive": pl.UInt32, "negatives": pl.List(pl.UInt32)},
    )
    rule = next(r for r in rules_by_asset()["feedback_blocks"] if r.name == "positive_is_not_among_the_negatives")
    finding = rule.judge({"feedback_blocks": frame}).finding
    assert (rule.asset, finding.value, finding.sample["positive"].to_list()) == ("feedback_blocks", 1.0, [5])


def test_a_schema_bounds_indexes_by_the_sizes_it_is_given():
    frame = pl.DataFrame({"user": [0, 3], "exploration": [0.1, 0.2]}, schema_overrides={"user": pl.UInt32})
    pandera_schema("exploration_coefficients", {"users": 4}).validate(frame)
    with pytest.raises(Exception, match="less_than_or_equal_to"):
        pandera_schema("exploration_coefficients", {"users": 3}).validate(frame)


def test_an_unknown_dataset_has_no_schema():
    with pytest.raises(UnknownSchemaError, match="weather"):
        pandera_schema("weather", {})


def test_permuted_rows_are_told_from_trained_ones(world):
    rule = next(r for r in rules_by_asset()["bpr_checkpoint"] if r.name == "the_model_knows_its_training_pairs")
    right = rule.judge(world).finding
    shuffled = np.random.default_rng(0).permutation(world["user_vectors"])
    wrong = rule.judge({**world, "user_vectors": shuffled}).finding
    assert right.value > 0.9
    assert wrong.value == pytest.approx(0.5, abs=0.1)


def rule_of(asset: str, name: str):
    return next(r for r in rules_by_asset()[asset] if r.name == name)


LISTS = st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 3), max_size=3)), max_size=5)


def lists_of(found, dtype) -> pl.DataFrame:
    columns = {"user": [user for user, _ in found], "playlists": [members for _, members in found]}
    return pl.DataFrame(columns, schema={"user": pl.UInt32, "playlists": pl.List(dtype)})


@settings(deadline=None, max_examples=150)
@given(LISTS, LISTS, LISTS, st.booleans(), st.sampled_from([pl.UInt32, pl.Int64]))
def test_what_is_ranked_is_what_one_source_offers(ranked, neighbours, taste, alike, dtype):
    # As sets of pairs; users may have two rows or none, lists repeat members or are empty.
    if alike:
        ranked = [(user, members[::-1]) for user, members in neighbours[:2]] + taste[2:]
    of, near, liked = ({(u, p) for u, members in found for p in members} for found in (ranked, neighbours, taste))
    elsewhere = {user for user, _ in of ^ near}
    wrong = {pair for pair in of ^ liked if pair[0] in elsewhere}
    given_lists = [lists_of(found, dtype) for found in (ranked, neighbours, taste)]
    names = ("ranked_candidates", "candidates", "taste_candidates")
    outcome = rule_of("ranked_candidates", "ranked_playlists_are_candidates").judge(
        dict(zip(names, given_lists, strict=True))
    )
    sizes = [sum(len(members) for _, members in found) for found in (ranked, neighbours)]
    assert outcome.passed == (not wrong)
    assert outcome.finding.total == max(sizes)
    # A pair of a list that holds it twice, or of a user with two rows, is told as often as it stands there.
    assert {(row["user"], row["playlist"]) for row in outcome.finding.sample.iter_rows(named=True)} <= wrong
    assert outcome.finding.offending >= len(wrong)


@pytest.mark.parametrize(("on", "share"), [(4, 0.4), (5, 0.5), (6, 0.6)])
def test_a_playlist_may_be_on_half_of_the_lists_and_no_more(on, share):
    # Ten lists of five; playlist 0 is on some of them, every other place has a playlist of its own.
    lists = [[0 if user < on and place == 0 else 1 + 5 * user + place for place in range(5)] for user in range(10)]
    frame = pl.DataFrame({"playlists": lists}, schema={"playlists": pl.List(pl.UInt32)})
    places = named_inputs()["places_by_playlist"][1].of([frame])
    outcome = rule_of("ranked_candidates", "no_playlist_is_on_half_of_the_lists").judge({"places_by_playlist": places})
    assert outcome.finding.value == pytest.approx(share)
    assert outcome.passed is (share <= 0.5)


@pytest.mark.parametrize(("others", "listeners", "passed"), [(0.11, 885, True), (0.12, 885, False), (0.12, 99, True)])
def test_playlists_of_one_song_crowd_when_lists_without_them_are_surely_better(others, listeners, passed, world):
    # What is served stands at 0.1, up to 0.11.
    mine = pl.col("system") == "served, of several songs"
    frame = world["listener_evaluation"].with_columns(
        precision=pl.when(mine).then(others).otherwise(pl.col("precision")), listeners=pl.lit(listeners, pl.UInt32)
    )
    rule = rule_of("listener_evaluation", "playlists_of_one_song_are_worth_their_places")
    assert rule.judge({"listener_evaluation": frame}).passed is passed


_OF_LISTENERS = ("user_feedback", "feedback_blocks", "training_window", "quarantined_feedback", "listener_events",
                 "listener_event_days", "quarantined_events", "listener_plays")  # fmt: skip


@pytest.mark.parametrize("asset", _OF_LISTENERS)
def test_before_the_first_feedback_there_is_no_alarm(asset, world):
    names = (*_OF_LISTENERS, "feedback_scores")
    nothing = {**world, **{name: world[name].clear() for name in names}}
    assert [rule.name for rule in rules_by_asset()[asset] if not rule.judge(nothing).passed] == []
