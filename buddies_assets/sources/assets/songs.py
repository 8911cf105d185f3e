"""The songs that both sources hold, and the libraries of users and playlists over them."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, SONGS, plain, spread, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.files import digest


@dg.asset(
    group_name=SONGS,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    code_version=code_version("buddies_core.interactions.song_index", "buddies_assets.sources.steps.libraries"),
)
def songs(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    mpd_tracks: Dataset,
    entp_plays: Dataset,
    hidden_plays: Dataset,
    msd_songs: Dataset,
) -> dg.Output[Dataset]:
    """The shared song index: one row a song that both sources hold, with its key, text and all ids on either side.

    Its parts `tracks` and `played` say which song every track and every song id is, also those of one source alone.
    """
    from buddies_assets.sources.steps import libraries
    from buddies_assets.sources.steps.hidden import HiddenPlays
    from buddies_core.interactions.song_index import song_index

    played = libraries.played_songs(entp_plays, HiddenPlays.of(hidden_plays))
    match = pipeline.settings.match
    told = msd_songs.frame().filter(pl.col("song_id").is_in(played.implode()))
    found = song_index(libraries.distinct_tracks(mpd_tracks), told, played, match)
    counts = found.counts
    if not found.songs.height:
        raise dg.Failure(
            "No song is in both sources, so nothing can be recommended. Do BUDDIES_MPD_DIR, BUDDIES_ENTP_FILE and "
            f"BUDDIES_MSD_FILE belong together? {_told(counts.as_metadata())}",
            metadata=plain(counts.as_metadata()),
        )
    sources = {"mpd_tracks": mpd_tracks, "entp_plays": entp_plays, "hidden_plays": hidden_plays, "msd_songs": msd_songs}
    writer = pipeline.writer(context, "songs", sources, {"match": match})
    writer.write_part("tracks", found.tracks)
    writer.write_part("played", found.played)
    dataset = writer.commit([writer.write_shard(0, found.songs)])
    facts = plain(counts.as_metadata()) | {"match": match, "played songs": len(played)}
    return dg.Output(dataset, metadata=facts | {"sample": table(found.songs)})


def _told(counts: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {count:,}" for name, count in counts.items() if isinstance(count, int))


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
    listener_plays: Dataset,
) -> dg.Output[Dataset]:
    """Which shared songs each user has played, as binary CSR; every user has a row, by 40-hex id, and a number.

    What listeners played since the file counts too, and whoever is new has a row. Hidden plays are not in it. The
    number is what the service calls a user: given once, and kept for as long as this dataset is.
    """
    from buddies_assets.sources.steps import libraries
    from buddies_assets.sources.steps.hidden import HiddenPlays
    from buddies_assets.sources.steps.plays_since import PlaysSince
    from buddies_core.interactions import numbers

    stored = pipeline.store.open("user_library") if pipeline.store.has("user_library") else None
    known = numbers.stored_register(stored)
    settings, lengths = pipeline.settings, pipeline.settings.lengths
    library, register = libraries.user_library(
        PlaysSince.of(entp_plays, listener_plays, songs),
        songs,
        known,
        lengths=lengths,
        share=settings.user_share,
        seed=settings.seed,
        hidden=HiddenPlays.of(hidden_plays),
    )
    inputs = {
        "entp_plays": entp_plays,
        "hidden_plays": hidden_plays,
        "songs": songs,
        "listener_plays": listener_plays,
    }
    # Part of the cache key, since the numbers of earlier runs decide the content too.
    params: dict[str, Any] = {"numbers": digest(register.write_csv().encode()), "lengths": lengths}
    if settings.user_share < 1:
        params |= {"share": settings.user_share, "seed": settings.seed}
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

    lengths = pipeline.settings.lengths
    library = libraries.playlist_library(mpd_tracks, songs, lengths=lengths)
    inputs = {"mpd_tracks": mpd_tracks, "songs": songs}
    dataset = library.save(pipeline.writer(context, "playlist_library", inputs, {"lengths": lengths}))
    return dg.Output(dataset, metadata=_described("playlists", library.rows))


def _described(what: str, rows: pl.DataFrame) -> dict:
    lengths = rows["songs"]
    return {
        f"{what} with a shared song": int((lengths > 0).sum()),
        "entries": int(lengths.sum()),
        **spread(f"songs of {what}", lengths),
        **spread(f"length of {what}", rows["length"]),
        "plot": plots.histogram(lengths, f"Shared songs of {what}", "songs"),
    }
