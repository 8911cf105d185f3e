"""Dated plays of a small world: sessions, repeats, songs that come out as time goes on, tastes that drift, new users.

A listener has a taste among some genres which moves by and by; sessions are evenings, songs of a session follow
one genre, a song heard lately is likely to be heard again, and no song is played before it is out.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from buddies_core.kernels.randomness import hash_pairs

START = datetime(2024, 1, 1, tzinfo=UTC)
GENRES, DAYS = 6, 240
_STREAM = 0xDA7ED
_SESSIONS, _SONGS = 24, 8
_REPEAT, _OUT_LATER, _NEW_USERS = 0.3, 0.4, 0.15


def write_dated_plays(path: Path, listeners: int, songs: int, seed: int) -> Path:
    """Write `user, time, song, title, artist` by tabs, ordered by time; the same arguments write the same bytes.

    Args:
        listeners, songs: at least one each. Three songs in five are there at the beginning, the others come out later;
            one listener in seven comes in the last third.
    """
    world = _World(songs, seed)
    rows: list[tuple[float, str, int]] = []
    for listener in range(listeners):
        rows += _plays_of(listener, world, seed)
    rows.sort()
    lines = ["user\ttime\tsong\ttitle\tartist"]
    for day, user, song in rows:
        when = (START + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines.append(f"{user}\t{when}\t{world.id(song)}\tSong {song}\tArtist {world.artist[song]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class _World:
    """Songs: genre, artist, the day they come out, and how popular they are."""

    def __init__(self, songs: int, seed: int) -> None:
        rng = _generator(seed, 0)
        self.genre = rng.integers(0, GENRES, songs)
        self.artist = self.genre * 1_000 + rng.integers(0, max(2, songs // (GENRES * 5)), songs)
        self.out = np.where(rng.random(songs) < _OUT_LATER, rng.random(songs) * DAYS, -1.0)
        self.weight = 1.0 / (1.0 + rng.permutation(songs)) ** 0.7

    def id(self, song: int) -> str:
        """Id of a song in the form of the Echo Nest."""
        return f"SO{song:016d}"


def _plays_of(listener: int, world: _World, seed: int) -> list[tuple[float, str, int]]:
    """Plays of one listener, a function of the seed and the listener alone."""
    rng = _generator(seed, listener + 1)
    user = f"user_{listener:06d}"
    first = DAYS * (2 / 3) * (1 + 0.5 * rng.random()) if rng.random() < _NEW_USERS else 0.0
    before, after = (rng.dirichlet(np.full(GENRES, 0.3)) for _ in range(2))
    artist_taste = rng.random(int(world.artist.max()) + 1)[world.artist] ** 3
    found: list[tuple[float, str, int]] = []
    heard: list[int] = []
    for evening in np.sort(rng.random(_SESSIONS)) * (DAYS - first) + first:
        drift = evening / DAYS
        genre = rng.choice(GENRES, p=(1 - drift) * before + drift * after)
        fresh = np.exp(-np.maximum(evening - world.out, 0.0) / 30.0) * (world.out >= 0)
        chance = (
            world.weight * artist_taste * (0.05 + (world.genre == genre)) * (1 + 4 * fresh) * (world.out <= evening)
        )
        if not chance.any():
            continue
        for place in range(1 + rng.poisson(_SONGS - 1)):
            again = heard and rng.random() < _REPEAT
            song = heard[-1 - int(rng.integers(0, min(20, len(heard))))] if again else int(
                rng.choice(len(chance), p=chance / chance.sum())
            )  # fmt: skip
            heard.append(song)
            found.append((float(evening) + place * 4 / 1_440, user, song))
    return found


def _generator(seed: int, entity: int) -> np.random.Generator:
    return np.random.default_rng(int(np.ravel(hash_pairs(seed, _STREAM, entity))[0]))
