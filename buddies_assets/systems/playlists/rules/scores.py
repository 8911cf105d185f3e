"""Rules of the scores: one row a user, with its liked pairs, its two pools of negatives, and its cuts."""

import polars as pl

from quality.rules.shapes import broken_ranks, duplicates, repeated_members, rising, unmatched, without_partner
from quality.rules.verdict import Finding, offending_rows, rule

LIKED_SHARE = 0.015
TOLERANCE = 1e-4
"""Relative room between a stored float32 score and the formula in float64."""


def liked_count() -> pl.Expr:
    """How many playlists a user likes, of `pairs`: max(1, ceil(0.015 · pairs)), and none of none."""
    exact = (pl.col("pairs").cast(pl.Int64) * 15 + 999) // 1000
    return pl.when(pl.col("pairs") == 0).then(0).otherwise(exact)


def formula() -> pl.Expr:
    """The score of (exploration, songs, matches, playlist_songs) as defined."""
    e, matches = pl.col("exploration"), pl.col("matches").cast(pl.Float64)
    return ((1 - e) * (1 + matches).log() + e) / (
        pl.col("songs").cast(pl.Float64) * pl.col("playlist_songs").cast(pl.Float64)
    ).sqrt()


def _pairs(scores: pl.DataFrame) -> pl.DataFrame:
    """One row per (user, liked playlist) with its matches and score, from rows whose lists agree in length."""
    whole = scores.filter(
        (pl.col("liked").list.len() == pl.col("liked_matches").list.len())
        & (pl.col("liked").list.len() == pl.col("liked_scores").list.len())
    )
    return (
        whole.select("user", "songs", "exploration", "liked_cut", "liked", "liked_matches", "liked_scores")
        .explode("liked", "liked_matches", "liked_scores")
        .rename({"liked": "playlist", "liked_matches": "matches", "liked_scores": "score"})
        .drop_nulls("playlist")
    )


@rule(blocking=True)
def scores_have_one_row_per_user(scores: pl.DataFrame) -> Finding:
    """A user is scored once."""
    return duplicates(scores, "user")


@rule(blocking=True)
def every_user_is_scored(scores: pl.DataFrame, exploration_coefficients: pl.DataFrame) -> Finding:
    """Every user with a coefficient has a row of scores."""
    return without_partner(exploration_coefficients, scores, "user")


@rule()
def scores_use_the_drawn_coefficient(scores: pl.DataFrame, exploration_coefficients: pl.DataFrame) -> Finding:
    """The exploration a user was scored with is the one drawn for that user."""
    drawn = exploration_coefficients.select("user", pl.col("exploration").alias("drawn"))
    joined = scores.select("user", "exploration").join(drawn, on="user", how="left")
    wrong = (pl.col("exploration") - pl.col("drawn")).abs() > TOLERANCE
    return offending_rows(joined.filter(wrong | pl.col("drawn").is_null()), scores.height)


@rule(blocking=True)
def score_figures_are_finite(scores: pl.DataFrame) -> Finding:
    """Minimum, median, maximum and every liked score are finite and above 0."""
    figures = ["score_min", "score_median", "score_max"]
    bad = pl.any_horizontal(
        (pl.col(f).is_nan() | pl.col(f).is_infinite() | (pl.col(f) <= 0)).fill_null(False) for f in figures
    )
    members = (
        pl.col("liked_scores")
        .list.eval(pl.element().is_nan() | pl.element().is_infinite() | (pl.element() <= 0))
        .list.any()
    )
    return offending_rows(scores.filter(bad | members.fill_null(False)).select("user", *figures), scores.height)


@rule()
def score_figures_are_ordered(scores: pl.DataFrame) -> Finding:
    """minimum ≤ median ≤ maximum, and the hard cut is not above the liked cut."""
    wrong = (
        (pl.col("score_min") > pl.col("score_median"))
        | (pl.col("score_median") > pl.col("score_max"))
        | (pl.col("hard_cut") > pl.col("liked_cut"))
    )
    return offending_rows(scores.filter(wrong.fill_null(False)), scores.height)


@rule(blocking=True)
def the_liked_are_the_best_share(scores: pl.DataFrame) -> Finding:
    """A user likes max(1, ceil(0.015 · pairs)) playlists, no more and no fewer."""
    counted = scores.with_columns(liked_count().alias("expected"), pl.col("liked").list.len().alias("found"))
    wrong = counted.filter(pl.col("expected") != pl.col("found"))
    return offending_rows(wrong.select("user", "pairs", "expected", "found"), scores.height)


@rule(blocking=True)
def liked_lists_have_equal_lengths(scores: pl.DataFrame) -> Finding:
    """Liked playlists, their matches and their scores are lists of the same length."""
    length = pl.col("liked").list.len()
    wrong = (length != pl.col("liked_matches").list.len()) | (length != pl.col("liked_scores").list.len())
    return offending_rows(scores.filter(wrong).select("user", length.alias("liked")), scores.height)


@rule(blocking=True)
def liked_playlists_are_distinct(scores: pl.DataFrame) -> Finding:
    """A user likes a playlist once."""
    return repeated_members(scores.select("user", "liked"), "liked")


