"""The JSON of one MPD slice as typed playlists; values of a wrong type are told from files that are not JSON."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from buddies_assets.sources.inputs.codepages import to_utf8
from buddies_assets.sources.mpd_salvage import parse, salvage
from buddies_assets.sources.quarantine import Quarantine

_Pid = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""The width that feedback has for a pid, in its API and in its table."""

_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE = re.compile(_HIGH + rb"(?!\\u[dD][c-fC-F])|(?<!" + _HIGH + rb")" + _LOW)


class Track(msgspec.Struct, gc=False):
    """A track row; what is absent is None, and required only later, where its playlist is known."""

    track_uri: str | None = None
    track_name: str | None = None
    artist_name: str | None = None
    pos: int | float | str | None = None


class Playlist(msgspec.Struct, gc=False):
    """A playlist with its track rows; what is not needed may be anything, and is read later (`mpd_values`)."""

    pid: _Pid | None = None
    name: Any = None
    description: Any = None
    collaborative: Any = None
    modified_at: Any = None
    num_tracks: Any = None
    num_albums: Any = None
    num_artists: Any = None
    num_followers: Any = None
    num_edits: Any = None
    duration_ms: Any = None
    tracks: list[Track] | None = None


class _Slice(msgspec.Struct, gc=False):
    playlists: list[Playlist]


class _LooseSlice(msgspec.Struct, gc=False):
    playlists: list[Any]


_TYPED = msgspec.json.Decoder(_Slice)
_LOOSE = msgspec.json.Decoder(_LooseSlice)


@dataclass(frozen=True)
class DecodedSlice:
    """Playlists of one slice that have a pid of their own and a list of tracks.

    Attributes:
        playlists: in file order.
        met: playlists in the file, as far as they can be told.
        bad_tracks: track rows of `playlists` that were set aside already.
        unread_bytes: of the file, in which there may be playlists that cannot be told.
    """

    playlists: list[Playlist]
    met: int
    bad_tracks: int = 0
    unread_bytes: int = 0


def decode_slice(data: bytes, file: str, quarantine: Quarantine, *, whole: bool = True) -> DecodedSlice:
    """Decode a slice, setting bad values aside.

    A clean file is read in one typed pass. Only a file in which that fails is read again without types, playlist by
    playlist and row by row, so that each fault is found and named.

    Args:
        data: JSON; where `whole` is False, as much of it as could be decoded, its fault being in the quarantine.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    seen: set[int] = set()
    try:
        playlists = _TYPED.decode(data).playlists
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_loosely(to_utf8(data)[0], file, quarantine, whole=whole)
    kept = [playlist for playlist in playlists if _accepts(playlist, playlist.tracks, seen, file, quarantine)]
    return DecodedSlice(kept, len(playlists))


def _decode_loosely(data: bytes, file: str, quarantine: Quarantine, *, whole: bool) -> DecodedSlice:
    lost = _Lost()
    try:
        entries = _loose_entries(data)
    except msgspec.ValidationError as error:
        missing = "missing required field" in str(error)
        quarantine.add(file, None, "playlists", "missing_field" if missing else "wrong_type", str(error))
        return DecodedSlice([], 0, unread_bytes=max(len(data), 1))
    except (msgspec.DecodeError, RecursionError) as error:
        entries, lost = _entries_between_faults(data, str(error), file, quarantine, whole=whole)
    seen: set[int] = set()
    kept, bad_tracks = [], 0
    for entry in entries:
        playlist, bad = _typed_playlist(entry, seen, file, quarantine)
        if playlist is not None:
            kept.append(playlist)
            bad_tracks += bad
    return DecodedSlice(kept, len(entries) + lost.playlists, bad_tracks, lost.bytes)


@dataclass(frozen=True)
class _Lost:
    """Playlists that were seen and could not be decoded, and bytes in which none could be told."""

    playlists: int = 0
    bytes: int = 0


def _loose_entries(data: bytes) -> list[Any]:
    """The playlists as plain objects; half of a surrogate pair, JSON's grammar but no text, becomes U+FFFD."""
    try:
        return _LOOSE.decode(data).playlists
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        text = _LONE_SURROGATE.sub(rb"\\ufffd", data).decode("utf-8", "replace")
        try:
            return msgspec.convert(parse(text), _LooseSlice).playlists
        except ValueError as error:
            if isinstance(error, msgspec.ValidationError):
                raise
        raise


