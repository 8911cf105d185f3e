"""The JSON of one MPD slice as typed playlists; values of a wrong type are told from files that are not JSON."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from buddies_assets.sources.quarantine import Quarantine

_U32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
_Duration = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Epoch = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE = re.compile(_HIGH + rb"(?!\\u[dD][c-fC-F])|(?<!" + _HIGH + rb")" + _LOW)


class Track(msgspec.Struct, gc=False):
    """A track row; what is absent is None, and required only later, where its playlist is known."""

    track_uri: str | None = None
    track_name: str | None = None
    artist_name: str | None = None
    pos: _U32 | None = None


class Playlist(msgspec.Struct, gc=False):
    """A playlist with its track rows; fields that no dataset has a column for are skipped unread."""

    pid: _U32 | None = None
    name: str | None = None
    description: str | None = None
    collaborative: str | bool | None = None
    modified_at: _Epoch | None = None
    num_tracks: _U32 | None = None
    num_albums: _U32 | None = None
    num_artists: _U32 | None = None
    num_followers: _U32 | None = None
    num_edits: _U32 | None = None
    duration_ms: _Duration | None = None
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
        met: playlists in the file.
        bad_tracks: track rows of `playlists` that were set aside already.
    """

    playlists: list[Playlist]
    met: int
    bad_tracks: int


def decode_slice(data: bytes, file: str, quarantine: Quarantine) -> DecodedSlice | None:
    """Decode a slice, setting bad values aside; None when the whole file is.

    A clean file is read in one typed pass. Only a file in which that fails is read again without types, playlist by
    playlist and row by row, so that each fault is found and named.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    seen: set[int] = set()
    try:
        playlists = _TYPED.decode(data).playlists
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_loosely(data.decode("utf-8", "replace").encode(), file, quarantine)
    kept = [playlist for playlist in playlists if _accepts(playlist, playlist.tracks, seen, file, quarantine)]
    return DecodedSlice(kept, len(playlists), 0)


def _decode_loosely(data: bytes, file: str, quarantine: Quarantine) -> DecodedSlice | None:
    try:
        entries = _loose_entries(data)
    except msgspec.ValidationError as error:
        missing = "missing required field" in str(error)
        quarantine.add(file, None, "playlists", "missing_field" if missing else "wrong_type", str(error))
        return None
    except msgspec.DecodeError as error:
        truncated = "truncated" in str(error)
        end = f"; it ends with {data[-80:].decode('utf-8', 'replace')!r}" if truncated else ""
        reason = "truncated_file" if truncated else "malformed_json"
        quarantine.add(file, None, None, reason, f"{len(data)} bytes: {error}{end}")
        return None
    seen: set[int] = set()
    kept, bad_tracks = [], 0
    for entry in entries:
        playlist, bad = _typed_playlist(entry, seen, file, quarantine)
        if playlist is not None:
            kept.append(playlist)
            bad_tracks += bad
    return DecodedSlice(kept, len(entries), bad_tracks)


def _loose_entries(data: bytes) -> list[Any]:
    """The playlists as plain objects; half of a surrogate pair, JSON's grammar but no text, becomes U+FFFD."""
    try:
        return _LOOSE.decode(data).playlists
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if _LONE_SURROGATE.search(data) is None:
            raise
        return _LOOSE.decode(_LONE_SURROGATE.sub(rb"\\ufffd", data)).playlists


def _accepts(playlist: Playlist, tracks: Any, seen: set[int], file: str, quarantine: Quarantine) -> bool:
    """Whether a playlist is kept; one that is not is set aside, and its track rows go with it."""
    pid = playlist.pid
    if pid is None:
        quarantine.add(file, None, "pid", "missing_field", playlist.name)
    elif tracks is None:
        quarantine.add(file, pid, "tracks", "missing_field", playlist.name)
    elif not isinstance(tracks, list):
        quarantine.add(file, pid, "tracks", "wrong_type", tracks)
    elif playlist.collaborative not in (None, True, False, "true", "false"):
        quarantine.add(file, pid, "collaborative", "wrong_type", playlist.collaborative)
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
        try:
            track = msgspec.convert(row, Track)
        except msgspec.ValidationError as error:
            column, reason = _fault(error)
            quarantine.add(file, position, f"tracks.{column}" if column else "tracks", reason, row)
            bad += 1
            continue
        track.pos = place if track.pos is None else track.pos
        playlist.tracks.append(track)
    return playlist, bad


def _fault(error: msgspec.ValidationError) -> tuple[str | None, str]:
    """Column and reason of a value that has another type or range than its field."""
    message = str(error)
    found = re.search(r"`\$\.(\w+)`", message)
    column = found.group(1) if found else None
    if ">= 0" in message:
        return column, "bad_id" if column == "pid" else "negative_count"
    return column, "bad_id" if "= " in message and "Expected `int`" in message else "wrong_type"
