"""What cold users make of their lists: of the songs that five playlists bring new, how many do they really play?

Somebody who is known by a few songs plays others too: those of their library that were not told, and those that were
hidden from everything. Both are asked for, beside the list of the most liked playlists, which needs no song at all.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from buddies_core.evaluation.hidden_plays import FEWEST_HIDDEN, SHOWN, listener_metrics
from buddies_core.evaluation.paired import paired_gain
from buddies_core.evaluation.report import lowest_keys
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.greatest import MOST_SCORES, greatest_columns
from buddies_core.recommenders.factors import RowKeys
from buddies_core.recommenders.fold_in import FoldIn, first_known, only, select

LISTED_USERS = 500
"""Users whose lists are made, those of the lowest keys: each takes a score of every playlist."""
COLUMNS = pl.Schema(
    {
        "known_songs": pl.Int64,
        "listeners": pl.Int64,
        **dict.fromkeys(("precision", "precision_gain", "precision_gain_low", "precision_gain_high"), pl.Float64),
    }
)


def listened_table(
    fold_in: FoldIn,
    playlists: np.ndarray,
    users: np.ndarray,
    user_songs: Library,
    hidden: Library,
    playlist_songs: Library,
    popularity: np.ndarray,
    *,
    known: Sequence[int | None],
    keys: RowKeys,
    seed: int,
) -> pl.DataFrame:
    """One row a number of known songs, columns `COLUMNS`: the fold-in's lists, and their gain over the most liked ones.

    `listeners` are the users with a known song and two unknown ones; the interval of the gain is paired, over them.

    Args:
        playlists: the model's factors, float32 [n_playlists, d].
        users: who may be asked, rows of `user_songs` and `hidden`.
        popularity: likers of each playlist, for the most-liked list.
    """
    users = lowest_keys(users, keys.users, LISTED_USERS)
    library, catalogue = only(user_songs, users), fold_in.catalogue(playlists)
    everything = _union(select(user_songs, users), select(hidden, users))
    popular = np.argsort(-popularity, kind="stable")[:SHOWN]
    rows = []
    for songs in known:
        told = select(library if songs is None else first_known(library, songs, keys=keys, seed=seed), users)
        asked = np.flatnonzero((told.lengths > 0) & (everything.lengths - told.lengths >= FEWEST_HIDDEN))
        lists = _best(fold_in, catalogue, select(told, asked))
        ours, theirs = (
            listener_metrics(asked, shown, playlist_songs, told, everything).precision
            for shown in (lists, _lists(np.tile(popular, (len(asked), 1))))
        )
        gain = paired_gain(ours, theirs, np.arange(len(asked)), seed=seed)
        mean = float(ours.mean()) if len(asked) else 0.0
        rows.append((songs, len(asked), mean, gain.mean, gain.low, gain.high))
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def _best(fold_in: FoldIn, catalogue: np.ndarray, libraries: Library) -> Ragged:
    """The five playlists of highest score for each library, ties by lower row, as the service makes them."""
    shown, at_once = min(SHOWN, len(catalogue)), max(1, MOST_SCORES // max(1, len(catalogue)))
    parts = [np.zeros((0, shown), np.int64)]
    for start in range(0, libraries.n_rows, at_once):
        vectors = fold_in.users(libraries.rows(start, min(start + at_once, libraries.n_rows)))
        parts.append(greatest_columns(np.asarray(vectors @ catalogue.T, np.float32), shown))
    return _lists(np.concatenate(parts))


def _lists(table: np.ndarray) -> Ragged:
    return Ragged(np.arange(len(table) + 1) * table.shape[1], table.astype(np.uint32).ravel())


def _union(one: Library, other: Library) -> Library:
    pairs = [(np.repeat(np.arange(part.n_rows), part.lengths), part.indices) for part in (one, other)]
    return Library.from_parts(pairs, one.n_rows, one.n_columns)
