"""Raw files to datasets: one pass over each source, a shard for each bounded batch, the quarantine beside them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from buddies_assets.sources.entp import SOURCE, read_triplets
from buddies_assets.sources.inputs.opening import parts_of
from buddies_assets.sources.mpd import SOURCE as MPD
from buddies_assets.sources.mpd import list_slices, read_slices
from buddies_assets.sources.msd import SOURCE as MSD
from buddies_assets.sources.msd import read_songs
from buddies_assets.sources.quarantine import ReadCounts, empty_quarantine, set_aside
from buddies_assets.sources.steps.mpd_groups import GroupWriter
from buddies_core.errors import NothingReadError
from buddies_core.settings import Settings
from buddies_core.storage import progress
from buddies_core.storage.datasets import Dataset, DatasetStore, DatasetWriter, Recipe, StoredFile
from buddies_core.storage.shards import code_fingerprint


@dataclass(frozen=True)
class SourcePaths:
    """Where the raw files lie; `mismatches` is None when the user brought none."""

    mpd: Path
    entp: Path
    msd: list[Path]
    mismatches: Path | None


def source_paths(settings: Settings) -> SourcePaths:
    """The files that the settings name, or those of the synthetic sample, written on first use.

    Raises:
        InvalidSettingError: only some of the sources are named.
    """
    if settings.sources_are_real:
        named = Path(settings.msd_file or "")
        mismatches = Path(settings.msd_mismatches_file) if settings.msd_mismatches_file else None
        return SourcePaths(Path(settings.mpd_dir or ""), Path(settings.entp_file or ""), [named], mismatches)
    from buddies_assets.sources.synthetic.write import world_paths, write_world

    size = f"{settings.synthetic_users}-{settings.synthetic_playlists}-{settings.seed}-{code_fingerprint()}"
    folder = settings.local_home / "raw" / f"synthetic-{size}"
    if not folder.exists():
        partial = folder.with_name(folder.name + ".partial")
        with progress.track("synthetic sample", total=1) as tracker:
            write_world(partial, settings.synthetic_users, settings.synthetic_playlists, settings.seed)
            tracker.advance()
        partial.rename(folder)
    paths = world_paths(folder)
    return SourcePaths(paths.mpd, paths.triplets, [paths.song_data], paths.mismatches)


@dataclass(frozen=True)
class RawRun:
    """What reading a source needs: where to store, under which run, and how strictly."""

    store: DatasetStore
    settings: Settings
    run_id: str

    def recipe(self, name: str, files: Mapping[str, str]) -> Recipe:
        """The recipe of a raw dataset: its files by size and time of change, and how strictly they are read."""
        return Recipe(name, code_fingerprint(), files, {"strict": self.settings.strict, "sample": self.settings.sample})

    def writer(self, name: str, files: Mapping[str, str]) -> DatasetWriter:
        """A writer for that recipe."""
        return self.store.writer(self.recipe(name, files), self.run_id)

    def stored(self, name: str, files: Mapping[str, str]) -> Dataset | None:
        """The dataset, when it is stored and the same files were read by the same code."""
        if not (self.settings.reuse_shards and self.store.has(name)):
            return None
        dataset = self.store.open(name)
        return dataset if dataset.manifest.recipe == self.recipe(name, files).fingerprint else None


def read_mpd(run: RawRun, path: Path) -> tuple[Dataset, Dataset]:
    """`mpd_playlists` (with the quarantine of all MPD input as a part) and `mpd_tracks`.

    A run goes on after the last group of slices that an earlier one of the same recipe has stored.
    """
    slices = list_slices(path)
    refs, settings = slices.refs, run.settings
    files = {ref.name: _state_of(ref.member.path, ref.size) for ref in refs}
    files |= {one.name: f"unread:{one.size}" for one in slices.unread}
    stored = run.stored("mpd_playlists", files), run.stored("mpd_tracks", files)
    if stored[0] and stored[1]:
        return stored[0], stored[1]
    aside, unread = set_aside("mpd", slices.unread, strict=settings.strict)
    playlists, tracks = run.writer("mpd_playlists", files), run.writer("mpd_tracks", files)
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


def read_entp(run: RawRun, path: Path) -> Dataset:
    """`entp_plays`, with its quarantine as a part."""
    size = sum(member.size for member in parts_of(SOURCE, path, "BUDDIES_ENTP_FILE").members)
    files = {path.name: _state_of(path, size)}
    if stored := run.stored("entp_plays", files):
        return stored
    writer, settings = run.writer("entp_plays", files), run.settings
    shards: list[StoredFile] = []
    frames = [empty_quarantine()]
    counts, read = ReadCounts(), 0
    with progress.track("entp_plays", total=size) as tracker:
        for batch in read_triplets(
            path, strict=settings.strict, workers=settings.worker_threads, sample=settings.sample
        ):
            shards.append(writer.write_shard(len(shards), batch.plays))
            frames.append(batch.quarantined)
            counts += batch.counts
            read += batch.raw_bytes
            tracker.advance(batch.raw_bytes, rows=batch.plays.height)
    quarantined = pl.concat(frames)
    something_kept(SOURCE, path, counts, quarantined)
    writer.write_part("quarantine", quarantined)
    return writer.commit(shards, extra={"counts": asdict(counts), "raw_bytes": read, "sample": settings.sample})


def read_msd(run: RawRun, paths: list[Path], mismatches: Path | None) -> Dataset:
    """`msd_songs`, with its quarantine as a part."""
    named = [*paths, *([mismatches] if mismatches else [])]
    files = {p.name: _state_of(p, p.stat().st_size) for p in named if p.exists()}
    if stored := run.stored("msd_songs", files):
        return stored
    writer = run.writer("msd_songs", files)
    text = read_songs(paths, mismatches, strict=run.settings.strict)
    something_kept(MSD, paths[0], text.counts, text.quarantined)
    writer.write_part("quarantine", text.quarantined)
    extra = {"counts": asdict(text.counts), "code pages": text.pages}
    return writer.commit([writer.write_shard(0, text.songs)], extra=extra)


def _state_of(path: Path, size: int) -> str:
    """What changes when a file does: its size and its time of change."""
    return f"{size}:{path.stat().st_mtime_ns}"


def something_kept(source: str, path: Path, counts: ReadCounts, quarantined: pl.DataFrame) -> None:
    """Nothing, where rows of a source were kept.

    Raises:
        NothingReadError: none was; the message says of each reason how often, where first, and what stood there.
    """
    if counts.kept:
        return
    if counts.left_out:
        raise NothingReadError(source, path, f"none of {counts.left_out:,} rows is in the sample", "Set BUDDIES_SAMPLE")
    reasons = quarantined.group_by("reason", maintain_order=True).agg(pl.len().alias("rows"), pl.all().first())
    told = [
        f"{row['rows']:,} × {row['reason']} (first: {_place(row)}: {row['excerpt']!r})"
        for row in reasons.sort("rows", descending=True).head(3).iter_rows(named=True)
    ]
    what = f"none of {counts.rows:,} rows could be used" if counts.rows else "no row was found"
    raise NothingReadError(source, path, what, "; ".join(told) or "the file is empty")


def _place(row: dict[str, Any]) -> str:
    at = "" if row["position"] is None else f", line or pid {row['position']}"
    column = f", {row['field']}" if row["field"] else ""
    return f"{row['file']}{at}{column}"
