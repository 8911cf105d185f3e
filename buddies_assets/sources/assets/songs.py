"""The songs that both sources hold, and the libraries of users and playlists over them."""

import dagster as dg
import polars as pl

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, SONGS, plain, spread, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version
from buddies_core.storage.datasets import Dataset


@dg.asset(
    group_name=SONGS,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    code_version=code_version("buddies_core.interactions.song_index", "buddies_assets.sources.steps.libraries"),
)
def songs(
    pipeline: dg.ResourceParam[Pipeline], mpd_tracks: Dataset, entp_plays: Dataset, msd_songs: pl.DataFrame
) -> dg.Output[pl.DataFrame]:
    """The shared song index: one row a song that both sources hold, with its key, text and all ids on either side."""
    from buddies_assets.sources.steps import libraries
    from buddies_core.interactions.song_index import shared_songs

    played = libraries.played_songs(entp_plays)
    told = msd_songs.filter(pl.col("song_id").is_in(played.implode()))
    frame, counts = shared_songs(libraries.distinct_tracks(mpd_tracks), told, pipeline.settings.match)
    if not frame.height:
        raise dg.Failure(
            "No song is in both sources, so nothing can be recommended. Do BUDDIES_MPD_DIR, BUDDIES_ENTP_FILE and "
            "BUDDIES_MSD_FILE belong together? The counts below say how many songs each has.",
            metadata=plain(counts.as_metadata()),
        )
    facts = plain(counts.as_metadata()) | {"match": pipeline.settings.match, "played songs": len(played)}
    return dg.Output(frame, metadata=facts | {"sample": table(frame)})


@dg.asset(
    group_name=SONGS,
    kinds={"numpy", "polars"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.sources.steps.libraries"),
)
def user_library(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    entp_plays: Dataset,
    songs: Dataset,
) -> dg.Output[Dataset]:
    """Which shared songs each user has played, as binary CSR; every user has a row, by 40-hex id."""
    from buddies_assets.sources.steps import libraries

    library = libraries.user_library(entp_plays, songs.frame())
    inputs = {"entp_plays": entp_plays, "songs": songs}
    dataset = library.save(pipeline.writer(context, "user_library", inputs, {}))
    return dg.Output(dataset, metadata=_described("users", library.rows))


@dg.asset(
    group_name=SONGS,
    kinds={"numpy", "polars"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.sources.steps.libraries"),
)
def playlist_library(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    mpd_tracks: Dataset,
    songs: Dataset,
) -> dg.Output[Dataset]:
    """Which shared songs each playlist holds, as binary CSR; playlists with none have no row, the others go by pid."""
    from buddies_assets.sources.steps import libraries

    library = libraries.playlist_library(mpd_tracks, songs.frame())
    inputs = {"mpd_tracks": mpd_tracks, "songs": songs}
    dataset = library.save(pipeline.writer(context, "playlist_library", inputs, {}))
    return dg.Output(dataset, metadata=_described("playlists", library.rows))


def _described(what: str, rows: pl.DataFrame) -> dict:
    lengths = rows["songs"]
    return {
        f"{what} with a shared song": int((lengths > 0).sum()),
        "entries": int(lengths.sum()),
        **spread(f"songs of {what}", lengths),
        "plot": plots.histogram(lengths, f"Shared songs of {what}", "songs"),
    }
