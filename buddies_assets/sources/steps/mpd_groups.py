"""Groups of MPD slices as stored shards: what a run that died has left is found, so that only the rest is parsed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import polars as pl

from buddies_assets.sources.mpd import DuplicatePids
from buddies_assets.sources.mpd_slice import ParsedSlice
from buddies_assets.sources.quarantine import SCHEMA, ReadCounts
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.files import read_parquet
from buddies_core.storage.manifest import StoredFile


@dataclass(frozen=True)
class StoredGroup:
    """A group of slices whose playlists and tracks are stored; `playlist_counts.files` says how many slices it holds.

    Attributes:
        playlists, tracks: the shard of either dataset.
        quarantined: what was set aside, `buddies_assets.sources.quarantine.SCHEMA`.
        playlist_counts, track_counts, raw_bytes: as of `ParsedSlice`.
    """

    playlists: StoredFile
    tracks: StoredFile
    quarantined: pl.DataFrame
    playlist_counts: ReadCounts
    track_counts: ReadCounts
    raw_bytes: int


@dataclass(frozen=True)
class GroupWriter:
    """Writes groups of slices as shards of both MPD datasets, and finds those of an earlier run of the same recipes."""

    playlists: DatasetWriter
    tracks: DatasetWriter

    def write(self, index: int, group: ParsedSlice) -> StoredGroup:
        """Store a group; its facts are written last, so that facts mean a whole group."""
        stored = StoredGroup(
            self.playlists.write_shard(index, group.playlists),
            self.tracks.write_shard(index, group.tracks),
            group.quarantined,
            group.playlist_counts,
            group.track_counts,
            group.raw_bytes,
        )
        facts = {
            "quarantined": group.quarantined.rows(),
            "playlist_counts": asdict(group.playlist_counts),
            "track_counts": asdict(group.track_counts),
            "raw_bytes": group.raw_bytes,
        }
        self.playlists.write_sidecar(index, facts)
        return stored

    def stored(self) -> Iterator[StoredGroup]:
        """The first groups, up to the first that is not stored whole."""
        index = 0
        while facts := self.playlists.stored_sidecar(index):
            playlists, tracks = self.playlists.stored_shard(index), self.tracks.stored_shard(index)
            if playlists is None or tracks is None:
                return
            yield StoredGroup(
                playlists,
                tracks,
                pl.DataFrame(facts["quarantined"], schema=SCHEMA, orient="row"),
                ReadCounts(**facts["playlist_counts"]),
                ReadCounts(**facts["track_counts"]),
                facts["raw_bytes"],
            )
            index += 1

    def seen(self, groups: list[StoredGroup], *, strict: bool) -> DuplicatePids:
        """The pids of stored groups; one that was set aside as a duplicate is among those kept before it."""
        duplicates = DuplicatePids(strict=strict)
        for group in groups:
            frame = read_parquet(self.playlists.folder / group.playlists.file, ["pid"])
            duplicates.repeated(frame["pid"].to_numpy())
        return duplicates
