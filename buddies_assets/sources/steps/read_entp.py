"""The Echo Nest Taste Profile to a dataset: one pass, a shard for each bounded batch of lines."""

from dataclasses import asdict
from pathlib import Path

import polars as pl

from buddies_assets.sources.entp import SOURCE, read_triplets
from buddies_assets.sources.inputs.opening import parts_of
from buddies_assets.sources.quarantine import ReadCounts, empty_quarantine
from buddies_assets.sources.steps.raw import RawRun, something_kept, state_of
from buddies_core.storage import progress
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.forgotten import ForgottenIds
from buddies_core.storage.manifest import StoredFile


def read_entp(run: RawRun, path: Path) -> Dataset:
    """`entp_plays`, with its quarantine as a part."""
    size = sum(member.size for member in parts_of(SOURCE, path, "BUDDIES_ENTP_FILE").members)
    files = {path.name: state_of(path, size)}
    forgotten = ForgottenIds.at(run.settings.home)
    if forgotten:
        files["forgotten.txt"] = forgotten.digest
    if stored := run.stored("entp_plays", files, __name__):
        return stored
    writer, settings = run.writer("entp_plays", files, __name__), run.settings
    shards: list[StoredFile] = []
    frames = [empty_quarantine()]
    counts, read = ReadCounts(), 0
    with progress.track("entp_plays", total=size) as tracker:
        how = {"strict": settings.strict, "workers": settings.worker_threads, "sample": settings.sample}
        for batch in read_triplets(path, **how, forgotten=forgotten):  # type: ignore[arg-type]
            shards.append(writer.write_shard(len(shards), batch.plays))
            frames.append(batch.quarantined)
            counts += batch.counts
            read += batch.raw_bytes
            tracker.advance(batch.raw_bytes, rows=batch.plays.height)
    quarantined = pl.concat(frames)
    something_kept(SOURCE, path, counts, quarantined)
    writer.write_part("quarantine", quarantined)
    return writer.commit(shards, extra={"counts": asdict(counts), "raw_bytes": read, "sample": settings.sample})
