"""Rules of the version that listeners are served by, and of the list that is written for everybody once a day.

`served_model` is one row an array of the version: array, dtype, rows, expected_dtype, expected_rows.
`served_arrays` are the arrays themselves, mapped from disk: a rule takes a few bytes an entry for a moment, some 0.5 GB
for a million users with 75 candidates each, and never copies the libraries.
`daily_recommendations` is one row a user: user_id, playlists (MPD pids, best first).
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from quality.rules.lineage import is_made_of_what_is_stored_now
from quality.rules.shapes import duplicates, outside, repeated_members
from quality.rules.verdict import SAMPLE_ROWS, Finding, Severity, offending_rows, rule, within

Arrays = Mapping[str, np.ndarray]
SHOWN = 5
FITS_LOOKED_AT = 2_000
INDEXES = {
    "ranked_playlists": "playlist_pids",
    "most_liked": "playlist_pids",
    "liked_playlists": "playlist_pids",
    "user_order": "user_ids",
    "neighbour_users": "user_ids",
    "playlist_owner": "user_ids",
    "playlist_fits": "user_ids",
}
"""Arrays of indexes, and the array whose rows they count."""
DAILY_AGE = timedelta(days=2)


@rule(blocking=True)
def served_arrays_are_those_of_the_format(served_model: pl.DataFrame) -> Finding:
    """Every array of the format is there, with its dtype and as many rows as the tables that it describes."""
    right = (pl.col("dtype") == pl.col("expected_dtype")) & (pl.col("rows") == pl.col("expected_rows"))
    return offending_rows(served_model.filter(~right.fill_null(False)), served_model.height)


@rule(asset="served_model", blocking=True)
def served_numbers_are_finite(served_arrays: Arrays) -> Finding:
    """No score, similarity or factor is NaN or infinite: a NaN would rank first for everybody it meets."""
    real = {name: values for name, values in served_arrays.items() if values.dtype.kind == "f"}
    bad = {name: int((~np.isfinite(values)).sum()) for name, values in real.items()}
    rows = pl.DataFrame({"array": list(bad), "not finite": list(bad.values())}, schema_overrides={"array": pl.String})
    return offending_rows(rows.filter(pl.col("not finite") > 0), len(real))


@rule(asset="served_model", blocking=True)
def served_indexes_exist(served_arrays: Arrays) -> Finding:
    """Every playlist that is ranked, liked or owned, and every neighbour, is a row of its table."""
    found = [
        {"array": name, "highest": int(served_arrays[name].max()), "rows": len(served_arrays[table])}
        for name, table in INDEXES.items()
        if name in served_arrays and len(served_arrays[name])
    ]
    rows = pl.DataFrame(found, schema={"array": pl.String, "highest": pl.Int64, "rows": pl.Int64})
    return offending_rows(rows.filter(pl.col("highest") >= pl.col("rows")), len(INDEXES))


@rule(asset="served_model")
def playlists_that_nobody_owns_fit_whom_they_name(served_arrays: Arrays) -> Finding:
    """Whom a playlist fits best is told of those that nobody owns, and shares a song with it; of 2,000 of them."""
    fits = served_arrays.get("playlist_fits")
    if fits is None:
        # A version from before they were told.
        return offending_rows(pl.DataFrame({"playlist": []}), 0)
    told = np.flatnonzero((np.asarray(fits) >= 0).any(axis=1))
    looked_at = told[np.linspace(0, len(told) - 1, min(len(told), FITS_LOOKED_AT)).astype(np.int64)]
    owned = np.asarray(served_arrays["playlist_owner"])[looked_at] >= 0
    wrong = [
        {"playlist": int(playlist), "user": int(user)}
        for playlist, is_owned in zip(looked_at, owned, strict=True)
        for user in fits[playlist]
        if user >= 0 and (is_owned or not _share_a_song(served_arrays, int(user), int(playlist)))
    ]
    return offending_rows(pl.DataFrame(wrong, schema={"playlist": pl.Int64, "user": pl.Int64}), len(looked_at))


def _share_a_song(served_arrays: Arrays, user: int, playlist: int) -> bool:
    mine, theirs = (
        served_arrays[f"{side}_library_indices"][slice(*served_arrays[f"{side}_library_indptr"][row : row + 2])]
        for side, row in (("user", user), ("playlist", playlist))
    )
    return bool(np.isin(theirs, mine).any())


@rule(asset="served_model", blocking=True)
def served_scores_fall(served_arrays: Arrays) -> Finding:
    """A user's scores never rise along the list: the best comes first."""
    scores, starts = served_arrays["ranked_scores"], np.asarray(served_arrays["ranked_indptr"])
    rises = np.flatnonzero(scores[1:] > scores[:-1]) + 1
    rises = rises[~np.isin(rises, starts)]
    users = np.searchsorted(starts, rises[:SAMPLE_ROWS], side="right") - 1
    sample = pl.DataFrame({"user": users, "at": rises[:SAMPLE_ROWS]})
    return Finding(float(len(rises)), None, 0.0, len(rises), len(scores), sample, counts_rows=True)


