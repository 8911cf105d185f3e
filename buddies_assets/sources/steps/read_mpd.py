"""The slices of the Million Playlist Dataset to datasets: one pass, a shard for each bounded group of slices."""

from dataclasses import asdict
from pathlib import Path

import polars as pl

from buddies_assets.sources.mpd import find_slices, read_slices
from buddies_assets.sources.quarantine import ReadCounts, empty_quarantine
from buddies_assets.sources.steps.mpd_groups import GroupWriter
from buddies_assets.sources.steps.raw import RawRun
from buddies_core.storage import progress
from buddies_core.storage.datasets import Dataset


def read_mpd(run: RawRun, path: Path) -> tuple[Dataset, Dataset]:
    """`mpd_playlists` (with the quarantine of all MPD input as a part) and `mpd_tracks`.

    A run goes on after the last group of slices that an earlier one of the same recipe has stored.
    """
    refs = find_slices(path)
    files = {ref.name: f"{ref.size}:{ref.path.stat().st_mtime_ns}" for ref in refs}
    stored = run.stored("mpd_playlists", files, __name__), run.stored("mpd_tracks", files, __name__)
    if stored[0] and stored[1]:
        return stored[0], stored[1]
    playlists, tracks = run.writer("mpd_playlists", files, __name__), run.writer("mpd_tracks", files, __name__)
    writer, strict = GroupWriter(playlists, tracks), run.settings.strict
    groups = list(writer.stored()) if run.settings.reuse_shards else []
    read = sum(group.raw_bytes for group in groups)
    left = refs[sum(group.playlist_counts.files for group in groups) :]
    with progress.track("mpd_tracks", total=sum(ref.size for ref in refs), done=read) as tracker:
        seen = writer.seen(groups, strict=strict)
        for group in read_slices(left, strict=strict, workers=run.settings.worker_threads, duplicates=seen):
            groups.append(writer.write(len(groups), group))
            tracker.advance(group.raw_bytes, rows=group.tracks.height)
    playlists.write_part("quarantine", pl.concat([empty_quarantine(), *(group.quarantined for group in groups)]))
    facts = {"slices": len(refs), "raw_bytes": sum(group.raw_bytes for group in groups)}
    playlist_counts = sum((group.playlist_counts for group in groups), ReadCounts())
    track_counts = sum((group.track_counts for group in groups), ReadCounts())
    return (
        playlists.commit([group.playlists for group in groups], extra=facts | {"counts": asdict(playlist_counts)}),
        tracks.commit([group.tracks for group in groups], extra=facts | {"counts": asdict(track_counts)}),
    )
