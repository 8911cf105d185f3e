"""Playlists in order and how they are divided: what next track and continuation share."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from buddies_assets.metadata import OWNERS, plain, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.files import digest

GROUP = "sequences"
KINDS = {"parquet", "polars"}
_CODE = code_version("buddies_assets.sources.steps.sequences")
_IN_SHARD = 50_000


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def playlist_sequences(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    mpd_playlists: Dataset,
    mpd_tracks: Dataset,
    listener_plays: Dataset,
) -> dg.Output[Dataset]:
    """One row a song of a playlist, in order and once: `pid, place, song, artist`; songs, artists, titles are parts.

    What listeners kept as playlists (`listener_plays`) stands behind those of the files. Where BUDDIES_MPD_DIR is unset
    and BUDDIES_NOWPLAYING_FILE is set, the playlists are those of that file; rows that cannot be used are counted.
    """
    from buddies_assets.sources.steps.sequences import in_order, write_corpus
    from buddies_core.sequences.order_statistics import order_statistics

    settings, kept, set_aside = pipeline.settings, listener_plays.part("kept"), 0
    inputs = {"mpd_playlists": mpd_playlists, "mpd_tracks": mpd_tracks, "listener_plays": listener_plays}
    params: dict[str, Any] = {"in shard": _IN_SHARD}
    if settings.mpd_dir is None and settings.nowplaying_file is not None:
        from buddies_assets.sources.nowplaying import read_nowplaying

        read = read_nowplaying(Path(settings.nowplaying_file), strict=settings.strict)
        tracks, playlists, set_aside = read.tracks, read.playlists, read.quarantine.height
        params["content"] = digest(b"".join(frame.write_csv().encode() for frame in (tracks, playlists)))
        for row in read.quarantine.head(5).iter_rows(named=True):
            context.log.warning(f"set aside: {row['file']}, line {row['position']}: {row['reason']}")
    else:
        tracks = mpd_tracks.frame(["pid", "pos", "track_uri", "track_name", "artist_name"])
        playlists = mpd_playlists.frame(["pid", "name", "num_followers"])
    corpus = in_order(tracks, playlists, kept)
    writer = pipeline.writer(context, "playlist_sequences", inputs, params)
    events = listener_plays.manifest.extra.get("events", {})
    dataset = write_corpus(writer, corpus, _IN_SHARD, {"events": events, "mpd_tracks": mpd_tracks.fingerprint})
    shown = order_statistics(corpus.sequences, seed=settings.seed)
    facts = {"playlists": len(corpus.sequences), "songs": len(corpus.songs), "artists": len(corpus.songs.artists)}
    facts["playlists of listeners"] = int((corpus.sequences.pids >= kept["pid"].min()).sum()) if kept.height else 0
    facts["rows set aside"] = set_aside
    return dg.Output(dataset, metadata=plain(facts | vars(shown)))


@dg.asset(group_name=GROUP, kinds=KINDS, owners=OWNERS, code_version=_CODE)
def sequence_splits(pipeline: dg.ResourceParam[Pipeline], playlist_sequences: Dataset) -> dg.Output[pl.DataFrame]:
    """One row a playlist: `pid, content, split`; train, validation, test by content, so that copies stay together."""
    from buddies_assets.sources.steps.sequences import read_corpus, split_frame

    frame = split_frame(read_corpus(playlist_sequences).sequences, seed=pipeline.settings.seed)
    return dg.Output(frame, metadata={"splits": table(frame.group_by("split").len().sort("split"))})