def _entries_between_faults(
    data: bytes, error: str, file: str, quarantine: Quarantine, *, whole: bool
) -> tuple[list[Any], _Lost]:
    """Playlists that can be decoded on their own; each stretch that cannot has a row for each pid seen in it."""
    text = _LONE_SURROGATE.sub(rb"\\ufffd", data).decode("utf-8", "replace")
    entries, stretches = salvage(text)
    playlists = unread = 0
    for stretch in stretches:
        begins, ends = text.lstrip()[:1], text.rstrip()[-1:]
        ends_well = whole and (begins not in "{[" or ("truncated" not in error and ends in "}]"))
        cut = stretch.stop == len(text) and not ends_well
        reason = "truncated_file" if cut else "malformed_json"
        there = text[stretch.start : stretch.stop].strip()
        end = f"; it ends with {there[-80:]!r}" if cut else ""
        what = f"{len(there)} characters from {stretch.start} on: {error}{end}"
        if cut or not entries or not stretch.pids:  # behind a cut there may be more
            unread += max(len(there.encode()), 1)
        if not entries or not stretch.pids:
            if whole or not cut:
                quarantine.add(file, None, None, reason, what if entries else f"{len(data)} bytes: {error}{end}")
            continue
        for pid in stretch.pids:
            quarantine.add(file, pid, "playlists", reason, what)
        playlists += len(stretch.pids)
    if not stretches and not entries:
        quarantine.add(file, None, None, "truncated_file", f"{len(data)} bytes: {error}")
        unread = max(len(data), 1)
    return entries, _Lost(playlists, unread)


def _accepts(playlist: Playlist, tracks: Any, seen: set[int], file: str, quarantine: Quarantine) -> bool:
    """Whether a playlist is kept; one that is not is set aside, and its track rows go with it."""
    pid = playlist.pid
    if pid is None:
        quarantine.add(file, None, "pid", "missing_field", playlist.name)
    elif tracks is None:
        quarantine.add(file, pid, "tracks", "missing_field", playlist.name)
    elif not isinstance(tracks, list):
        quarantine.add(file, pid, "tracks", "wrong_type", tracks)
    elif pid in seen:
        quarantine.add(file, pid, "pid", "duplicate_pid", playlist.name)
    else:
        seen.add(pid)
        return True
    return False


def _typed_playlist(entry: Any, seen: set[int], file: str, quarantine: Quarantine) -> tuple[Playlist | None, int]:
    """The playlist, or None when it is set aside, and how many of its track rows were."""
    if not isinstance(entry, dict):
        quarantine.add(file, None, None, "wrong_type", entry)
        return None, 0
    pid = entry.get("pid")
    position = pid if isinstance(pid, int) and abs(pid) < 2**63 else None
    head = {name: value for name, value in entry.items() if name != "tracks"}
    try:
        playlist = msgspec.convert(head, Playlist)
    except msgspec.ValidationError as error:
        quarantine.add(file, position, *_fault(error), f"{error}: {head}")
        return None, 0
    if not _accepts(playlist, entry.get("tracks"), seen, file, quarantine):
        return None, 0
    playlist.tracks, bad = [], 0
    for place, row in enumerate(entry["tracks"]):
        if isinstance(row, dict) and isinstance(row.get("pos"), bool | list | dict):
            row = row | {"pos": "unreadable"}  # it is not needed, and so must not cost the row
        try:
            track = msgspec.convert(row, Track)
        except msgspec.ValidationError as error:
            column, reason = _fault(error)
            quarantine.add(file, position, f"tracks.{column}" if column else "tracks", reason, row)
            bad += 1
            continue
        if track.pos is None:
            track.pos = place
        playlist.tracks.append(track)
    return playlist, bad


def _fault(error: msgspec.ValidationError) -> tuple[str | None, str]:
    """Column and reason of a value that has another type or range than its field."""
    message = str(error)
    found = re.search(r"`\$\.(\w+)`", message)
    outside = ("= " in message or ">= 0" in message) and "Expected `int`" in message
    return found.group(1) if found else None, "bad_id" if outside else "wrong_type"
