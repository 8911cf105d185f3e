"""Rules of user-blocks, for those made offline and those that feedback gives alike.

A block is (user, positive, negatives); the first half of the negatives comes from the hard pool, the rest from the
easy one. A feedback block has up to four negatives and knows no pools.
"""

import polars as pl

from quality.rules.members import all_of_length, highest_member
from quality.rules.shapes import (
    as_lists,
    distinct,
    duplicates,
    exploded,
    lengths,
    members_that_are,
    repeated_members,
    rows_holding,
    unmatched,
    with_partner,
    without_partner,
)
from quality.rules.verdict import Finding, Rule, Severity, offending_rows, rule, within

MOST_BLOCKS_OF_ONE_USER = 0.10


@rule(blocking=True)
def one_block_per_positive(user_blocks: pl.DataFrame) -> Finding:
    """(user, positive) occurs once: a repeated block weighs twice in training."""
    return duplicates(user_blocks, "user", "positive")


@rule(blocking=True)
def every_block_has_a_positive(user_blocks: pl.DataFrame) -> Finding:
    """No block is without a user or a positive."""
    return offending_rows(
        user_blocks.filter(pl.col("user").is_null() | pl.col("positive").is_null()), user_blocks.height
    )


@rule(blocking=True)
def positive_is_not_among_the_negatives(user_blocks: pl.DataFrame) -> Finding:
    """No block holds its positive among its negatives."""
    return rows_holding(user_blocks, "negatives", "positive")


@rule(blocking=True)
def negatives_are_distinct(user_blocks: pl.DataFrame) -> Finding:
    """A block's negatives are distinct: they are drawn without replacement."""
    return repeated_members(user_blocks, "negatives")


@rule(blocking=True)
def negatives_are_in_full(user_blocks: pl.DataFrame, block_negatives: int) -> Finding:
    """A block has exactly as many negatives as the blocks were made with, none of them null."""
    if all_of_length(user_blocks, "negatives", block_negatives):
        return offending_rows(user_blocks.clear(), user_blocks.height)
    listed = as_lists(user_blocks, "negatives")
    filled = pl.col("negatives").list.drop_nulls().list.len() == block_negatives
    exact = lengths(listed, "negatives") == block_negatives
    return offending_rows(listed.filter(~(filled & exact).fill_null(False)), listed.height)


