"""Rules of what a training starts from: the factors of ALS, and the search that chose its configuration."""

import numpy as np
import polars as pl

from quality.rules.verdict import Finding, offending_rows, rule, within

STATES = ("ended", "stopped", "diverged", "failed")
LEAST_SPREAD = 1e-6


@rule(asset="als_factors", blocking=True)
def als_factors_are_finite(als_users: np.ndarray, als_playlists: np.ndarray) -> Finding:
    """No factor of ALS holds a NaN or an infinity: every epoch of BPR would inherit it."""
    sides = {"users": als_users, "playlists": als_playlists}
    bad = {side: np.flatnonzero(~np.isfinite(values).all(axis=1)) for side, values in sides.items()}
    rows = [{"side": side, "row": int(row)} for side, found in bad.items() for row in found]
    schema = {"side": pl.String, "row": pl.Int64}
    return offending_rows(pl.DataFrame(rows, schema=schema), len(als_users) + len(als_playlists))


@rule(asset="als_factors", blocking=True)
def als_factors_fit_the_libraries(
    als_users: np.ndarray, als_playlists: np.ndarray, n_users: int, n_playlists: int
) -> Finding:
    """There is a factor for each user and each playlist of the libraries, and both sides are of one dimension."""
    compared = pl.DataFrame(
        {
            "what": ["users", "playlists", "dimension"],
            "found": [len(als_users), len(als_playlists), als_users.shape[1]],
            "expected": [n_users, n_playlists, als_playlists.shape[1]],
        }
    )
    return offending_rows(compared.filter(pl.col("found") != pl.col("expected")), compared.height)


@rule(asset="als_factors", blocking=True)
def als_factors_tell_rows_apart(als_users: np.ndarray, als_playlists: np.ndarray) -> Finding:
    """Neither side is all zero or all the same: the smaller of the two sides' spreads is above 10⁻⁶."""
    spreads = [float(np.std(side, axis=0).max()) if len(side) else 0.0 for side in (als_users, als_playlists)]
    return within(min(spreads), LEAST_SPREAD, None, len(als_users) + len(als_playlists))


@rule()
def trials_are_best_first(bpr_search: pl.DataFrame) -> Finding:
    """MRR falls along the rows, and a trial without a finite one comes after all that have one: the first trains."""
    figure = pl.col("mrr").fill_null(float("nan")).fill_nan(-1.0)
    stepped = bpr_search.with_columns(figure.alias("_figure")).with_columns(pl.col("_figure").shift(1).alias("_before"))
    rises = stepped.filter(pl.col("_figure") > pl.col("_before"))
    return offending_rows(rises.drop("_figure", "_before"), bpr_search.height)


@rule()
def trial_metrics_are_shares(bpr_search: pl.DataFrame) -> Finding:
    """A trial that ended or was stopped has an MRR between 0 and 1; one alone may have none: nothing was searched."""
    judged = bpr_search.filter(pl.col("state").is_in(["ended", "stopped"]))
    missing = pl.col("mrr").is_null() | pl.col("mrr").is_nan()
    wrong = (missing & (pl.lit(bpr_search.height) > 1)) | (~missing & ~pl.col("mrr").is_between(0, 1))
    return offending_rows(judged.filter(wrong), judged.height)


@rule()
def the_winning_trial_ended(bpr_search: pl.DataFrame) -> Finding:
    """The configuration that trains is not of a trial that diverged or failed, and every state is a known one."""
    unknown = ~pl.col("state").is_in(list(STATES)).fill_null(False)
    lost = (pl.int_range(pl.len()) == 0) & pl.col("state").is_in(["diverged", "failed"])
    return offending_rows(bpr_search.filter(unknown | lost), bpr_search.height)


@rule()
def there_is_a_trial(bpr_search: pl.DataFrame) -> Finding:
    """There is at least one row: the training takes its configuration from it."""
    return within(bpr_search.height, 1, None, bpr_search.height)
