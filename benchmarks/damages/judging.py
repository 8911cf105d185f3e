"""Whether the product accounts for every row of a damaged world: kept, quarantined, or in a file named as unread."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.damages.making import Damage
from benchmarks.damages.world import ENTP, MPD, MSD, World
from buddies_assets.sources.steps.raw import RawRun
from buddies_assets.sources.steps.read_entp import read_entp
from buddies_assets.sources.steps.read_mpd import read_mpd
from buddies_assets.sources.steps.read_msd import read_msd
from buddies_core.errors import BuddiesError
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

OF_FILES = (
    "truncated_file",
    "undecodable_file",
    "unreadable_archive",
    "foreign_format",
    "unread_file",
    "malformed_json",
)


@dataclass(frozen=True)
class Verdict:
    """What became of one damage.

    Attributes:
        problems: rows that are not accounted for, or wrongly; empty when all is well.
        traceback: the error that nobody foresaw; empty when there was none.
    """

    damage: Damage
    problems: list[str]
    traceback: str = ""


def judge(damage: Damage, world: World, folder: Path) -> Verdict:
    """Read the damaged world by the product, and compare with what is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in damage.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if data is None:
            (folder / path).symlink_to(folder / "gone")
        else:
            (folder / path).write_bytes(data)
    settings = Settings(home=str(folder / "home"), threads=1)
    run = RawRun(DatasetStore.at(settings.home), settings, "damages")
    try:
        if damage.original.startswith(MPD):
            stored = read_mpd(run, folder / MPD)[0]
        elif damage.original == ENTP:
            stored = read_entp(run, folder / damage.path)
        else:
            stored = read_msd(run, [folder / damage.path], None)
    except BuddiesError as error:
        return Verdict(damage, _problems_of_error(damage, str(error)))
    except Exception as error:
        return Verdict(damage, [], f"{type(error).__name__}: {error}")
    frame, quarantine = stored.frame(), stored.part("quarantine")
    return Verdict(damage, _problems(damage, world, frame, quarantine, stored.manifest.extra["counts"]))


def _problems_of_error(damage: Damage, message: str) -> list[str]:
    """A source that is one file may be refused whole, by name and with a reason."""
    if damage.original.startswith(MPD):
        return [f"one damaged slice stops all: {message}"]
    return [] if Path(damage.path).name in message and len(message) < 2_000 else [f"names no file: {message}"]


def _problems(damage: Damage, world: World, frame: pl.DataFrame, quarantine: pl.DataFrame, counts: dict) -> list[str]:
    ours = damage.path.removeprefix(f"{MPD}/")
    of_file = quarantine.filter(pl.col("reason").is_in(OF_FILES) & pl.col("position").is_null())
    problems = [
        f"{file} is named and was not damaged"
        for file in quarantine.filter(pl.col("reason") != "duplicate_pid")["file"].unique()
        if not (file == ours or file.startswith(f"{ours}/"))
    ]
    others = {path for path in world.rows if path.startswith(MPD) and path != damage.original}
    others = others if damage.original.startswith(MPD) else set()
    elsewhere = sum(len(world.rows[path]) for path in others)
    expected = elsewhere + (len(world.rows[damage.original]) if damage.rows is None else damage.rows)
    found = counts["kept"] + counts["quarantined"] + counts["repeats"]
    if counts["rows"] != found or counts["lines"] != counts["parsed_lines"]:
        problems.append(f"counts do not add up: {counts}")
    if counts["kept"] != frame.height:
        problems.append(f"{counts['kept']} kept by the counts, {frame.height} in the table")
    if of_file.is_empty() and found != expected:
        problems.append(f"{expected} rows in, {found} accounted for, and no file named as unread")
    if not of_file.is_empty() and found < elsewhere:
        problems.append(f"a damaged file takes others with it: {found} of {elsewhere} rows beside it")
    if quarantine.height < counts["quarantined"]:
        problems.append(f"{counts['quarantined']} quarantined, {quarantine.height} rows say why")
    return problems + _changed(damage, world, frame, others)


def _changed(damage: Damage, world: World, frame: pl.DataFrame, others: set[str]) -> list[str]:
    """Rows that came through as something else than they were in the good world."""
    kept: dict[Any, Any]
    if damage.original.startswith(MPD):
        kept = dict(frame.select("pid", "name").iter_rows())
        beside = {pid: name for path in others for pid, name in world.rows[path].items()}
        lost = [pid for pid, name in beside.items() if kept.get(pid) != name]
        if lost:
            return [f"playlists of good slices are not as they were: {lost[:3]}"]
    elif damage.original == MSD:
        kept = {song: (title, artist) for song, title, artist in frame.select("song_id", "title", "artist").iter_rows()}
    else:
        kept = {(user, song): plays for user, song, plays in frame.select("user_id", "song_id", "plays").iter_rows()}
    if not damage.same_text:
        return []
    good = world.rows[damage.original]
    wrong = [(one, kept[one], good[one]) for one in good if one in kept and kept[one] != good[one]]
    return [f"{len(wrong)} texts are not what they were: {wrong[0]}"] if wrong else []
