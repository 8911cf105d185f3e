"""Where the raw files of a run lie: the user's own, or those of the synthetic sample."""

from dataclasses import dataclass
from pathlib import Path

from buddies_core.settings import Settings
from buddies_core.storage import progress
from buddies_core.storage.code_version import code_version
from buddies_core.storage.durable import publishing


@dataclass(frozen=True)
class SourcePaths:
    """Where the raw files lie; `mismatches` is None when the user brought none."""

    mpd: Path
    entp: Path
    msd: list[Path]
    mismatches: Path | None


def playlists_path(settings: Settings) -> Path:
    """The slices of playlists: those of BUDDIES_MPD_DIR, which systems of playlists alone need, or the sample's."""
    return Path(settings.mpd_dir) if settings.mpd_dir is not None else source_paths(settings).mpd


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

    code = code_version("buddies_assets.sources.synthetic.write")
    size = f"{settings.synthetic_users}-{settings.synthetic_playlists}-{settings.seed}-{code}"
    folder = settings.local_home / "raw" / f"synthetic-{size}"
    if not folder.exists():
        with publishing(folder) as partial, progress.track("synthetic sample", total=1) as tracker:
            write_world(partial, settings.synthetic_users, settings.synthetic_playlists, settings.seed)
            tracker.advance()
    paths = world_paths(folder)
    return SourcePaths(paths.mpd, paths.triplets, [paths.song_data], paths.mismatches)
