"""The raw sources as datasets: read once, checked row by row, bad input set aside and counted."""

import dagster as dg
import polars as pl

from buddies_assets.metadata import OWNERS, SOURCES, plain, spread, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.sources.paths import playlists_path, source_paths
from buddies_assets.sources.steps.raw import RawRun
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset

KINDS = {"parquet", "polars"}
STEPS = "buddies_assets.sources.steps"


@dg.multi_asset(
    name="mpd",
    outs={
        "mpd_playlists": dg.AssetOut(
            description="One row a playlist of the Million Playlist Dataset, by slice order; its quarantine is a part.",
            kinds=KINDS,
            owners=OWNERS,
            code_version=code_version(f"{STEPS}.read_mpd"),
        ),
        "mpd_tracks": dg.AssetOut(
            description="One row a track of a playlist: `pid, pos, track_uri, track_name, artist_name`.",
            kinds=KINDS,
            owners=OWNERS,
            code_version=code_version(f"{STEPS}.read_mpd"),
        ),
    },
    group_name=SOURCES,
)
def mpd(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]):
    """Both datasets come from one pass over the slices."""
    from buddies_assets.sources.steps.read_mpd import read_mpd

    playlists, tracks = read_mpd(_run(context, pipeline), playlists_path(pipeline.settings))
    for dataset, lists in ((playlists, "tracks"), (tracks, None)):
        facts = dataset.manifest.extra["counts"]
        lengths = spread("tracks a playlist", dataset.frame([lists])[lists]) if lists else {}
        _warn(context, dataset.name, facts)
        yield dg.Output(dataset, output_name=dataset.name, metadata=plain(facts) | lengths)


@dg.asset(group_name=SOURCES, kinds=KINDS, owners=OWNERS, code_version=code_version(f"{STEPS}.read_entp"))
def entp_plays(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.Output[Dataset]:
    """One row a (user, song) of the Echo Nest Taste Profile: `user_id` (40 hex), `song_id`, `plays`."""
    from buddies_assets.sources.steps.read_entp import read_entp

    dataset = read_entp(_run(context, pipeline), source_paths(pipeline.settings).entp)
    facts = dataset.manifest.extra["counts"]
    _warn(context, dataset.name, facts)
    return dg.Output(dataset, metadata=plain(facts))


@dg.asset(group_name=SOURCES, kinds=KINDS, owners=OWNERS, code_version=code_version(f"{STEPS}.read_msd"))
def msd_songs(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.Output[Dataset]:
    """One row a song id of the Million Song Dataset with its text; `mismatched` text is known to be of another song."""
    from buddies_assets.sources.steps.read_msd import read_msd

    paths = source_paths(pipeline.settings)
    dataset = read_msd(_run(context, pipeline), paths.msd, paths.mismatches)
    facts = dataset.manifest.extra["counts"]
    _warn(context, dataset.name, facts)
    mismatched = int(dataset.frame(["mismatched"])["mismatched"].sum())
    return dg.Output(dataset, metadata=plain(facts) | {"mismatched songs": mismatched})


@dg.asset(group_name=SOURCES, kinds=KINDS, owners=OWNERS, code_version="1")
def quarantined_raw(mpd_playlists: Dataset, entp_plays: Dataset, msd_songs: Dataset) -> dg.Output[pl.DataFrame]:
    """Every file and row of raw input that was set aside: where it stood, the field, the reason, an excerpt."""
    parts = [dataset.part("quarantine") for dataset in (mpd_playlists, entp_plays, msd_songs)]
    frame = pl.concat(parts)
    reasons = frame.group_by("source", "reason").len().sort("len", descending=True)
    return dg.Output(frame, metadata={"by reason": table(reasons), "sample": table(frame)})


def _run(context: dg.AssetExecutionContext, pipeline: Pipeline) -> RawRun:
    return RawRun(pipeline.store, pipeline.settings, context.run.run_id)


def _warn(context: dg.AssetExecutionContext, name: str, facts: dict) -> None:
    if facts["quarantined"] or facts["bad_files"]:
        context.log.warning(
            f"{name}: {facts['quarantined']:,} of {facts['rows']:,} rows and {facts['bad_files']} whole files are in "
            "quarantine; see the asset quarantined_raw for file, position and reason."
        )
