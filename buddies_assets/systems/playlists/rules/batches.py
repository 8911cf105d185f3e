"""Rules of validation and test batches: one unseen positive and 50 negatives that the user neither likes nor owns."""

import polars as pl

from buddies_assets.systems.playlists.rules.blocks import (
    block_playlists_exist,
    block_users_exist,
    blocks_hold_no_cold_user,
    negatives_are_distinct,
    negatives_are_not_liked,
    negatives_are_not_owned,
    one_block_per_positive,
    positive_is_not_among_the_negatives,
)
from quality.rules.members import all_of_length
from quality.rules.shapes import as_lists, lengths, without_partner
from quality.rules.verdict import Finding, Rule, Severity, offending_rows, rule, within

ENOUGH_BATCHES = 30
"""Below, the Hit@10 of a guess among 50 has a standard error above 0.07, and nothing can be said of a model."""


@rule(blocking=True)
def batches_are_full(validation_batches: pl.DataFrame, validation_batch_negatives: int) -> Finding:
    """A batch has exactly as many negatives as were asked for: Hit@1 of a guess among 50 is 1/51."""
    if all_of_length(validation_batches, "negatives", validation_batch_negatives):
        return offending_rows(validation_batches.clear(), validation_batches.height)
    listed = as_lists(validation_batches, "negatives")
    wrong = pl.col("negatives").list.drop_nulls().list.len() != validation_batch_negatives
    return offending_rows(
        listed.filter(wrong).with_columns(lengths(listed, "negatives").alias("found")), validation_batches.height
    )


@rule(asset="validation_batches", severity=Severity.WARN)
def there_are_likes_to_evaluate_by(validation_negatives: pl.DataFrame, validation_batch_negatives: int) -> Finding:
    """There are at least 30 batches: with too few likes to evaluate, the model's figures are chance, or missing."""
    batches = int(validation_negatives["times"].cast(pl.Int64).sum()) // max(validation_batch_negatives, 1)
    return within(batches, ENOUGH_BATCHES, None, batches)


@rule(asset="validation_batches", severity=Severity.WARN)
def everybody_leaves_enough_to_draw_from(
    splits: pl.DataFrame, playlist_ownership: pl.DataFrame, n_playlists: int, validation_batch_negatives: int
) -> Finding:
    """Nobody likes or owns so much of the catalogue that they have no batches and stay unjudged: use more playlists."""
    owned = playlist_ownership.select(pl.col("owner").alias("user"), "playlist")
    barred = pl.concat([splits.select("user", "playlist"), owned], how="vertical_relaxed").unique()
    likers = barred.group_by("user").len().join(splits.select("user").unique(), on="user", how="semi").sort("user")
    return offending_rows(likers.filter(n_playlists - pl.col("len") < validation_batch_negatives), likers.height)


@rule(blocking=True)
def positives_are_of_this_split(validation_batches: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """Every positive is a like of that user in validation: one of train would measure memory."""
    return _of_split(validation_batches, splits, "validation")


@rule(blocking=True)
def test_positives_are_of_this_split(test_batches: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """Every positive is a like of that user in test."""
    return _of_split(test_batches, splits, "test")


def _of_split(batches: pl.DataFrame, splits: pl.DataFrame, name: str) -> Finding:
    likes = splits.filter(pl.col("split").cast(pl.String) == name).select("user", pl.col("playlist").alias("positive"))
    return without_partner(batches, likes, "user", "positive")


@rule(asset="validation_batches", severity=Severity.WARN)
def negatives_come_from_everywhere(validation_negatives: pl.DataFrame, n_playlists: int) -> Finding:
    """No playlist is a negative far more often than an even draw over all playlists gives.

    The band is ten times the even rate plus ten, enough for any chance and for a pool a few times smaller.
    """
    counts = validation_negatives.sort("times", descending=True)
    if counts.height == 0:
        return within(0.0, 0.0, 1.0)
    drawn = int(counts["times"].cast(pl.Int64).sum())
    even = drawn / max(n_playlists, 1)
    return within(float(counts["times"][0]), 0.0, 10 * even + 10, drawn, counts)


_SHARED = (
    one_block_per_positive,
    positive_is_not_among_the_negatives,
    negatives_are_distinct,
    negatives_are_not_liked,
    negatives_are_not_owned,
    blocks_hold_no_cold_user,
    block_users_exist,
    block_playlists_exist,
)

VALIDATION: tuple[Rule, ...] = tuple(shared.on("validation_batches") for shared in _SHARED)
TEST: tuple[Rule, ...] = (
    *(shared.on("test_batches") for shared in _SHARED),
    batches_are_full.on("test_batches", validation_batch_negatives="test_batch_negatives"),
    everybody_leaves_enough_to_draw_from.on("test_batches", validation_batch_negatives="test_batch_negatives"),
    there_are_likes_to_evaluate_by.on(
        "test_batches", validation_negatives="test_negatives", validation_batch_negatives="test_batch_negatives"
    ),
    negatives_come_from_everywhere.on("test_batches", validation_negatives="test_negatives"),
)
