"""A small good world as plain files, and what is in it: written and read by code of its own, none of the product's."""

import csv
import hashlib
import io
import json
import random
import re
from dataclasses import dataclass

TITLES = ("Beyoncé", "Déjà vu", "Mañana", "Björk", "Señorita", "Motörhead", "Voilà", "Ça ira", "Plain", "Don't stop")
SLICES, PLAYLISTS, USERS, SONGS = 4, 12, 60, 160
MPD, ENTP, MSD = "mpd", "train_triplets.txt", "song_data.csv"


@dataclass(frozen=True)
class World:
    """Files by path below a folder, and the rows that are in each.

    Attributes:
        files: content by path; slices lie in the folder `mpd`.
        rows: by path: {pid: name} of a slice, {(user, song): plays} of the triplets, {song id: (title, artist)}.
    """

    files: dict[str, bytes]
    rows: dict[str, dict]


def good_world(seed: int) -> World:
    """The world of a seed."""
    rng = random.Random(seed)
    files: dict[str, bytes] = {}
    rows: dict[str, dict] = {}
    for k in range(SLICES):
        first = k * 1000
        lists = [_playlist(rng, first + n) for n in range(PLAYLISTS)]
        path = f"{MPD}/mpd.slice.{first}-{first + 999}.json"
        text = json.dumps(
            {"info": {"slice": f"{first}"}, "playlists": lists}, ensure_ascii=False, indent=rng.choice([None, 1])
        )
        files[path] = text.encode()
        rows[path] = {one["pid"]: one["name"] for one in lists}
    songs = [f"SO{hashlib.sha256(b'%d' % n).hexdigest()[:16].upper()}" for n in range(SONGS)]
    texts = {song: (f"{rng.choice(TITLES)} {n}", f"{rng.choice(TITLES)} {n % 40}") for n, song in enumerate(songs)}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["song_id", "title", "release", "artist_name", "year"])
    writer.writerows([song, title, "Album, the" if n % 9 == 0 else "Album", artist, 1990 + n % 20]
                     for n, (song, (title, artist)) in enumerate(texts.items()))  # fmt: skip
    files[MSD], rows[MSD] = out.getvalue().encode(), texts
    plays = {
        (hashlib.sha1(b"%d" % user).hexdigest(), song): rng.randint(1, 9)
        for user in range(USERS)
        for song in rng.sample(songs, 8)
    }
    files[ENTP] = "".join(f"{user}\t{song}\t{count}\n" for (user, song), count in plays.items()).encode()
    rows[ENTP] = plays
    return World(files, rows)


def rows_in(path: str, text: bytes) -> int:
    """How many rows a decoded file has, by counting: playlists, lines, or lines behind the header."""
    if path.startswith(MPD):
        try:
            return len(json.loads(text.decode("utf-8", "replace"), strict=False)["playlists"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return len(re.findall(rb'"pid"\s*:', text))
    return line_count(text) - (path == MSD)


def line_count(text: bytes) -> int:
    """Lines of a text, however they end."""
    unix = text.replace(b"\r\n", b"\n")
    unix = unix if b"\n" in unix else unix.replace(b"\r", b"\n")
    return len(unix.split(b"\n")) - unix.endswith(b"\n")


def _playlist(rng: random.Random, pid: int) -> dict:
    tracks = [
        {"pos": n, "artist_name": rng.choice(TITLES), "track_uri": f"spotify:track:{pid:011d}{n:011d}",
         "artist_uri": "spotify:artist:x", "track_name": f"{rng.choice(TITLES)} {n}", "duration_ms": 200_000}
        for n in range(rng.randint(2, 6))
    ]  # fmt: skip
    head = {"name": f"{rng.choice(TITLES)} {pid}", "collaborative": "false", "pid": pid, "modified_at": 1_493_424_000}
    return head | {"num_tracks": len(tracks), "num_followers": 1, "duration_ms": 1_000_000, "tracks": tracks}
