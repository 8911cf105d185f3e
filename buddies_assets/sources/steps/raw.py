"""Raw files to datasets: one pass over each source, a shard for each bounded batch, the quarantine beside them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from buddies_assets.sources.entp import SOURCE, read_triplets
from buddies_assets.sources.entp_lines import PLAYS
from buddies_assets.sources.files import require_file
from buddies_assets.sources.mpd import find_slices, read_slices
from buddies_assets.sources.msd import read_songs
from buddies_assets.sources.quarantine import ReadCounts, empty_quarantine
from buddies_assets.sources.steps.mpd_groups import GroupWriter
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
        return Recipe(name, code_fingerprint(), files, {"strict": self.settings.strict})

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
    refs = find_slices(path)
    files = {ref.name: f"{ref.size}:{ref.path.stat().st_mtime_ns}" for ref in refs}
    stored = run.stored("mpd_playlists", files), run.stored("mpd_tracks", files)
    if stored[0] and stored[1]:
        return stored[0], stored[1]
    playlists, tracks = run.writer("mpd_playlists", files), run.writer("mpd_tracks", files)
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


def read_entp(run: RawRun, path: Path) -> Dataset:
    """`entp_plays`, with its quarantine as a part."""
    require_file(SOURCE, path, "BUDDIES_ENTP_FILE")
    size = path.stat().st_size
    files = {path.name: f"{size}:{path.stat().st_mtime_ns}"}
    if stored := run.stored("entp_plays", files):
        return stored
    writer = run.writer("entp_plays", files)
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


def read_msd(run: RawRun, paths: list[Path], mismatches: Path | None) -> Dataset:
    """`msd_songs`, with its quarantine as a part."""
    named = [*paths, *([mismatches] if mismatches else [])]
    files = {p.name: f"{p.stat().st_size}:{p.stat().st_mtime_ns}" for p in named if p.exists()}
    if stored := run.stored("msd_songs", files):
        return stored
    writer = run.writer("msd_songs", files)
    text = read_songs(paths, mismatches, strict=run.settings.strict)
    writer.write_part("quarantine", text.quarantined)
    return writer.commit([writer.write_shard(0, text.songs)], extra={"counts": asdict(text.counts)})