@rule(asset="served_model", blocking=True)
def served_rows_are_those_of_the_libraries(
    served_arrays: Arrays, user_rows: pl.DataFrame, playlist_rows: pl.DataFrame
) -> Finding:
    """Users by their numbers and playlists by their rows are the libraries': one that moved gets another's list."""
    ids = served_arrays["user_ids"]
    numbers = user_rows["number"].to_numpy()
    known = ids[np.minimum(numbers, max(len(ids), 1) - 1)] if len(ids) else np.zeros(len(numbers), "S40")
    users = pl.Series("user_id", np.char.decode(known, "ascii"), dtype=pl.String)
    users = users.zip_with(pl.Series(numbers < len(ids)), pl.Series([None] * len(numbers), dtype=pl.String))
    pids = pl.Series("pid", np.asarray(served_arrays["playlist_pids"])).cast(pl.Int64)
    wrong = []
    for name, served, stored in (
        ("users", users, user_rows["user_id"]),
        ("playlists", pids, playlist_rows["pid"].cast(pl.Int64)),
    ):
        differs = len(served) == len(stored) and served.ne_missing(stored).sum()
        apart = max(len(served), len(stored)) if len(served) != len(stored) else int(differs)
        wrong.append({"table": name, "rows that differ": apart})
    found = pl.DataFrame(wrong)
    return offending_rows(found.filter(pl.col("rows that differ") > 0), len(users) + len(pids))


@rule(asset="served_model", blocking=True)
def served_lists_are_those_ranked(
    served_arrays: Arrays, ranked_candidates: pl.DataFrame, user_rows: pl.DataFrame, served_lineage: pl.DataFrame
) -> Finding:
    """The served lists are those of `ranked_candidates`, user by user; not judged once a newer ranking is stored."""
    if not is_made_of_what_is_stored_now(served_lineage).passed:
        return offending_rows(ranked_candidates.clear(), 0)
    numbers = user_rows.select("number").with_row_index("user")
    ranked = ranked_candidates.select("user", "playlists").join(numbers, on="user").select("playlists", user="number")
    ranked = ranked.sort("user")
    lengths = np.zeros(len(served_arrays["user_ids"]), np.int64)
    known = ranked["user"].to_numpy() < len(lengths)
    lengths[ranked["user"].to_numpy()[known]] = ranked["playlists"].list.len().to_numpy()[known]
    served = np.diff(served_arrays["ranked_indptr"])
    flat = ranked["playlists"].explode(empty_as_null=False).drop_nulls().to_numpy()
    if not np.array_equal(served, lengths) or len(flat) != len(served_arrays["ranked_playlists"]):
        users = np.flatnonzero(served != lengths)
    else:
        at = np.flatnonzero(flat != served_arrays["ranked_playlists"])
        users = np.unique(np.searchsorted(served_arrays["ranked_indptr"], at, side="right") - 1)
    sample = pl.DataFrame({"user": users[:SAMPLE_ROWS]})
    return Finding(float(len(users)), None, 0.0, len(users), len(served), sample, counts_rows=True)


