"""Rules of playlist ownership: an owner for what is liked, who may have it, and at most so many playlists an owner."""

from dataclasses import replace

import polars as pl

from buddies_core.evaluation.inequality import gini
from quality.rules.shapes import duplicates, with_partner
from quality.rules.verdict import Finding, Severity, offending_rows, rule, within

MOST_GINI = 0.90


def _train(splits: pl.DataFrame) -> pl.DataFrame:
    return splits.filter(pl.col("split").cast(pl.String) == "train")


@rule(blocking=True)
def playlists_have_one_owner(playlist_ownership: pl.DataFrame) -> Finding:
    """A playlist occurs once."""
    return duplicates(playlist_ownership, "playlist")


@rule(asset="playlist_ownership", blocking=True)
def owners_hold_at_most_the_cap(owned_counts: pl.DataFrame, ownership_cap: int) -> Finding:
    """Nobody owns more playlists than one user may."""
    return offending_rows(owned_counts.filter(pl.col("owned") > ownership_cap), owned_counts.height)


@rule(blocking=True)
def owners_are_not_cold(playlist_ownership: pl.DataFrame, cold_users: pl.DataFrame) -> Finding:
    """No owner is a cold user."""
    owners = playlist_ownership.rename({"owner": "user"})
    return with_partner(owners, cold_users, "user")


@rule(blocking=True)
def owners_hold_no_positive_of_their_own(playlist_ownership: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """A validation or test positive is not its user's to own: nobody is offered what they own."""
    held = splits.filter(pl.col("split").cast(pl.String) != "train").select(owner="user", playlist="playlist")
    return offending_rows(
        playlist_ownership.join(held, on=["owner", "playlist"], how="semi"), playlist_ownership.height
    )


@rule(blocking=True)
def likers_come_before_others(
    playlist_ownership: pl.DataFrame, splits: pl.DataFrame, owned_counts: pl.DataFrame, ownership_cap: int
) -> Finding:
    """Who does not like the playlist in train owns it only where nobody with room does."""
    train = _train(splits).select(owner="user", playlist="playlist")
    strangers = playlist_ownership.join(train, on=["owner", "playlist"], how="anti")
    full = owned_counts.filter(pl.col("owned") >= ownership_cap)
    with_room = train.join(full, on="owner", how="anti").select("playlist").unique()
    return offending_rows(strangers.join(with_room, on="playlist", how="semi"), playlist_ownership.height)


@rule(asset="playlist_ownership")
def every_liked_playlist_is_owned(
    owners_of_playlists: pl.DataFrame, liked_counts: pl.DataFrame, unownable: int
) -> Finding:
    """A playlist that anybody likes, in any split or set aside, has an owner: else no neighbour could bring it.

    But those that nobody can own, since all who share a song with them are set aside, hold them out or have no room.
    """
    missing = liked_counts.join(owners_of_playlists, on="playlist", how="anti")
    found = offending_rows(missing, liked_counts.height)
    return replace(found, high=float(unownable), offending=max(0, missing.height - unownable))


@rule()
def owners_outbid_all_likers_with_room(
    playlist_ownership: pl.DataFrame,
    splits: pl.DataFrame,
    user_sizes: pl.DataFrame,
    owned_counts: pl.DataFrame,
    ownership_cap: int,
) -> Finding:
    """Only users who own as many as they may bid higher: priority is score / √length, ties go to the lower index."""
    bids = (
        _train(splits)
        .join(user_sizes, on="user", how="left")
        .with_columns((pl.col("score").cast(pl.Float64) / pl.col("length").sqrt()).alias("bid"))
    )
    full = owned_counts.filter(pl.col("owned") >= ownership_cap).select(pl.col("owner").alias("user"))
    joined = bids.join(full, on="user", how="anti").join(
        playlist_ownership.select("playlist", "owner", "priority"), on="playlist", how="inner"
    )
    higher = joined.filter((pl.col("bid") > pl.col("priority") * (1 + 1e-5)) & (pl.col("user") != pl.col("owner")))
    return offending_rows(higher.select("playlist", "owner", "priority", "user", "bid"), playlist_ownership.height)


@rule()
def priorities_are_those_bid(
    playlist_ownership: pl.DataFrame, splits: pl.DataFrame, user_sizes: pl.DataFrame
) -> Finding:
    """`priority` is finite and the owner's score / √length."""
    bids = (
        _train(splits)
        .join(user_sizes, on="user", how="left")
        .select(
            pl.col("user").alias("owner"),
            "playlist",
            (pl.col("score").cast(pl.Float64) / pl.col("length").sqrt()).alias("bid"),
        )
    )
    joined = playlist_ownership.join(bids, on=["owner", "playlist"], how="inner")
    near = (pl.col("priority") - pl.col("bid")).abs() <= 1e-5 * pl.col("bid")
    sound = pl.col("priority").is_finite() & (pl.col("priority") > 0)
    wrong = [playlist_ownership.filter(~sound), joined.filter(sound & ~near)]
    return offending_rows(pl.concat(wrong, how="diagonal"), playlist_ownership.height)


@rule()
def likers_are_counted(playlist_ownership: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """`likers` is the number of users who like the playlist in train."""
    counted = _train(splits).group_by("playlist").len("found")
    joined = playlist_ownership.join(counted, on="playlist", how="left").with_columns(pl.col("found").fill_null(0))
    return offending_rows(joined.filter(pl.col("likers") != pl.col("found")), playlist_ownership.height)


@rule(asset="playlist_ownership", severity=Severity.WARN)
def ownership_is_spread(owned_counts: pl.DataFrame) -> Finding:
    """The Gini coefficient of playlists per owner is at most 0.90 (published: 0.60)."""
    return within(gini(owned_counts["owned"].to_numpy()), 0.0, MOST_GINI, int(owned_counts["owned"].sum()))
