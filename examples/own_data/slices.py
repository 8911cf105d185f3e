"""Playlists of a CSV file (playlist, artist, title; a line a song, in order) as slices of the Million Playlist Dataset.

    python examples/own_data/slices.py PLAYLISTS.csv FOLDER

Standard library alone. A song's URI is made of its text, so that the same text is the same song.
"""

import csv
import json
import sys
from hashlib import blake2b
from pathlib import Path
from typing import Any

COLUMNS = ("playlist", "artist", "title")
IN_A_SLICE = 1_000


def playlists(path: Path) -> dict[str, list[tuple[str, str]]]:
    """(artist, title) of each playlist's songs, in the order of the lines.

    Raises:
        SystemExit: a column is missing, or a line lacks a field; says which.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.DictReader(file)
        if missing := [name for name in COLUMNS if name not in (lines.fieldnames or [])]:
            raise SystemExit(f"{path}: no column {missing[0]!r}; the header must name {', '.join(COLUMNS)}")
        for line in lines:
            name, artist, title = ((line[column] or "").strip() for column in COLUMNS)
            if not (name and artist and title):
                raise SystemExit(f"{path}, line {lines.line_num}: playlist, artist and title must all be there")
            found.setdefault(name, []).append((artist, title))
    return found


def _uri(kind: str, *texts: str) -> str:
    return f"spotify:{kind}:{blake2b(chr(0).join(texts).lower().encode(), digest_size=11).hexdigest()}"


def playlist(pid: int, name: str, songs: list[tuple[str, str]]) -> dict[str, Any]:
    """One playlist in MPD's form."""
    tracks = [
        {
            "pos": place,
            "artist_name": artist,
            "track_uri": _uri("track", artist, title),
            "artist_uri": _uri("artist", artist),
            "track_name": title,
            "album_uri": _uri("album", artist),
            "duration_ms": 0,
            "album_name": "",
        }
        for place, (artist, title) in enumerate(songs)
    ]
    artists = {artist for artist, _ in songs}
    return {
        "name": name,
        "collaborative": "false",
        "pid": pid,
        "modified_at": 0,
        "num_tracks": len(tracks),
        "num_albums": len(artists),
        "num_followers": 1,
        "num_edits": 1,
        "duration_ms": 0,
        "num_artists": len(artists),
        "tracks": tracks,
    }


def main(source: Path, folder: Path) -> None:
    """Write the slices and say what was written."""
    made = [playlist(pid, name, songs) for pid, (name, songs) in enumerate(playlists(source).items())]
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(made), IN_A_SLICE):
        part = made[start : start + IN_A_SLICE]
        path = folder / f"mpd.slice.{start}-{start + IN_A_SLICE - 1}.json"
        path.write_text(json.dumps({"info": {}, "playlists": part}, ensure_ascii=False), encoding="utf-8")
    sys.stdout.write(f"{len(made)} playlists with {sum(one['num_tracks'] for one in made)} songs under {folder}\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
