"""Song text of the Million Song Dataset to a dataset."""

from dataclasses import asdict
from pathlib import Path

from buddies_assets.sources.msd import read_songs
from buddies_assets.sources.steps.raw import RawRun
from buddies_core.storage.datasets import Dataset


def read_msd(run: RawRun, paths: list[Path], mismatches: Path | None) -> Dataset:
    """`msd_songs`, with its quarantine as a part."""
    named = [*paths, *([mismatches] if mismatches else [])]
    files = {p.name: f"{p.stat().st_size}:{p.stat().st_mtime_ns}" for p in named if p.exists()}
    if stored := run.stored("msd_songs", files, __name__):
        return stored
    writer = run.writer("msd_songs", files, __name__)
    text = read_songs(paths, mismatches, strict=run.settings.strict)
    writer.write_part("quarantine", text.quarantined)
    return writer.commit([writer.write_shard(0, text.songs)], extra={"counts": asdict(text.counts)})
