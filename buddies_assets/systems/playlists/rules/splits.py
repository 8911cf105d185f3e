"""Rules of the splits and of the users set aside: no leak, the right shares, nobody twice."""

import polars as pl

from quality.rules.shapes import duplicates, with_partner, without_partner
from quality.rules.verdict import SIGMAS, Finding, Severity, offending_rows, rule, too_few, within

COLD_SHARE = 0.05
SHARES = {"train": 0.7, "validation": 0.2, "test": 0.1}
FEWEST_LIKES = 5


def _share_of(likes_by_split: pl.DataFrame, name: str) -> Finding:
    """Share of the pairs of users with at least five likes.

    Each user's share is rounded by a lot, whose standard deviation is at most half a pair.
    """
    held = likes_by_split.filter(pl.col("likes") >= FEWEST_LIKES)
    pairs = int(held["likes"].sum())
    if pairs == 0:
        return too_few(0.0, 0)
    room = SIGMAS * 0.5 * held.height**0.5 / pairs
    return within(int(held[name].sum()) / pairs, SHARES[name] - room, SHARES[name] + room, pairs)


@rule(blocking=True)
def pairs_are_in_one_split(splits: pl.DataFrame) -> Finding:
    """(user, playlist) is in one split: a pair in train and test would be learned by heart."""
    return duplicates(splits, "user", "playlist")


@rule(blocking=True)
def split_pairs_are_liked(splits: pl.DataFrame, liked_playlists: pl.DataFrame) -> Finding:
    """Every pair of a split is one that the user likes."""
    return without_partner(splits, liked_playlists, "user", "playlist")


@rule(blocking=True)
def liked_pairs_are_split(splits: pl.DataFrame, liked_playlists: pl.DataFrame, cold_users: pl.DataFrame) -> Finding:
    """Every liked pair of a user who is not cold is in a split: none is lost."""
    warm = liked_playlists.join(cold_users.select("user"), on="user", how="anti")
    return without_partner(warm.select("user", "playlist"), splits, "user", "playlist")


@rule(blocking=True)
def cold_users_are_not_split(splits: pl.DataFrame, cold_users: pl.DataFrame) -> Finding:
    """No pair of a cold user is in a split: they measure what the model does for strangers."""
    return with_partner(splits, cold_users, "user")


@rule()
def few_likes_stay_in_train(splits: pl.DataFrame) -> Finding:
    """A user with fewer than five liked playlists keeps them all in train."""
    few = splits.filter((pl.len().over("user") < FEWEST_LIKES) & (pl.col("split").cast(pl.String) != "train"))
    return offending_rows(few, splits.height)


@rule(blocking=True)
def every_user_trains(splits: pl.DataFrame) -> Finding:
    """Every user of the splits has a train pair: one with none has no vector worth the name."""
    users = splits.group_by("user").agg((pl.col("split").cast(pl.String) == "train").any().alias("trains"))
    return offending_rows(users.filter(~pl.col("trains")), users.height)


@rule()
def split_names_are_known(splits: pl.DataFrame) -> Finding:
    """A split is train, validation or test."""
    known = splits.schema["split"]
    if isinstance(known, pl.Enum) and {*known.categories} <= {*SHARES} and not splits["split"].null_count():
        return offending_rows(splits.clear(), splits.height)
    named = splits["split"].cast(pl.String).is_in(list(SHARES)).fill_null(False)
    return offending_rows(splits.filter(~named), splits.height)


@rule()
def split_scores_are_the_liked_scores(splits: pl.DataFrame, liked_playlists: pl.DataFrame) -> Finding:
    """A pair carries the score it was liked with: ownership is decided by it."""
    liked = liked_playlists.select("user", "playlist", pl.col("score").alias("liked_score"))
    joined = splits.join(liked, on=["user", "playlist"], how="inner")
    apart = (pl.col("score") - pl.col("liked_score")).abs() > 1e-6
    return offending_rows(joined.filter(apart | pl.col("score").is_nan()), joined.height)


@rule(asset="splits")
def every_share_is_rounded(likes_by_split: pl.DataFrame) -> Finding:
    """Of a user with five likes or more, each split has 70, 20 and 10 % of the pairs, rounded down or up."""
    held = likes_by_split.filter(pl.col("likes") >= FEWEST_LIKES)
    apart = ((pl.col(name).cast(pl.Float64) - share * pl.col("likes")).abs() for name, share in SHARES.items())
    return offending_rows(held.filter(pl.max_horizontal(apart) > 1 - 1e-9), held.height)


@rule(asset="splits", severity=Severity.WARN)
def train_share_is_as_set(likes_by_split: pl.DataFrame) -> Finding:
    """About 70 % of the pairs of users with five likes or more are in train."""
    return _share_of(likes_by_split, "train")


@rule(asset="splits", severity=Severity.WARN)
def validation_share_is_as_set(likes_by_split: pl.DataFrame) -> Finding:
    """About 20 % of the pairs of users with five likes or more are in validation."""
    return _share_of(likes_by_split, "validation")


@rule(asset="splits", severity=Severity.WARN)
def test_share_is_as_set(likes_by_split: pl.DataFrame) -> Finding:
    """About 10 % of the pairs of users with five likes or more are in test."""
    return _share_of(likes_by_split, "test")


@rule(blocking=True)
def cold_users_are_unique(cold_users: pl.DataFrame) -> Finding:
    """A cold user is listed once."""
    return duplicates(cold_users, "user")


@rule()
def cold_users_exist(cold_users: pl.DataFrame, user_rows: pl.DataFrame) -> Finding:
    """A cold user's id is the one at its row of the user library."""
    numbered = user_rows.with_row_index("user").select(pl.col("user").cast(pl.UInt32), pl.col("user_id").alias("held"))
    joined = cold_users.select(pl.col("user").cast(pl.UInt32), "user_id").join(numbered, on="user", how="left")
    return offending_rows(joined.filter((pl.col("user_id") != pl.col("held")).fill_null(True)), cold_users.height)


@rule(severity=Severity.WARN)
def cold_share_is_as_set(cold_users: pl.DataFrame, n_likers: int) -> Finding:
    """5 % of the users who like anything are set aside, within five standard errors of an independent draw."""
    users = max(n_likers, 1)
    room = SIGMAS * (COLD_SHARE * (1 - COLD_SHARE) / users) ** 0.5 + 1 / users
    return within(cold_users.height / users, max(0.0, COLD_SHARE - room), COLD_SHARE + room, n_likers)
