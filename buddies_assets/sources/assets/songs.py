"""The songs that both sources hold, and the libraries of users and playlists over them."""

import dagster as dg
import polars as pl

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, SONGS, plain, spread, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version
from buddies_core.storage.datasets import Dataset
from buddies_core.storage.files import digest


@dg.asset(
    group_name=SONGS,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    code_version=code_version("buddies_core.interactions.song_index", "buddies_assets.sources.steps.libraries"),
)
def songs(
    pipeline: dg.ResourceParam[Pipeline],
    mpd_tracks: Dataset,
    entp_plays: Dataset,
    hidden_plays: Dataset,
    msd_songs: pl.DataFrame,
) -> dg.Output[pl.DataFrame]:
    """The shared song index: one row a song that both sources hold, with its key, text and all ids on either side."""
    from buddies_assets.sources.steps import libraries
    from buddies_assets.sources.steps.hidden import HiddenPlays
    from buddies_core.interactions.song_index import shared_songs

    played = libraries.played_songs(entp_plays, HiddenPlays.of(hidden_plays))
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
    hidden_plays: Dataset,
    songs: Dataset,
) -> dg.Output[Dataset]:
    """Which shared songs each user has played, as binary CSR; every user has a row, by 40-hex id, and a number.

    Hidden plays are not in it. The number is what the service calls a user: given once, and kept for as long as this
    dataset is.
    """
    from buddies_assets.sources.steps import libraries
    from buddies_assets.sources.steps.hidden import HiddenPlays
    from buddies_core.interactions import numbers

    stored = pipeline.store.open("user_library") if pipeline.store.has("user_library") else None
    known = numbers.stored_register(stored)
    library, register = libraries.user_library(entp_plays, songs.frame(), known, HiddenPlays.of(hidden_plays))
    inputs = {"entp_plays": entp_plays, "hidden_plays": hidden_plays, "songs": songs}
    # Part of the recipe, since the numbers of earlier runs decide the content too.
    params = {"numbers": digest(register.write_csv().encode())}
    writer = pipeline.writer(context, "user_library", inputs, params)
    dataset = library.save(writer, {"numbers": register.height}, {numbers.PART: register})
    facts = {"numbers given so far": register.height, "new users": register.height - known.height}
    return dg.Output(dataset, metadata=_described("users", library.rows) | facts)


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
