"""The index of songs that both sources hold: one row per song, with all its ids on either side."""

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


def shared_songs(mpd_tracks: pl.DataFrame, msd_songs: pl.DataFrame, match: Match) -> tuple[pl.DataFrame, SongCounts]:
    """Songs in both sources, sorted by key.

    Both sides are grouped by key before they are joined: a key with several song ids and several URIs is one song,
    and joining the rows themselves would multiply them. The text shown is that of the smallest URI.

    Args:
        mpd_tracks: `track_uri`, `track_name`, `artist_name`; of a URI with several texts the lexically first stands.
        msd_songs: `song_id`, `title`, `artist`, `mismatched`, of songs that were played.
        match: the key to match by.

    Returns:
        Columns of `SONGS` (`song` is the row), with sorted id lists, and the counts.
    """
    tracks = _one_text_per_uri(mpd_tracks.select("track_uri", "track_name", "artist_name"))
    played = msd_songs.unique("song_id")
    told = played.filter(~pl.col("mismatched")).select("song_id", "title", "artist").sort("song_id")
    keys: dict[str, int] = {}
    songs = pl.DataFrame(schema=SONGS)
    for kind in ("exact", "canonical"):
        ours = with_key(tracks, "track_name", "artist_name", kind)
        theirs = with_key(told, "title", "artist", kind)
        our_keys, their_keys = ours.select("key").unique(), theirs.select("key").unique()
        shared = their_keys.join(our_keys, on="key", how="semi")
        keys |= {f"mpd_{kind}": our_keys.height, f"entp_{kind}": their_keys.height, f"shared_{kind}": shared.height}
        if kind == match:
            songs = _one_row_per_key(ours, theirs, shared)
    counts = SongCounts(
        mpd_tracks=tracks.height,
        entp_songs=played.height,
        mismatched_songs=int(played["mismatched"].sum()),
        **keys,
    )
    return songs, counts


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
