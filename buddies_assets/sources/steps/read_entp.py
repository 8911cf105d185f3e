"""The Echo Nest Taste Profile to a dataset: one pass, a shard for each bounded batch of lines."""

from dataclasses import asdict
from pathlib import Path

import polars as pl

from buddies_assets.sources.entp import SOURCE, read_triplets
from buddies_assets.sources.entp_lines import PLAYS
from buddies_assets.sources.files import require_file
from buddies_assets.sources.quarantine import ReadCounts, empty_quarantine
from buddies_assets.sources.steps.raw import RawRun
from buddies_core.storage import progress
from buddies_core.storage.datasets import Dataset, StoredFile


def read_entp(run: RawRun, path: Path) -> Dataset:
    """`entp_plays`, with its quarantine as a part."""
    require_file(SOURCE, path, "BUDDIES_ENTP_FILE")
    size = path.stat().st_size
    files = {path.name: f"{size}:{path.stat().st_mtime_ns}"}
    if stored := run.stored("entp_plays", files, __name__):
        return stored
    writer = run.writer("entp_plays", files, __name__)
    shards: list[StoredFile] = []
    quarantined = [empty_quarantine()]
    counts, read = ReadCounts(), 0
    with progress.track("entp_plays", total=size) as tracker:
        for batch in read_triplets(path, strict=run.settings.strict, workers=run.settings.worker_threads):
            shards.append(writer.write_shard(len(shards), batch.plays))
            quarantined.append(batch.quarantined)
            counts += batch.counts
            read += batch.raw_bytes
            tracker.advance(batch.raw_bytes, rows=batch.plays.height)
    if not shards:
        shards.append(writer.write_shard(0, pl.DataFrame(schema=PLAYS)))
    writer.write_part("quarantine", pl.concat(quarantined))
    return writer.commit(shards, extra={"counts": asdict(counts), "raw_bytes": read})
