"""The slices of the Million Playlist Dataset to datasets: one pass, a shard for each bounded group of slices."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from buddies_assets.sources.mpd import SOURCE as MPD
from buddies_assets.sources.mpd import list_slices, read_slices
from buddies_assets.sources.quarantine import empty_quarantine, set_aside
from buddies_assets.sources.steps.mpd_groups import GroupWriter
from buddies_assets.sources.steps.raw import RawRun, something_kept, state_of
from buddies_core.storage import progress
from buddies_core.storage.dataset import Dataset


def read_mpd(run: RawRun, path: Path) -> tuple[Dataset, Dataset]:
    """`mpd_playlists` (with the quarantine of all MPD input as a part) and `mpd_tracks`.

    A run goes on after the last group of slices that an earlier one of the same cache key has stored.
    """
    slices = list_slices(path)
    refs, settings = slices.refs, run.settings
    files = {ref.name: state_of(ref.member.path, ref.size) for ref in refs}
    files |= {one.name: f"unread:{one.size}" for one in slices.unread}
    stored = run.stored("mpd_playlists", files, __name__), run.stored("mpd_tracks", files, __name__)
    if stored[0] and stored[1]:
        return stored[0], stored[1]
    aside, unread = set_aside("mpd", slices.unread, strict=settings.strict)
    playlists, tracks = run.writer("mpd_playlists", files, __name__), run.writer("mpd_tracks", files, __name__)
    writer = GroupWriter(playlists, tracks)
    groups = list(writer.stored()) if settings.reuse_shards else []
    read = sum(group.raw_bytes for group in groups)
    left = refs[sum(group.playlist_counts.files for group in groups) :]
    with progress.track("mpd_tracks", total=sum(ref.size for ref in refs), done=read) as tracker:
        seen = writer.seen(groups, strict=settings.strict)
        for group in read_slices(
            left,
            strict=settings.strict,
            workers=settings.worker_threads,
            duplicates=seen,
            sample=settings.sample,
        ):
            groups.append(writer.write(len(groups), group))
            tracker.advance(group.raw_bytes, rows=group.tracks.height)
    quarantined = pl.concat([empty_quarantine(), *(group.quarantined for group in groups), aside])
    playlist_counts = sum((group.playlist_counts for group in groups), unread)
    track_counts = sum((group.track_counts for group in groups), replace(unread, bad_files=0))
    something_kept(MPD, path, track_counts, quarantined)
    playlists.write_part("quarantine", quarantined)
    extra: dict[str, Any] = {
        "slices": len(refs),
        "raw_bytes": sum(group.raw_bytes for group in groups),
        "sample": settings.sample,
        "not data": [one.name for one in slices.unread if not one.is_data],
    }
    return (
        playlists.commit([group.playlists for group in groups], extra=extra | {"counts": asdict(playlist_counts)}),
        tracks.commit([group.tracks for group in groups], extra=extra | {"counts": asdict(track_counts)}),
    )