@rule(asset="served_model")
def everybody_is_answered_with_five(served_arrays: Arrays) -> Finding:
    """The ready-made answer of every user holds five playlists, or all there are: one with none is an empty page."""
    starts = np.asarray(served_arrays["contract_offsets"])
    commas = np.concatenate([[0], np.cumsum(np.asarray(served_arrays["contract_bytes"]) == ord(","), dtype=np.int64)])
    # A comma stands before the list, and one between each two of its members.
    held = commas[starts[1:]] - commas[starts[:-1]]
    users = np.flatnonzero(held != min(SHOWN, len(served_arrays["playlist_pids"])))
    sample = pl.DataFrame({"user": users[:SAMPLE_ROWS], "playlists": held[users[:SAMPLE_ROWS]]})
    return Finding(float(len(users)), None, 0.0, len(users), len(held), sample, counts_rows=True)


@rule(asset="served_model", severity=Severity.WARN)
def served_model_is_of_the_stored_data(served_lineage: pl.DataFrame) -> Finding:
    """The ranking and the users that went into the version are stored with the same fingerprint: else publish anew."""
    return is_made_of_what_is_stored_now(served_lineage)


@rule(blocking=True)
def everybody_has_a_daily_list(daily_recommendations: pl.DataFrame, n_numbers: int) -> Finding:
    """There is a list for every user who ever had a number."""
    return within(daily_recommendations["user_id"].n_unique(), n_numbers, n_numbers, daily_recommendations.height)


@rule(blocking=True)
def daily_lists_are_one_a_user(daily_recommendations: pl.DataFrame) -> Finding:
    """A user has one list."""
    return duplicates(daily_recommendations, "user_id")


@rule(blocking=True)
def daily_users_exist(daily_recommendations: pl.DataFrame, n_numbers: int) -> Finding:
    """Every user is one to whom a number was given."""
    return outside(daily_recommendations, "user_id", n_numbers)


@rule()
def daily_lists_are_full(daily_recommendations: pl.DataFrame, n_playlists: int) -> Finding:
    """A list holds five playlists, or all there are, none of them null."""
    held = pl.col("playlists").list.drop_nulls().list.len().fill_null(0)
    return offending_rows(daily_recommendations.filter(held != min(SHOWN, n_playlists)), daily_recommendations.height)


@rule()
def daily_lists_hold_distinct_playlists(daily_recommendations: pl.DataFrame) -> Finding:
    """A list holds a playlist once."""
    return repeated_members(daily_recommendations, "playlists")


@rule(blocking=True)
def daily_playlists_exist(daily_recommendations: pl.DataFrame, playlist_rows: pl.DataFrame) -> Finding:
    """Every playlist is the pid of a row of the playlist library, or of the champion where it is of earlier data."""
    shown = daily_recommendations.select("user_id", pid="playlists").explode("pid").drop_nulls("pid")
    known = playlist_rows.select(pl.col("pid").cast(pl.Int64))
    return offending_rows(shown.join(known, on="pid", how="anti"), shown.height)


@rule()
def daily_lists_are_those_served(daily_recommendations: pl.DataFrame, served_lists: pl.DataFrame) -> Finding:
    """A list is what the champion answers; not judged (no row) where the champion is newer than the file."""
    both = daily_recommendations.join(served_lists, on="user_id", how="inner", suffix="_served")
    apart = both.filter((pl.col("playlists") != pl.col("playlists_served")).fill_null(True))
    return offending_rows(apart, both.height)


@rule(asset="daily_recommendations", severity=Severity.WARN)
def daily_lists_are_of_these_days(daily_day: date, now_at: datetime) -> Finding:
    """The newest file is at most two days old: who reads it would miss what was published since."""
    return within((now_at.date() - daily_day).days, 0, DAILY_AGE.days, 1)
