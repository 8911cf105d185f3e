"""What feedback tells of a listener's songs: those of a playlist that they liked, and of those they passed over.

A like says less of each song the more songs the playlist has, and a playlist that was shown beside the one liked was
passed over, which is a weak no. However much is told, it says no more of a song than a play does.
"""

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from buddies_core.interactions.csr import Library

LIKED, PASSED_OVER = 1.0, 0.25
"""What a session tells of each song of the playlist liked, and takes from those passed over, by the root of how many
songs the playlist has; a play tells 1."""


def told_songs(window: pl.DataFrame, playlists: Library, n_users: int, *, weight: float) -> csr_array:
    """What the train sessions of a window tell, float32 [n_users, n_songs], between -1 and 1.

    Args:
        window: `user, positive, negatives, split, copies`, without what is held out for evaluation.
        playlists: songs of each playlist.
        weight: copies of a session that counts in full; one that is being phased out has fewer.
    """
    train = window.filter(pl.col("split") == "train")
    counts = (train["copies"].cast(pl.Float64) / max(weight, 1.0)).clip(0.0, 1.0)
    liked = train.select("user", playlist="positive", told=LIKED * counts)
    others = train.select("user", playlist="negatives", told=-PASSED_OVER * counts)
    sessions = pl.concat([liked, others.explode("playlist", empty_as_null=False).drop_nulls("playlist")])
    held = playlists.lengths[sessions["playlist"].to_numpy()]
    rows = np.repeat(sessions["user"].to_numpy().astype(np.int64), held)
    values = np.repeat(sessions["told"].to_numpy() / np.sqrt(np.maximum(held, 1)), held)
    songs = [playlists.row(playlist) for playlist in sessions["playlist"].to_list()]
    columns = np.concatenate([np.empty(0, np.int64), *songs])
    told = csr_array((values, (rows, columns)), shape=(n_users, playlists.n_columns), dtype=np.float32)
    told.sum_duplicates()
    np.clip(told.data, -1.0, 1.0, out=told.data)
    return told
