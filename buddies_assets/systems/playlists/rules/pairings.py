"""Rules of the nearest users and of the candidates that their playlists give."""

import polars as pl

from quality.rules.shapes import (
    as_lists,
    broken_ranks,
    duplicates,
    exploded,
    members_that_are,
    repeated_members,
    rising,
)
from quality.rules.verdict import Finding, Severity, offending_rows, rule, within

MOST_NEIGHBOURS = 50
LEAST_REACH = 0.5


@rule(blocking=True)
def nobody_neighbours_themselves(user_pairings: pl.DataFrame) -> Finding:
    """A user is not a neighbour of themselves."""
    return offending_rows(user_pairings.filter(pl.col("user") == pl.col("neighbour")), user_pairings.height)


@rule(blocking=True)
def neighbours_are_distinct(user_pairings: pl.DataFrame) -> Finding:
    """(user, neighbour) occurs once."""
    return duplicates(user_pairings, "user", "neighbour")


@rule()
def neighbour_ranks_are_complete(user_pairings: pl.DataFrame) -> Finding:
    """A user's ranks have no gap and no repeat."""
    return broken_ranks(user_pairings, "user")


@rule()
def neighbours_are_nearest_first(user_pairings: pl.DataFrame, nearest_are_shuffled: bool) -> Finding:
    """Along the ranks similarity falls, and equal similarity goes by user index; not where the nearest are shuffled."""
    if nearest_are_shuffled:
        return offending_rows(user_pairings.clear(), user_pairings.height)
    return rising(user_pairings, by="user", order="rank", value="similarity", other="neighbour", exact="shared")


@rule()
def neighbours_are_at_most_fifty(user_pairings: pl.DataFrame) -> Finding:
    """Nobody has more than 50 neighbours: each owns a playlist, so 50 of them reach the 20 playlists too."""
    counts = user_pairings.group_by("user").len("neighbours")
    return offending_rows(counts.filter(pl.col("neighbours") > MOST_NEIGHBOURS), counts.height)


@rule(blocking=True)
def neighbours_exist(user_pairings: pl.DataFrame, n_users: int) -> Finding:
    """User and neighbour are rows of the user library."""
    wrong = (pl.col("user") >= n_users) | (pl.col("neighbour") >= n_users)
    return offending_rows(user_pairings.filter(wrong), user_pairings.height)


@rule()
def neighbours_share_a_song(user_pairings: pl.DataFrame) -> Finding:
    """Similarity lies in (0, 1] and at least one song is shared."""
    similarity = pl.col("similarity")
    sound = similarity.is_finite() & (similarity > 0) & (similarity <= 1 + 1e-6) & (pl.col("shared") >= 1)
    return offending_rows(user_pairings.filter(~sound), user_pairings.height)


@rule()
def similarity_is_the_cosine(user_pairings: pl.DataFrame, user_sizes: pl.DataFrame) -> Finding:
    """similarity = shared songs / √(songs of one · songs of the other)."""
    sized = user_pairings.join(user_sizes, on="user", how="left").join(
        user_sizes.rename({"user": "neighbour", "songs": "songs_there"}), on="neighbour", how="left"
    )
    cosine = pl.col("shared") / (pl.col("songs").cast(pl.Float64) * pl.col("songs_there").cast(pl.Float64)).sqrt()
    wrong = ((pl.col("similarity") - cosine).abs() > 1e-4).fill_null(True)
    return offending_rows(sized.filter(wrong).with_columns(cosine.alias("cosine")), user_pairings.height)


@rule()
def neighbours_own_a_playlist(user_pairings: pl.DataFrame, playlist_ownership: pl.DataFrame) -> Finding:
    """Every neighbour owns a playlist: the others have nothing to offer and are passed over."""
    owners = playlist_ownership.select(pl.col("owner").alias("neighbour")).unique()
    return offending_rows(user_pairings.join(owners, on="neighbour", how="anti"), user_pairings.height)


@rule(blocking=True)
def users_have_one_row_of_candidates(candidates: pl.DataFrame) -> Finding:
    """A user has one row of candidates."""
    return duplicates(candidates, "user")


@rule(blocking=True)
def candidates_are_distinct(candidates: pl.DataFrame) -> Finding:
    """A playlist is a user's candidate once."""
    return repeated_members(candidates, "playlists")


@rule()
def candidates_are_at_most_those_drawn(candidates: pl.DataFrame, most_candidates: int) -> Finding:
    """A user has at most as many candidates as are drawn for one (75 by default)."""
    listed = as_lists(candidates, "playlists")
    return offending_rows(listed.filter(pl.col("playlists").list.len() > most_candidates), candidates.height)


@rule(blocking=True)
def candidates_exist(candidates: pl.DataFrame, n_playlists: int) -> Finding:
    """Every candidate is a row of the playlist library."""
    listed = as_lists(candidates, "playlists")
    return offending_rows(listed.filter(pl.col("playlists").list.max() >= n_playlists), candidates.height)


@rule(blocking=True)
def candidates_are_not_owned(candidates: pl.DataFrame, playlist_ownership: pl.DataFrame) -> Finding:
    """No candidate is a playlist that the user owns."""
    owned = playlist_ownership.select(pl.col("owner").alias("user"), "playlist")
    return members_that_are(candidates, "playlists", owned, "user", "playlist")


@rule(blocking=True)
def candidates_are_new_to_the_user(candidates: pl.DataFrame, splits: pl.DataFrame) -> Finding:
    """No candidate is a playlist that the user likes in train."""
    likes = splits.filter(pl.col("split").cast(pl.String) == "train")
    return members_that_are(candidates, "playlists", likes, "user", "playlist")


@rule()
def candidates_are_owned_by_neighbours(
    candidates: pl.DataFrame, user_pairings: pl.DataFrame, playlist_ownership: pl.DataFrame
) -> Finding:
    """Every candidate is owned by one of the user's neighbours: that is what makes it organic."""
    owner = playlist_ownership.select("playlist", pl.col("owner").alias("neighbour"))
    owned = exploded(candidates, "playlists", "playlist").join(owner, on="playlist", how="left")
    pairs = user_pairings.select("user", "neighbour")
    return offending_rows(owned.join(pairs, on=["user", "neighbour"], how="anti"), owned.height)


@rule(severity=Severity.WARN)
def most_users_have_candidates(candidates: pl.DataFrame, user_pairings: pl.DataFrame) -> Finding:
    """At least half of the users with neighbours have a candidate."""
    listed = as_lists(candidates, "playlists")
    served = listed.filter(pl.col("playlists").list.len() > 0)["user"].n_unique()
    paired = user_pairings["user"].n_unique()
    return within(served / paired if paired else 1.0, LEAST_REACH, None, paired)
