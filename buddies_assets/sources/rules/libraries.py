"""Rules of the libraries (users × songs, playlists × songs, as CSR) and of the exploration coefficients."""

from typing import Protocol

import numpy as np
import polars as pl

from buddies_assets.sources.rules.raw import USER_ID
from quality.rules.verdict import SAMPLE_ROWS, SIGMAS, Finding, Severity, offending_rows, rule, within

BETA_MEAN, BETA_SPREAD = 1.3 / 4.6, 0.1903
"""Mean and standard deviation of Beta(1.3, 3.3)."""
MOST_EMPTY = 0.20


class Library(Protocol):
    """What the rules need of a CSR matrix; the pipeline's `Library` is one, and importing it would import numba."""

    @property
    def indptr(self) -> np.ndarray: ...

    @property
    def indices(self) -> np.ndarray: ...


def _rows_where(wrong: np.ndarray, **columns: np.ndarray) -> Finding:
    at = np.flatnonzero(wrong)
    picked = at[:SAMPLE_ROWS]
    sample = pl.DataFrame({"row": picked, **{name: values[picked] for name, values in columns.items()}})
    return Finding(float(len(at)), None, 0.0, len(at), len(wrong), sample, counts_rows=True)


def _malformed(library: Library) -> Finding:
    indptr = np.asarray(library.indptr)
    if len(indptr) == 0 or indptr[0] != 0 or indptr[-1] != len(library.indices) or (np.diff(indptr) < 0).any():
        sample = pl.DataFrame({"first": indptr[:1], "last": indptr[-1:], "entries": [len(library.indices)]})
        return Finding(1.0, None, 0.0, 1, len(indptr), sample, counts_rows=True)
    return Finding(0.0, None, 0.0, 0, len(indptr), counts_rows=True)


def _out_of_order(library: Library) -> Finding:
    indices = np.asarray(library.indices, np.int64)
    if len(indices) < 2 or _malformed(library).value:
        return _rows_where(np.zeros(len(indices), bool))
    starts = np.zeros(len(indices) + 1, bool)
    starts[np.asarray(library.indptr)] = True
    wrong = np.zeros(len(indices), bool)
    wrong[1:] = (np.diff(indices) <= 0) & ~starts[1:-1]
    return _rows_where(wrong, song=indices)


def _unknown_songs(library: Library, n_songs: int) -> Finding:
    return _rows_where(np.asarray(library.indices) >= n_songs, song=np.asarray(library.indices))


def _without_songs(library: Library) -> Finding:
    sizes = np.diff(np.asarray(library.indptr))
    return _rows_where(sizes < 1, songs=sizes)


def _unsorted_ids(rows: pl.DataFrame, column: str) -> Finding:
    stepped = rows.with_columns(pl.col(column).shift(1).alias("before"))
    return offending_rows(stepped.filter(pl.col(column) <= pl.col("before")), rows.height)


@rule(blocking=True)
def user_library_is_well_formed(user_library: Library) -> Finding:
    """Row pointers start at 0, never fall and end at the number of entries."""
    return _malformed(user_library)


@rule(blocking=True)
def user_songs_are_distinct_and_sorted(user_library: Library) -> Finding:
    """A user's songs rise strictly: the overlap counts each song once."""
    return _out_of_order(user_library)


@rule(blocking=True)
def user_songs_exist(user_library: Library, n_songs: int) -> Finding:
    """Every song of a user is a row of `songs`."""
    return _unknown_songs(user_library, n_songs)


@rule(asset="user_library", blocking=True)
def users_have_numbers_of_their_own(user_rows: pl.DataFrame) -> Finding:
    """Every user has a number, and no two the same: clients of the service know users by it."""
    wrong = pl.col("number").is_null() | pl.col("number").is_duplicated()
    return offending_rows(user_rows.filter(wrong), user_rows.height)


@rule(asset="user_library", blocking=True)
def user_lengths_count_all_that_is_held(user_sizes: pl.DataFrame) -> Finding:
    """A user's length, which scores divide by, is not below the songs in the library."""
    return offending_rows(user_sizes.filter((pl.col("length") < pl.col("songs")).fill_null(True)), user_sizes.height)


@rule(asset="playlist_library", blocking=True)
def playlist_lengths_count_all_that_is_held(playlist_sizes: pl.DataFrame) -> Finding:
    """A playlist's length, which scores divide by, is not below the songs in the library."""
    wrong = (pl.col("length") < pl.col("songs")).fill_null(True)
    return offending_rows(playlist_sizes.filter(wrong), playlist_sizes.height)


