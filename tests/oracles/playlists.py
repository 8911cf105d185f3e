"""Small playlists written by hand, as the readers would give them."""

import polars as pl


def rows_of(playlists: dict[int, list[tuple[str, str]]]) -> pl.DataFrame:
    """Track rows of playlists given as (title, artist) by pid."""
    return pl.DataFrame(
        [
            {"pid": pid, "pos": pos, "track_uri": f"spotify:track:{title}/{artist}", "track_name": title,
             "artist_name": artist}
            for pid, songs in playlists.items()
            for pos, (title, artist) in enumerate(songs)
        ],
        schema={
            "pid": pl.UInt32, "pos": pl.UInt32, "track_uri": pl.String, "track_name": pl.String,
            "artist_name": pl.String,
        },
    )  # fmt: skip
