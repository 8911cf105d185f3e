"""Song text of the Million Song Dataset to a dataset."""

from dataclasses import asdict
from pathlib import Path

from buddies_assets.sources.msd import SOURCE as MSD
from buddies_assets.sources.msd import read_songs
from buddies_assets.sources.steps.raw import RawRun, something_kept, state_of
from buddies_core.storage.dataset import Dataset


def read_msd(run: RawRun, paths: list[Path], mismatches: Path | None) -> Dataset:
    """`msd_songs`, with its quarantine as a part."""
    named = [*paths, *([mismatches] if mismatches else [])]
    files = {p.name: state_of(p, p.stat().st_size) for p in named if p.exists()}
    if stored := run.stored("msd_songs", files, __name__):
        return stored
    writer = run.writer("msd_songs", files, __name__)
    text = read_songs(paths, mismatches, strict=run.settings.strict)
    something_kept(MSD, paths[0], text.counts, text.quarantined)
    writer.write_part("quarantine", text.quarantined)
    extra = {"counts": asdict(text.counts), "code pages": text.pages}
    return writer.commit([writer.write_shard(0, text.songs)], extra=extra)
