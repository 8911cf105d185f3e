"""Rules of playlists in order and of how they are divided."""

import numpy as np
import polars as pl

from quality.rules.shapes import duplicates, without_partner
from quality.rules.verdict import SIGMAS, Finding, offending_rows, rule, within

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
SAME_ARTIST = 1.5
"""How many times as often as by chance the next song is by the same artist, at least; of real playlists 4 times."""
FORWARD = 1.2
"""Pairs of neighbours that recur, forward beside backward: 1.39 in real playlists, 1.0 once the order is lost."""
FEWEST_PAIRS = 200
"""Recurring pairs below which their ratio says nothing."""
MOST_UNKNOWN = 0.6


def _steps(rows: pl.DataFrame) -> pl.DataFrame:
    """Every step of a playlist from one song to the next."""
    ordered = rows.sort("pid", "place")
    shifted = [pl.col(name).shift(-1).over("pid").alias(f"next_{name}") for name in ("song", "artist")]
    return ordered.with_columns(shifted).drop_nulls("next_song")


@rule(blocking=True)
def places_have_no_gap(playlist_sequences: pl.DataFrame) -> Finding:
    """Places of a playlist are 0, 1, 2 … without a gap."""
    right = pl.int_range(pl.len(), dtype=pl.UInt32).over("pid")
    ordered = playlist_sequences.sort("pid", "place")
    return offending_rows(ordered.filter(pl.col("place") != right), ordered.height)


@rule(blocking=True)
def no_song_stands_twice(playlist_sequences: pl.DataFrame) -> Finding:
    """A song stands once in a playlist: else it would follow itself."""
    return duplicates(playlist_sequences, "pid", "song")


@rule(blocking=True)
def artists_stay(playlist_sequences: pl.DataFrame) -> Finding:
    """The next song is by the same artist more often than in shuffled playlists: lost order shows here."""
    steps = _steps(playlist_sequences)
    of_artist = playlist_sequences.group_by("pid", "artist").len("n").filter(pl.col("n") > 1)
    # Of a shuffled playlist of L songs, n by one artist, n (n - 1) / L steps stay with the artist.
    lengths = playlist_sequences.group_by("pid").len("length")
    by_chance = of_artist.join(lengths, on="pid").select((pl.col("n") * (pl.col("n") - 1.0) / pl.col("length")).sum())
    stays = steps.filter(pl.col("artist") == pl.col("next_artist")).height
    expected = float(by_chance.item() or 0.0)
    return within(stays / expected if expected else None, SAME_ARTIST, None, steps.height)


@rule()
def pairs_recur_forward(playlist_sequences: pl.DataFrame) -> Finding:
    """Pairs of neighbours recur in other playlists in their direction more often than against it."""
    steps = _steps(playlist_sequences).select("pid", "song", "next_song")
    halves = [steps.filter(pl.col("pid") % 2 == half).select("song", "next_song").unique() for half in (0, 1)]
    turned = halves[1].select(pl.col("next_song").alias("song"), pl.col("song").alias("next_song"))
    forward, backward = (halves[0].join(other, on=["song", "next_song"]).height for other in (halves[1], turned))
    if forward + backward < FEWEST_PAIRS:
        return within(FORWARD, FORWARD, None, forward + backward)
    return within(forward / max(backward, 1), FORWARD, None, forward + backward)


@rule(blocking=True)
def contents_are_in_one_split(sequence_splits: pl.DataFrame) -> Finding:
    """Playlists of the same songs are in one split: a copy in test would be known by heart."""
    spread = sequence_splits.group_by("content").agg(pl.col("split").n_unique().alias("splits"))
    return offending_rows(spread.filter(pl.col("splits") > 1), spread.height)


@rule(blocking=True)
def every_playlist_has_a_split(sequence_splits: pl.DataFrame, playlist_sequences: pl.DataFrame) -> Finding:
    """Every playlist in order is in a split."""
    return without_partner(playlist_sequences.select("pid").unique(), sequence_splits, "pid")


@rule(blocking=True)
def contents_are_split_by_shares(sequence_splits: pl.DataFrame) -> Finding:
    """Train, validation and test have 80, 10 and 10 % of the contents, within five deviations of a fair draw."""
    distinct = sequence_splits.unique("content")
    counts = dict(distinct.group_by("split").len().select(pl.col("split").cast(pl.String), "len").iter_rows())
    n = max(distinct.height, 1)
    apart = [
        abs(counts.get(name, 0) / n - share) / (SIGMAS * float(np.sqrt(share * (1 - share) / n)) + 1 / n)
        for name, share in SHARES.items()
    ]
    return within(max(apart), None, 1.0, n)


@rule()
def songs_of_test_are_known_in_part(sequence_splits: pl.DataFrame, playlist_sequences: pl.DataFrame) -> Finding:
    """Of the rows of test playlists most have a song that a training playlist holds; three quarters of real ones."""
    rows = playlist_sequences.join(sequence_splits.select("pid", "split"), on="pid")
    split = pl.col("split").cast(pl.String)
    test, train = rows.filter(split == "test"), rows.filter(split == "train")
    unknown = test.join(train.select("song").unique(), on="song", how="anti").height
    return within(unknown / test.height if test.height else 0.0, 0.0, MOST_UNKNOWN, test.height)
