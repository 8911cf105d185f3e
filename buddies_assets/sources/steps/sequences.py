"""Playlists in order as a dataset, and back: what the systems of sequences learn from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from buddies_core.sequences.corpus import Sequences, Songs, encoded, keyed_rows, vocabulary
from buddies_core.sequences.splits import PARTS, content_hashes, parts_of
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter


@dataclass(frozen=True)
class Corpus:
    """Playlists in order with their songs.

    Attributes:
        sequences: every playlist of two songs or more, over the whole vocabulary.
        songs: the vocabulary.
        playlists: `pid, name, followers`, a row a playlist of `sequences`, in the same order.
        uris: `track_uri, song`, every URI.
    """

    sequences: Sequences
    songs: Songs
    playlists: pl.DataFrame
    uris: pl.DataFrame

    def of_parts(self, splits: pl.DataFrame, *parts: str) -> Sequences:
        """Playlists of some parts of the splits."""
        return self.sequences.take(self.mask(splits, *parts))

    def mask(self, splits: pl.DataFrame, *parts: str) -> np.ndarray:
        """Which playlists are of some parts, bool [n]."""
        named = dict(splits.select("pid", "split").iter_rows())
        return np.array([named.get(pid) in parts for pid in self.sequences.pids.tolist()], bool)


def in_order(tracks: pl.DataFrame, playlists: pl.DataFrame, kept: pl.DataFrame | None = None) -> Corpus:
    """Playlists in the order of `pos`, a song once a playlist.

    Args:
        tracks: `pid, pos, track_uri, track_name, artist_name`.
        playlists: `pid, name, num_followers`.
        kept: `pid, place, key` of playlists without a name; songs that no other playlist holds are left out of them.
    """
    rows = keyed_rows(tracks)
    songs = vocabulary(rows)
    if kept is not None and kept.height:
        rows = pl.concat([rows, _kept_rows(kept, songs, rows)])
    sequences = encoded(rows, playlists.select("pid", "name"), songs)
    order = pl.DataFrame({"pid": sequences.pids.astype(np.uint32)})
    facts = order.join(
        playlists.select("pid", "name", pl.col("num_followers").alias("followers")), on="pid", how="left"
    )
    numbered = songs.table.select("key", pl.int_range(pl.len(), dtype=pl.UInt32).alias("song"))
    pairs = rows.select("track_uri", "key").unique("track_uri", keep="first", maintain_order=True)
    uris = pairs.join(numbered, on="key").select("track_uri", "song").sort("track_uri")
    return Corpus(sequences, songs, facts.with_columns(pl.col("name").fill_null("")), uris)


def _kept_rows(kept: pl.DataFrame, songs: Songs, like: pl.DataFrame) -> pl.DataFrame:
    """Kept playlists as keyed rows, with the columns and types of others."""
    texts = songs.table.select("key", track_uri="uri", track_name="title", artist_name="artist")
    known = kept.join(texts, on="key", how="inner", maintain_order="left").sort("pid", "place")
    place = pl.int_range(pl.len(), dtype=pl.UInt32).over("pid")
    return known.with_columns(place=place, pos=place).select(like.columns).cast(like.schema)


def write_corpus(
    writer: DatasetWriter, corpus: Corpus, playlists_in_shard: int, extra: Mapping[str, Any] | None = None
) -> Dataset:
    """Store it: shards of whole playlists with rows `pid, place, song, artist`; the vocabulary and titles as parts.

    `extra` is told beside the numbers of songs and artists.
    """
    writer.write_part("songs", corpus.songs.table)
    writer.write_part("artists", corpus.songs.artists.alias("key").to_frame())
    writer.write_part("playlists", corpus.playlists)
    writer.write_part("uris", corpus.uris)
    shards, count = [], len(corpus.sequences)
    for number, first in enumerate(range(0, count, playlists_in_shard)):
        part = corpus.sequences.take(np.arange(first, min(first + playlists_in_shard, count)))
        shards.append(writer.write_shard(number, rows_of(part)))
    counts = {"songs": len(corpus.songs), "artists": len(corpus.songs.artists)}
    return writer.commit(shards, extra={**(extra or {}), **counts})


def rows_of(sequences: Sequences) -> pl.DataFrame:
    """Rows `pid, place, song, artist` in order."""
    row = np.repeat(np.arange(len(sequences)), sequences.lengths)
    return pl.DataFrame(
        {
            "pid": sequences.pids[row].astype(np.uint32),
            "place": (np.arange(len(row)) - sequences.indptr[row]).astype(np.uint32),
            "song": sequences.songs.astype(np.uint32),
            "artist": sequences.artists.astype(np.uint32),
        }
    )


def read_corpus(dataset: Dataset) -> Corpus:
    """The stored playlists; rows are put in order by place, whatever order they are stored in."""
    rows = dataset.frame().sort("pid", "place", maintain_order=True)
    songs = Songs(dataset.part("songs"), dataset.part("artists")["key"])
    lengths = rows.group_by("pid", maintain_order=True).len()
    playlists = lengths.select("pid").join(dataset.part("playlists"), on="pid", how="left")
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths["len"].to_numpy(), dtype=np.int64)])
    sequences = Sequences(
        indptr, rows["song"].to_numpy().astype(np.int32), rows["artist"].to_numpy().astype(np.int32),
        lengths["pid"].to_numpy().astype(np.int64), playlists["name"].fill_null("").to_list(), len(songs),
        len(songs.artists),
    )  # fmt: skip
    return Corpus(sequences, songs, playlists, dataset.part("uris"))


def split_frame(sequences: Sequences, *, seed: int) -> pl.DataFrame:
    """One row a playlist: `pid, content, split`; 80 / 10 / 10 by content, so that copies stay together."""
    hashes = content_hashes(sequences)
    part = parts_of(hashes, seed=seed)
    return pl.DataFrame(
        {
            "pid": sequences.pids.astype(np.uint32),
            "content": hashes,
            "split": pl.Series([PARTS[k] for k in part.tolist()], dtype=pl.Enum(PARTS)),
        }
    )


def unknown_to(judged: Sequences, train: Sequences) -> Sequences:
    """The same playlists, their songs and artists that no training playlist holds numbered behind the vocabulary."""
    held = np.zeros(judged.n_known, bool)
    held[train.songs] = True
    singers = np.zeros(judged.n_known_artists, bool)
    singers[train.artists] = True
    return replace(
        judged,
        songs=np.where(held[judged.songs], judged.songs, judged.songs + judged.n_known).astype(np.int32),
        artists=np.where(singers[judged.artists], judged.artists, judged.artists + judged.n_known_artists).astype(
            np.int32
        ),
    )