@rule(severity=Severity.WARN)
def most_users_know_a_shared_song(user_library: Library) -> Finding:
    """At most 20 % of users have an empty library: none of the songs they played is in a playlist."""
    empty = _without_songs(user_library)
    return within(empty.share, 0.0, MOST_EMPTY, empty.total, empty.sample)


@rule(blocking=True)
def user_rows_are_sorted_ids(user_library: Library, user_rows: pl.DataFrame) -> Finding:
    """There is one id for each row, 40 hexadecimal digits, rising strictly: `user` is its position."""
    if user_rows.height != len(user_library.indptr) - 1:
        return within(user_rows.height, len(user_library.indptr) - 1, len(user_library.indptr) - 1, user_rows.height)
    bad_form = user_rows.filter(~pl.col("user_id").str.contains(USER_ID).fill_null(False))
    return offending_rows(bad_form, user_rows.height) if bad_form.height else _unsorted_ids(user_rows, "user_id")


@rule(blocking=True)
def playlist_library_is_well_formed(playlist_library: Library) -> Finding:
    """Row pointers start at 0, never fall and end at the number of entries."""
    return _malformed(playlist_library)


@rule(blocking=True)
def playlist_songs_are_distinct_and_sorted(playlist_library: Library) -> Finding:
    """A playlist's songs rise strictly: the overlap counts each song once."""
    return _out_of_order(playlist_library)


@rule(blocking=True)
def playlist_songs_exist(playlist_library: Library, n_songs: int) -> Finding:
    """Every song of a playlist is a row of `songs`."""
    return _unknown_songs(playlist_library, n_songs)


@rule(blocking=True)
def playlists_hold_a_shared_song(playlist_library: Library) -> Finding:
    """No playlist of the library is empty: those without a shared song are left out."""
    return _without_songs(playlist_library)


@rule(blocking=True)
def playlist_rows_are_sorted_pids(playlist_library: Library, playlist_rows: pl.DataFrame) -> Finding:
    """There is one pid for each row, rising strictly: `playlist` is its position."""
    rows = len(playlist_library.indptr) - 1
    if playlist_rows.height != rows:
        return within(playlist_rows.height, rows, rows, playlist_rows.height)
    return _unsorted_ids(playlist_rows, "pid")


@rule(blocking=True)
def coefficients_have_one_row_per_user(exploration_coefficients: pl.DataFrame, n_users: int) -> Finding:
    """`user` is 0, 1, 2, … up to the last row of the user library."""
    if exploration_coefficients.height != n_users:
        return within(exploration_coefficients.height, n_users, n_users, n_users)
    numbered = exploration_coefficients.with_row_index("row")
    return offending_rows(numbered.filter(pl.col("user") != pl.col("row")), n_users)


@rule(blocking=True)
def coefficients_are_shares(exploration_coefficients: pl.DataFrame) -> Finding:
    """An exploration coefficient lies strictly between 0 and 1."""
    value = pl.col("exploration")
    wrong = value.is_null() | value.is_nan() | (value <= 0) | (value >= 1)
    return offending_rows(exploration_coefficients.filter(wrong), exploration_coefficients.height)


@rule(severity=Severity.WARN)
def coefficients_average_as_drawn(exploration_coefficients: pl.DataFrame) -> Finding:
    """The mean coefficient is that of Beta(1.3, 3.3), 0.283, within five standard errors."""
    users = exploration_coefficients.height
    room = SIGMAS * BETA_SPREAD / max(users, 1) ** 0.5
    mean = exploration_coefficients["exploration"].mean() if users else None
    return within(mean, BETA_MEAN - room, BETA_MEAN + room, users)  # type: ignore[arg-type]


@rule(severity=Severity.WARN)
def coefficients_follow_their_distribution(exploration_coefficients: pl.DataFrame) -> Finding:
    """The largest distance between the drawn and the Beta(1.3, 3.3) distribution functions is below 2.5 / √n."""
    from scipy.special import betainc

    drawn = np.sort(exploration_coefficients["exploration"].drop_nulls().to_numpy())
    if len(drawn) == 0:
        return within(None, 0.0, 1.0)
    expected = betainc(1.3, 3.3, np.clip(drawn, 0.0, 1.0))
    steps = np.arange(len(drawn) + 1) / len(drawn)
    distance = max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max())
    return within(float(distance), 0.0, 2.5 / len(drawn) ** 0.5, len(drawn))