@rule()
def liked_scores_fall_to_the_cut(scores: pl.DataFrame) -> Finding:
    """Liked scores never rise along the list, and none lies below the liked cut."""
    falls = pl.col("liked_scores").list.eval(pl.element().diff().fill_null(0) <= 0).list.all()
    last = pl.col("liked_scores").list.min().cast(pl.Float64)
    wrong = ~falls | (last < pl.col("liked_cut") * (1 - TOLERANCE))
    return offending_rows(scores.filter(wrong.fill_null(False)).select("user", "liked_cut"), scores.height)


@rule()
def liked_scores_follow_the_formula(scores: pl.DataFrame, playlist_sizes: pl.DataFrame) -> Finding:
    """Each liked score is ((1 − e) · ln(1 + m) + e) / √(songs · playlist songs)."""
    lengths = playlist_sizes.select("playlist", playlist_songs="length")
    sized = _pairs(scores).join(lengths, on="playlist", how="left")
    wrong = ((pl.col("score") - formula()).abs() > TOLERANCE * formula()).fill_null(True)
    return offending_rows(sized.filter(wrong).with_columns(formula().alias("expected")), sized.height)


@rule()
def matches_fit_the_libraries(scores: pl.DataFrame, user_sizes: pl.DataFrame, playlist_sizes: pl.DataFrame) -> Finding:
    """A liked pair shares at least one song and no more than the libraries of user or playlist hold."""
    held = playlist_sizes.select("playlist", playlist_songs="songs")
    own = user_sizes.select("user", "songs")
    sized = _pairs(scores).drop("songs").join(held, on="playlist", how="left").join(own, on="user", how="left")
    wrong = (
        (pl.col("matches") < 1)
        | (pl.col("matches") > pl.col("songs"))
        | (pl.col("matches") > pl.col("playlist_songs")).fill_null(True)
    )
    return offending_rows(sized.filter(wrong), sized.height)


@rule()
def songs_count_the_library(scores: pl.DataFrame, user_sizes: pl.DataFrame) -> Finding:
    """`songs` is the length of the user's library: all its songs, or those shared, as `BUDDIES_LENGTHS` says."""
    joined = scores.select("user", "songs").join(user_sizes.select("user", held="length"), on="user", how="left")
    return offending_rows(joined.filter((pl.col("songs") != pl.col("held")).fill_null(True)), scores.height)


@rule(blocking=True)
def pools_hold_no_liked_playlist(scores: pl.DataFrame) -> Finding:
    """Neither pool of negatives holds a playlist that the user likes, and the pools do not meet."""
    liked = pl.col("liked").list
    meets = (
        (liked.set_intersection("hard").list.len() > 0)
        | (liked.set_intersection("easy").list.len() > 0)
        | (pl.col("hard").list.set_intersection("easy").list.len() > 0)
    )
    return offending_rows(scores.filter(meets).select("user"), scores.height)


@rule()
def pools_hold_distinct_playlists(scores: pl.DataFrame) -> Finding:
    """A playlist is sampled into a pool once."""
    repeats = pl.any_horizontal(pl.col(c).list.n_unique() < pl.col(c).list.len() for c in ("hard", "easy"))
    return offending_rows(scores.filter(repeats).select("user", "hard", "easy"), scores.height)


@rule()
def pools_are_filled(scores: pl.DataFrame) -> Finding:
    """A user with ten or more pairs left has both hard and easy negatives."""
    left = pl.col("pairs").cast(pl.Int64) - pl.col("liked").list.len().cast(pl.Int64)
    empty = (pl.col("hard").list.len() == 0) | (pl.col("easy").list.len() == 0)
    return offending_rows(scores.filter((left >= 10) & empty).select("user", "pairs"), scores.height)


@rule(blocking=True)
def scored_playlists_exist(scores: pl.DataFrame, n_playlists: int) -> Finding:
    """Every playlist in a liked list or a pool is a row of the playlist library."""
    highest = pl.max_horizontal(pl.col(c).list.max() for c in ("liked", "hard", "easy"))
    return offending_rows(scores.filter(highest >= n_playlists).select("user", highest.alias("highest")), scores.height)


@rule(blocking=True)
def liked_pairs_are_unique(liked_playlists: pl.DataFrame) -> Finding:
    """(user, playlist) occurs once."""
    return duplicates(liked_playlists, "user", "playlist")


@rule()
def liked_ranks_are_complete(liked_playlists: pl.DataFrame) -> Finding:
    """A user's ranks have no gap and no repeat."""
    return broken_ranks(liked_playlists, "user")


@rule()
def liked_ranks_follow_the_scores(liked_playlists: pl.DataFrame) -> Finding:
    """Along the ranks the score falls, and equal scores go by playlist index."""
    return rising(liked_playlists, by="user", order="rank", value="score", other="playlist", exact="matches")


@rule(blocking=True)
def liked_pairs_are_those_scored(liked_playlists: pl.DataFrame, scores: pl.DataFrame) -> Finding:
    """The table holds exactly the pairs of the lists in `scores`."""
    pairs = scores.select("user", pl.col("liked").alias("playlist")).explode("playlist").drop_nulls()
    extra = unmatched(liked_playlists.select("user", "playlist"), pairs, "user", "playlist")
    lost = unmatched(pairs, liked_playlists, "user", "playlist")
    return offending_rows(pl.concat([extra, lost], how="vertical_relaxed"), max(liked_playlists.height, pairs.height))
