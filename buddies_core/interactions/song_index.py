"""The index of songs that both sources hold: one row per song, with all its ids on either side.

Songs of one source alone have no row, but a number after those of the shared ones: a library's length counts them.
"""

from dataclasses import asdict, dataclass

import polars as pl

from buddies_core.interactions.text_keys import Match, with_key

SONGS = pl.Schema(
    {  # type: ignore[arg-type]  # mypy joins a class and an instance of DataType to object
        "song": pl.UInt32,
        "key": pl.String,
        "title": pl.String,
        "artist": pl.String,
        "song_ids": pl.List(pl.String),
        "track_uris": pl.List(pl.String),
    }
)


@dataclass(frozen=True)
class SongIndex:
    """The songs of both sources.

    Attributes:
        songs: those shared, columns of `SONGS`.
        tracks, played: number of the song (`song`) of every `track_uri` and of every `song_id`; below `songs.height`
            it is a row of `songs`. A song id whose text is missing or known to be wrong is a song of its own.
        counts: how the two sources meet.
    """

    songs: pl.DataFrame
    tracks: pl.DataFrame
    played: pl.DataFrame
    counts: "SongCounts"


@dataclass(frozen=True)
class SongCounts:
    """How the two sources meet, under both keys whichever is used.

    Attributes:
        mpd_tracks: distinct track URIs.
        entp_songs: distinct song ids with text that were played.
        mismatched_songs: of those, the ids whose text is known to be wrong, which match nothing.
        mpd_exact, entp_exact, shared_exact: distinct exact keys in each source and in both.
        mpd_canonical, entp_canonical, shared_canonical: the same for canonical keys.
    """

    mpd_tracks: int
    entp_songs: int
    mismatched_songs: int
    mpd_exact: int
    entp_exact: int
    shared_exact: int
    mpd_canonical: int
    entp_canonical: int
    shared_canonical: int

    def as_metadata(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


def song_index(mpd_tracks: pl.DataFrame, msd_songs: pl.DataFrame, played: pl.Series, match: Match) -> SongIndex:
    """Songs in both sources, sorted by key, and a number for every other song.

    Both sides are grouped by key before they are joined: a key with several song ids and several URIs is one song,
    and joining the rows themselves would multiply them. The text shown is that of the smallest URI.

    Args:
        mpd_tracks: `track_uri`, `track_name`, `artist_name`; of a URI with several texts the lexically first stands.
        msd_songs: `song_id`, `title`, `artist`, `mismatched`, of songs that were played.
        played: ids of all songs that were played, distinct, with text or without.
        match: the key to match by.
    """
    tracks = _one_text_per_uri(mpd_tracks.select("track_uri", "track_name", "artist_name"))
    texts = msd_songs.unique("song_id")
    told = texts.filter(~pl.col("mismatched")).select("song_id", "title", "artist").sort("song_id")
    keys: dict[str, int] = {}
    songs, numbers = pl.DataFrame(schema=SONGS), (pl.DataFrame(), pl.DataFrame())
    for kind in ("exact", "canonical"):
        ours = with_key(tracks, "track_name", "artist_name", kind)
        theirs = with_key(told, "title", "artist", kind)
        our_keys, their_keys = ours.select("key").unique(), theirs.select("key").unique()
        shared = their_keys.join(our_keys, on="key", how="semi")
        keys |= {f"mpd_{kind}": our_keys.height, f"entp_{kind}": their_keys.height, f"shared_{kind}": shared.height}
        if kind == match:
            songs = _one_row_per_key(ours, theirs, shared)
            silent = pl.DataFrame({"song_id": played}).join(told, on="song_id", how="anti")
            # No text has a line break, so this key is nobody else's.
            alone = silent.with_columns(key="\n" + pl.col("song_id"))
            theirs = pl.concat([theirs.select("song_id", "key"), alone])
            numbers = _numbered(ours, "track_uri", songs), _numbered(theirs, "song_id", songs)
    counts = SongCounts(
        mpd_tracks=tracks.height,
        entp_songs=texts.height,
        mismatched_songs=int(texts["mismatched"].sum()),
        **keys,
    )
    return SongIndex(songs, *numbers, counts)


def _numbered(keyed: pl.DataFrame, name: str, songs: pl.DataFrame) -> pl.DataFrame:
    """The song of each id (`name`): that of the shared index, or of this source alone, numbered after those."""
    alone = keyed.select("key").unique().join(songs, on="key", how="anti").sort("key")
    numbers = pl.concat(
        [songs.select("key", "song"), alone.with_row_index("song", offset=songs.height).select("key", "song")]
    )
    return keyed.join(numbers, on="key", how="left").select(name, "song").sort(name)


def _one_text_per_uri(tracks: pl.DataFrame) -> pl.DataFrame:
    """Each URI once with the lexically first of its texts; only rows of URIs that come several times are sorted."""
    repeated = tracks["track_uri"].is_duplicated()
    several = tracks.filter(repeated).sort(tracks.columns).unique("track_uri", keep="first", maintain_order=True)
    return pl.concat([tracks.filter(~repeated), several])


def _one_row_per_key(tracks: pl.DataFrame, songs: pl.DataFrame, shared: pl.DataFrame) -> pl.DataFrame:
    ours = (
        tracks.join(shared, on="key", how="semi")
        .sort("key", "track_uri")
        .group_by("key", maintain_order=True)
        .agg(pl.col("track_name").first(), pl.col("artist_name").first(), pl.col("track_uri"))
    )
    theirs = (
        songs.join(shared, on="key", how="semi").sort("song_id").group_by("key", maintain_order=True).agg("song_id")
    )
    joined = ours.join(theirs, on="key").sort("key").with_row_index("song")
    return joined.select(
        pl.col("song").cast(pl.UInt32),
        "key",
        pl.col("track_name").alias("title"),
        pl.col("artist_name").alias("artist"),
        pl.col("song_id").alias("song_ids"),
        pl.col("track_uri").alias("track_uris"),
    )
