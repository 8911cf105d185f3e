"""A small world in the form of the HetRec Last.fm files: genres that listeners, artists and tags share.

As in the original, ids have gaps, one artist is in the plays alone, and lines are UTF-8 or Latin-1.
"""

from pathlib import Path

import numpy as np

from buddies_core.kernels.randomness import uniform

GENRES = ("rock", "jazz", "électronique", "metal", "soul", "folk")
_STREAM = 0xA27157
_PLAYED, _TAGGED, _FRIENDS = 24, 3, 4


def write_hetrec(folder: Path, listeners: int, artists: int, seed: int) -> Path:
    """Write the files into a folder; the same arguments write the same bytes.

    Args:
        listeners, artists: at least one each; a listener plays up to 24 artists.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw = _Draws(seed)
    users, items = 2 + 3 * np.arange(listeners), 1 + 2 * np.arange(artists)
    genre_of = (draw(1, items, 0) * len(GENRES)).astype(int)
    lines = ["id\tname\turl\tpictureURL"]
    for place, item in enumerate(items[:-1].tolist()):
        name = f"Björk and the {GENRES[genre_of[place]]} {item}"
        lines.append(f"{item}\t{name}\thttp://www.last.fm/music/{item}\thttp://userserve/{item}.jpg")
    _mixed(folder / "artists.dat", lines)
    plays, tags, friends = (
        ["userID\tartistID\tweight"],
        ["userID\tartistID\ttagID\tday\tmonth\tyear"],
        ["userID\tfriendID"],
    )
    for user in users.tolist():
        own = int(draw(2, user, 0) * len(GENRES))
        # An artist of the listener's own genre is ten times as likely, an early one more than a late one.
        chance = np.where(genre_of == own, 1.0, 0.1) / np.sqrt(1.0 + np.arange(artists))
        order = np.argsort(-(draw(3, user, items) ** (1.0 / chance)), kind="stable")[: min(_PLAYED, artists)]
        for rank, place in enumerate(order.tolist()):
            item = int(items[place])
            plays.append(f"{user}\t{item}\t{1 + int(2_000 * draw(4, user, item) / (1 + rank))}")
            if rank < _TAGGED:
                tags.append(f"{user}\t{item}\t{1 + genre_of[place]}\t1\t4\t2009")
        others = [int(draw(5, user, friend) * listeners) for friend in range(_FRIENDS)]
        friends += [f"{user}\t{users[other]}" for other in others]
    _mixed(folder / "user_artists.dat", plays)
    _mixed(folder / "user_taggedartists.dat", tags)
    _mixed(folder / "user_friends.dat", friends)
    _mixed(folder / "tags.dat", ["tagID\ttagValue", *(f"{at}\t{name}" for at, name in enumerate(GENRES, start=1))])
    return folder


class _Draws:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, purpose: int, a, b):
        found = uniform(self._seed, _STREAM + purpose, a, b)
        return found if np.ndim(a) or np.ndim(b) else float(np.ravel(found)[0])


def _mixed(path: Path, lines: list[str]) -> None:
    """UTF-8 lines, every third in Latin-1."""
    encoded = [line.encode("latin-1" if place % 3 == 2 else "utf-8") for place, line in enumerate(lines)]
    path.write_bytes(b"\r\n".join(encoded) + b"\r\n")
