"""The Last.fm files of HetRec 2011: plays of artists by listeners, tags, and what an artist is called.

`user_artists.dat` (userID, artistID, weight), `user_taggedartists.dat` (userID, artistID, tagID, …) and `artists.dat`
(id, name, url, pictureURL), tab-separated, in one folder or as the zip they come in; UTF-8 and Latin-1 are mixed.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from buddies_assets.sources.inputs.listing import Member, list_inputs
from buddies_assets.sources.inputs.opening import text_lines, whole
from buddies_assets.sources.interactions_file import Columns, InteractionsFile, read_member
from buddies_assets.sources.quarantine import Quarantine
from buddies_core.errors import SourceNotFoundError

PLAYS, TAGS, ARTISTS = "user_artists.dat", "user_taggedartists.dat", "artists.dat"
_FIELDS = 4


@dataclass(frozen=True, slots=True)
class HetRec:
    """The files as read. `artists` has `item, name, url, picture`, a row for each artist of `artists.dat`."""

    plays: InteractionsFile
    tags: InteractionsFile
    artists: pl.DataFrame
    quarantine: pl.DataFrame


def read_hetrec(path: Path, *, strict: bool = False) -> HetRec:
    """Read the files of a folder or zip.

    Raises:
        SourceNotFoundError: one of the three files is not there.
        MalformedInputError: in strict mode, at the first bad row.
    """
    if not path.exists():
        raise SourceNotFoundError("HetRec Last.fm", path, "no such folder", "Set BUDDIES_LASTFM_DIR to the files.")
    members = {Path(member.name).name: member for member in list_inputs(path).members}
    for name in (PLAYS, TAGS, ARTISTS):
        if name not in members:
            raise SourceNotFoundError("HetRec Last.fm", path, f"no {name}", "Set BUDDIES_LASTFM_DIR to the files.")
    plays = read_member(members[PLAYS], Columns("userID", "artistID", "weight"), strict=strict)
    tags = read_member(members[TAGS], Columns("userID", "artistID", tag="tagID"), tags=True, strict=strict)
    artists, bad = read_artists(members[ARTISTS], strict=strict)
    return HetRec(plays, tags, artists, pl.concat([plays.quarantine, tags.quarantine, bad]))


def read_artists(member: Member, *, strict: bool = False) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Artists of `artists.dat` and what was set aside; the first of two rows with one id is kept."""
    quarantine = Quarantine("artists", strict=strict)
    data, fault = whole(member)
    if fault is not None:
        quarantine.add_fault(member.name, fault)
    kept: dict[str, tuple[str, str, str]] = {}
    for at, line in enumerate(text_lines(data)[0][1:], start=2):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != _FIELDS:
            quarantine.add(member.name, at, None, "wrong_field_count", line)
        elif not cells[0] or not cells[1]:
            quarantine.add(member.name, at, "id" if not cells[0] else "name", "missing_field", line)
        else:
            kept.setdefault(cells[0], (cells[1], cells[2], cells[3]))
    rows = [(item, *texts) for item, texts in kept.items()]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("item", "name", "url", "picture"), pl.String), orient="row")
    return frame, quarantine.frame()
