"""What is known of songs beside who plays them: artist, release, title, year, words, and playlists."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import csr_array, vstack

ARTIST, RELEASE, PLAYLIST = 1.77, 1.0, 0.3
"""Weights of side rows beside a listener's 1, chosen by validation inside plays."""


@dataclass(frozen=True, slots=True)
class SongFacts:
    """Facts of n songs.

    Attributes:
        artist, release, title: int32 [n], one number for those that are the same; -1 where nothing is known.
        year: int16 [n], 0 where unknown.
        words: float32 [n_words, n], 1 where artist, title or release has the word.
        playlists: float32 [n_playlists, n], 1 where a playlist holds the song.
    """

    artist: np.ndarray
    release: np.ndarray
    title: np.ndarray
    year: np.ndarray
    words: csr_array
    playlists: csr_array

    @property
    def n_songs(self) -> int:
        """Songs described."""
        return len(self.artist)

    def side_rows(self) -> csr_array:
        """Rows that stand below the listeners': songs of one artist, one release or one playlist support each other."""
        parts = [
            rows_of(self.artist) * np.float32(ARTIST),
            rows_of(self.release) * np.float32(RELEASE),
            self.playlists * np.float32(PLAYLIST),
        ]
        return csr_array(vstack(parts, format="csr")).astype(np.float32)

    def descriptions(self) -> csr_array:
        """Everything said of songs, a row each: what Item2Item compares songs by."""
        parts = [rows_of(self.artist), rows_of(self.release), rows_of(np.where(self.year > 0, self.year, -1))]
        return csr_array(vstack([*parts, self.words, self.playlists], format="csr")).astype(np.float32)


def no_facts(n: int) -> SongFacts:
    """Facts of songs of which nothing is known."""
    unknown = np.full(n, -1, np.int32)
    empty = csr_array((0, n), dtype=np.float32)
    return SongFacts(unknown, unknown, unknown, np.zeros(n, np.int16), empty, empty)


def song_facts(songs: Sequence[str], texts: pl.DataFrame, playlists: pl.DataFrame | None = None) -> SongFacts:
    """Facts of songs.

    Args:
        songs: ids, in order.
        texts: `song, artist_key, title_key, release, year`; songs without a row are of unknown text. Keys: canonical.
        playlists: `pid, song`, the songs of playlists; songs that are not asked for are left out.
    """
    place = {song: at for at, song in enumerate(songs)}
    known = texts.filter(pl.col("song").is_in(list(songs))).unique("song", keep="first", maintain_order=True)
    rows = np.array([place[song] for song in known["song"].to_list()], np.int64)

    def numbered(label: Callable[[dict[str, str | int | None]], Hashable | None]) -> np.ndarray:
        numbers: dict[Hashable, int] = {}
        found = np.full(len(songs), -1, np.int32)
        for at, row in zip(rows.tolist(), known.iter_rows(named=True), strict=True):
            name = label(row)
            if name is not None:
                found[at] = numbers.setdefault(name, len(numbers))
        return found

    year = np.zeros(len(songs), np.int16)
    year[rows] = known["year"].fill_null(0).to_numpy()
    return SongFacts(
        artist=numbered(lambda row: row["artist_key"] or None),
        release=numbered(lambda row: (row["artist_key"], str(row["release"]).lower()) if row["release"] else None),
        title=numbered(lambda row: row["title_key"] or None),
        year=year,
        words=_words(known, rows, len(songs)),
        playlists=_playlists(playlists, place),
    )


def rows_of(numbers: np.ndarray) -> csr_array:
    """A row for each number that more than one song has, float32 [numbers, n], 1 for its songs."""
    known = np.flatnonzero(numbers >= 0)
    _, number, sizes = np.unique(numbers[known], return_inverse=True, return_counts=True)
    several = sizes[number] > 1
    rows = np.unique(number[several], return_inverse=True)[1]
    ones = np.ones(len(rows), np.float32)
    return csr_array((ones, (rows, known[several])), shape=(int(rows.max(initial=-1)) + 1, len(numbers)))


def _words(known: pl.DataFrame, rows: np.ndarray, n: int) -> csr_array:
    texts = known.select(
        pl.concat_str("artist_key", "title_key", pl.col("release").fill_null("").str.to_lowercase(), separator=" ")
    ).to_series()
    words = pl.DataFrame({"at": rows, "word": texts.str.extract_all(r"[\p{L}\p{N}]{2,}")}).explode("word")
    words = words.drop_nulls().unique().sort("word", "at")
    common = words.group_by("word").len().filter(pl.col("len") > 1).sort("word")["word"]
    words = words.filter(pl.col("word").is_in(common.implode()))
    row = words["word"].rank("dense").to_numpy().astype(np.int64) - 1
    ones = np.ones(words.height, np.float32)
    return csr_array((ones, (row, words["at"].to_numpy())), shape=(len(common), n))


def _playlists(playlists: pl.DataFrame | None, place: dict[str, int]) -> csr_array:
    if playlists is None:
        return csr_array((0, len(place)), dtype=np.float32)
    held = playlists.filter(pl.col("song").is_in(list(place))).select("pid", "song").unique()
    several = held.group_by("pid").len().filter(pl.col("len") > 1)["pid"].sort()
    held = held.filter(pl.col("pid").is_in(several.implode())).sort("pid", "song")
    row = held["pid"].rank("dense").to_numpy().astype(np.int64) - 1
    column = [place[song] for song in held["song"].to_list()]
    return csr_array((np.ones(held.height, np.float32), (row, column)), shape=(len(several), len(place)))
