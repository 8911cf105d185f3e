"""Real playlists for the benchmarks of sequences: those to learn from, and a sixth that no training sees."""

import os
from pathlib import Path

import polars as pl

from buddies_assets.cli.sequences import rows_and_names
from buddies_core.kernels.randomness import SPLIT, uniform
from buddies_core.sequences.corpus import Sequences, Songs, encoded, vocabulary
from buddies_core.sequences.splits import without_copies

SEED = 20_250_514


def real_playlists(every: int) -> tuple[Sequences, Sequences, Songs]:
    """Playlists of BUDDIES_REAL_DATA/mpd to learn from, playlists that are not, and the songs of the former.

    Args:
        every: of the playlists one in so many is taken.
    """
    rows, names = rows_and_names(Path(os.environ["BUDDIES_REAL_DATA"]) / "mpd", strict=False)
    pids = rows["pid"].to_numpy().astype("int64")
    rows = rows.filter(pl.Series(uniform(SEED, SPLIT, pids, 2) < 1 / every))
    kept = pl.Series(uniform(SEED, SPLIT, rows["pid"].to_numpy().astype("int64")) < 1 / 6)
    songs = vocabulary(rows.filter(~kept))
    train, unseen = (encoded(rows.filter(chosen), names, songs) for chosen in (~kept, kept))
    return train, without_copies(unseen, train), songs


def table_text(table: pl.DataFrame) -> str:
    """A table whole, for a report's notes."""
    with pl.Config(tbl_rows=200, tbl_cols=40, tbl_width_chars=250, float_precision=3, fmt_str_lengths=60):
        return str(table)
