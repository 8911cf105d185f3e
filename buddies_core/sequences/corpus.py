"""Playlists as sequences of songs: the data of next track and of continuation.

A song is a canonical key (title and first artist), so that two versions of one recording are one song; a song twice in
a playlist counts once, at its first place. Order is that of `pos`: whoever loses it gets models that know no order,
and nothing fails, which is why every step here sorts or keeps it on purpose.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_core.errors import SequencesError
from buddies_core.interactions.song_key import SEPARATOR
from buddies_core.interactions.text_keys import with_key


@dataclass(frozen=True)
class Songs:
    """The vocabulary: one row a song, the songs sorted by key.

    Attributes:
        table: `key`, `uri` (its most common one), `title`, `artist` (as they read there), `artist_id` uint32.
        artists: keys of artists, the row is the id.
    """

    table: pl.DataFrame
    artists: pl.Series

    @property
    def artist_of(self) -> np.ndarray:
        """Artist of each song, int32."""
        return self.table["artist_id"].to_numpy().astype(np.int32)

    def __len__(self) -> int:
        return self.table.height


@dataclass(frozen=True)
class Sequences:
    """Playlists in order over a vocabulary.

    Attributes:
        indptr: int64 [n + 1]; playlist i's songs are `songs[indptr[i]:indptr[i + 1]]`, in order, distinct.
        songs: int32; ids from `n_known` on are songs that the vocabulary does not hold.
        artists: int32, the artist of each row; ids from `n_known_artists` on are unknown to the vocabulary.
        pids: int64 [n].
        titles: text of each playlist's name.
        n_known, n_known_artists: sizes of the vocabulary.
    """

    indptr: np.ndarray
    songs: np.ndarray
    artists: np.ndarray
    pids: np.ndarray
    titles: list[str]
    n_known: int
    n_known_artists: int

    def __len__(self) -> int:
        return len(self.pids)

    @property
    def lengths(self) -> np.ndarray:
        """Songs of each playlist, int64 [n]."""
        return np.diff(self.indptr)

    def playlist(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Songs and artists of playlist `i`, in order (views)."""
        rows = slice(self.indptr[i], self.indptr[i + 1])
        return self.songs[rows], self.artists[rows]

    def take(self, chosen: np.ndarray) -> "Sequences":
        """The chosen playlists (indices or a mask), in the order given."""
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        lengths = self.lengths[chosen]
        indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        rows = np.repeat(self.indptr[chosen] - indptr[:-1], lengths) + np.arange(indptr[-1])
        titles = [self.titles[i] for i in chosen.tolist()]
        return Sequences(
            indptr, self.songs[rows], self.artists[rows], self.pids[chosen], titles, self.n_known, self.n_known_artists
        )

    def shuffled(self, seed: int) -> "Sequences":
        """The same playlists with their songs in an order that means nothing: what order is worth shows against it."""
        from buddies_core.kernels.randomness import SHUFFLE, uniform

        row = np.repeat(np.arange(len(self)), self.lengths)
        order = np.lexsort((uniform(seed, SHUFFLE, self.pids[row], self.songs), row))
        return Sequences(
            self.indptr, self.songs[order], self.artists[order], self.pids, self.titles, self.n_known,
            self.n_known_artists,
        )  # fmt: skip


def keyed_rows(tracks: pl.DataFrame) -> pl.DataFrame:
    """Rows `pid, place, key, track_uri, track_name, artist_name`: sorted by pid and pos, a song once a playlist.

    Args:
        tracks: `pid, pos, track_uri, track_name, artist_name` in any order.
    """
    texts = tracks.select("track_name", "artist_name").unique()
    keyed = tracks.join(with_key(texts, "track_name", "artist_name", "canonical"), on=["track_name", "artist_name"])
    kept = keyed.sort("pid", "pos").unique(["pid", "key"], keep="first", maintain_order=True)
    return kept.with_columns(pl.int_range(pl.len()).over("pid").cast(pl.UInt32).alias("place"))


def vocabulary(rows: pl.DataFrame) -> Songs:
    """Songs of keyed rows; of several URIs or spellings of a song the most common stands, of equals the smallest."""
    shown = (
        rows.group_by("key", "track_uri", "track_name", "artist_name")
        .len()
        .sort("key", "len", "track_uri", "track_name", descending=[False, True, False, False])
        .unique("key", keep="first", maintain_order=True)
    )
    artist_key = pl.col("key").str.split(SEPARATOR).list.last()
    artists = shown.select(artist_key.unique().sort())["key"]
    ids = shown.select(artist_key.replace_strict(artists, pl.int_range(len(artists), eager=True)).cast(pl.UInt32))[
        "key"
    ]
    table = shown.select(
        "key", pl.col("track_uri").alias("uri"), pl.col("track_name").alias("title"),
        pl.col("artist_name").alias("artist"), ids.alias("artist_id"),
    )  # fmt: skip
    return Songs(table, artists)


def encoded(rows: pl.DataFrame, names: pl.DataFrame, songs: Songs, *, shortest: int = 2) -> Sequences:
    """Keyed rows as sequences over a vocabulary; songs and artists that it lacks get ids behind its own.

    Args:
        rows: from `keyed_rows`.
        names: `pid, name` of the playlists.
        songs: of the training playlists, whose vocabulary it is.
        shortest: playlists with fewer distinct songs teach nothing and are left out.

    Raises:
        SequencesError: no playlist is left.
    """
    rows = rows.filter(pl.len().over("pid") >= shortest)
    if not rows.height:
        raise SequencesError(f"no playlist holds {shortest} different songs. Give more slices, or check their order.")
    song = _ids(rows["key"], songs.table["key"])
    artist = _ids(rows["key"].str.split(SEPARATOR).list.last(), songs.artists)
    pids, lengths = (rows.group_by("pid", maintain_order=True).len()[name].to_numpy() for name in ("pid", "len"))
    titles = pl.DataFrame({"pid": rows["pid"].unique(maintain_order=True)}).join(names, on="pid", how="left")
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    return Sequences(
        indptr, song, artist, pids.astype(np.int64), titles["name"].fill_null("").to_list(), len(songs),
        len(songs.artists),
    )  # fmt: skip


def _ids(values: pl.Series, known: pl.Series) -> np.ndarray:
    """Row of each value in `known`; those it lacks are numbered behind it, in order of first appearance."""
    table = pl.DataFrame({"value": known, "id": pl.int_range(len(known), eager=True)})
    found = values.alias("value").to_frame().join(table, on="value", how="left", maintain_order="left")
    new = found.filter(pl.col("id").is_null()).select(pl.col("value").unique(maintain_order=True))
    more = new.with_columns(pl.int_range(len(known), len(known) + pl.len(), dtype=pl.Int64).alias("new"))
    both = found.join(more, on="value", how="left", maintain_order="left")
    return both.select(pl.coalesce("id", "new").cast(pl.Int32))["id"].to_numpy()