@rule(blocking=True)
def negatives_are_not_liked(user_blocks: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """No negative is a playlist that the user likes in train, validation or test."""
    return members_that_are(user_blocks, "negatives", splits, "user", "playlist")


@rule(blocking=True)
def negatives_are_not_owned(user_blocks: pl.DataFrame, playlist_ownership: pl.DataFrame) -> Finding:
    """No negative is a playlist that the user owns."""
    owned = playlist_ownership.select(pl.col("owner").alias("user"), "playlist")
    return members_that_are(user_blocks, "negatives", owned, "user", "playlist")


@rule(blocking=True)
def block_users_exist(user_blocks: pl.DataFrame, n_users: int) -> Finding:
    """Every user is a row of the user library."""
    return offending_rows(user_blocks.filter(pl.col("user") >= n_users), user_blocks.height)


@rule(blocking=True)
def block_playlists_exist(user_blocks: pl.DataFrame, n_playlists: int) -> Finding:
    """Every positive and negative is a row of the playlist library."""
    top, positive = highest_member(user_blocks, "negatives"), user_blocks["positive"].max()
    if top is not None and isinstance(positive, int) and max(top, positive) < n_playlists:
        return offending_rows(user_blocks.clear(), user_blocks.height)
    listed = as_lists(user_blocks, "negatives")
    highest = pl.max_horizontal(pl.col("positive"), pl.col("negatives").list.max())
    return offending_rows(listed.filter(highest >= n_playlists), listed.height)


@rule(blocking=True)
def blocks_hold_no_cold_user(user_blocks: pl.DataFrame, cold_users: pl.DataFrame) -> Finding:
    """No cold user is trained on."""
    return with_partner(user_blocks, cold_users, "user")


@rule(blocking=True)
def positives_are_train_likes(user_blocks: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """Every positive is liked by its user in train: one of validation or test would leak what is to be guessed."""
    likes = splits.filter(pl.col("split").cast(pl.String) == "train")
    likes = likes.select("user", pl.col("playlist").alias("positive"))
    return without_partner(user_blocks, likes, "user", "positive")


@rule()
def every_train_like_has_a_block(user_blocks: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """Users in the blocks have one block for each playlist they like in train."""
    likes = splits.filter(pl.col("split").cast(pl.String) == "train").select("user", "playlist")
    present = likes.join(user_blocks.select("user").unique(), on="user", how="semi")
    made = user_blocks.select("user", pl.col("positive").alias("playlist"))
    return without_partner(present, made, "user", "playlist")


def _half(
    user_blocks: pl.DataFrame, scores: pl.DataFrame, block_negatives: int, *, first: bool, other_pool: str
) -> Finding:
    """Negatives of one half that are known members of the other half's pool, for users who have both pools filled."""
    listed = as_lists(user_blocks, "negatives")
    half = block_negatives // 2
    part = pl.col("negatives").list.head(half) if first else pl.col("negatives").list.slice(half)
    members = listed.select("user", "positive", part.alias("half"))
    full = [pl.col(pool).list.len() >= block_negatives for pool in ("hard", "easy")]
    rich = scores.filter(*full)
    pool = rich.select("user", pl.col(other_pool).alias("playlist")).explode("playlist").drop_nulls("playlist")
    return members_that_are(members, "half", pool, "user", "playlist")


@rule()
def first_half_is_hard(user_blocks: pl.DataFrame, scores: pl.DataFrame, block_negatives: int) -> Finding:
    """The first half of the negatives comes from the hard pool: none is an easy one of a user who has both."""
    return _half(user_blocks, scores, block_negatives, first=True, other_pool="easy")


@rule()
def second_half_is_easy(user_blocks: pl.DataFrame, scores: pl.DataFrame, block_negatives: int) -> Finding:
    """The other negatives come from the easy pool: none is a hard one of a user who has both."""
    return _half(user_blocks, scores, block_negatives, first=False, other_pool="hard")


@rule(asset="user_blocks", severity=Severity.WARN)
def blocks_per_user_match_the_likes(blocks_per_user: pl.DataFrame, likes_by_split: pl.DataFrame) -> Finding:
    """On average a user has as many blocks as train likes, within 1 %."""
    blocks = int(blocks_per_user["blocks"].sum())
    likes = int(likes_by_split.join(blocks_per_user, on="user", how="semi")["train"].sum())
    if likes == 0:
        return within(None, None, None)
    return within(blocks / likes, 0.99, 1.01, blocks)


@rule(asset="user_blocks", severity=Severity.WARN)
def no_user_dominates_the_blocks(blocks_per_user: pl.DataFrame) -> Finding:
    """The largest user has at most 10 % of the blocks (or 5 times the mean where users are few)."""
    counts = blocks_per_user.sort("blocks", descending=True)
    if counts.height == 0:
        return within(None, None, None)
    limit = max(MOST_BLOCKS_OF_ONE_USER, 5.0 / counts.height)
    blocks = int(counts["blocks"].sum())
    return within(counts["blocks"][0] / blocks, 0.0, min(1.0, limit), blocks, counts)


@rule(asset="user_blocks", blocking=True)
def blocks_are_not_empty(blocks_per_user: pl.DataFrame) -> Finding:
    """There is at least one block: an empty set would train to noise in silence."""
    blocks = int(blocks_per_user["blocks"].sum())
    return within(blocks, 1, None, blocks)


SHARED: tuple[Rule, ...] = (
    every_block_has_a_positive,
    positive_is_not_among_the_negatives,
    negatives_are_distinct,
    negatives_are_not_owned,
    block_users_exist,
    block_playlists_exist,
)
"""Rules that hold for any block, whoever made it."""

FROM_FEEDBACK: tuple[Rule, ...] = tuple(
    shared.on(asset) for asset in ("feedback_blocks", "training_window") for shared in SHARED
)


@rule(asset="triplets", blocking=True)
def triplets_are_unique(triplets: pl.DataFrame) -> Finding:
    """(user, positive, negative) occurs once."""
    return duplicates(triplets, "user", "positive", "negative")


@rule(blocking=True)
def triplets_are_the_blocks_exploded(triplets: pl.DataFrame, user_blocks: pl.DataFrame) -> Finding:
    """The triplets are exactly the (user, positive, negative) of the blocks."""
    keys = ["user", "positive", "negative"]
    expected = exploded(user_blocks.select("user", "positive", "negatives"), "negatives", "negative")
    extra = unmatched(triplets, expected, *keys).select(keys)
    lost = unmatched(expected, triplets, *keys).select(keys)
    return offending_rows(pl.concat([extra, lost], how="vertical_relaxed"), max(triplets.height, expected.height))


@rule(blocking=True)
def triplet_sides_differ(triplets: pl.DataFrame) -> Finding:
    """Positive and negative are two playlists."""
    return offending_rows(triplets.filter(pl.col("positive") == pl.col("negative")), triplets.height)


@rule(blocking=True)
def triplets_do_not_contradict(triplets: pl.DataFrame) -> Finding:
    """No playlist is a positive of a user here and a negative of the same user there."""
    positives = triplets.select("user", pl.col("positive").alias("negative"))
    return with_partner(triplets, positives, "user", "negative")


@rule(severity=Severity.WARN, in_order=True)
def triplets_are_shuffled(triplets: pl.DataFrame) -> Finding:
    """Neighbouring rows rarely share user and positive (10 % plus chance): sorted rows make batches of one user."""
    if triplets.height < 2:
        return within(0.0, 0.0, 1.0, triplets.height)
    same = (pl.col("user") == pl.col("user").shift(1)) & (pl.col("positive") == pl.col("positive").shift(1))
    blocks = max(distinct(triplets, "user", "positive"), 1)
    chance = triplets.height / blocks / blocks
    return within(triplets.select(same.mean()).item(), 0.0, min(0.5, 0.10 + chance), triplets.height)
