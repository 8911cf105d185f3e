"""What training and serving share of the songs system: the arrays of a served version, who writes and who reads them.

Stored as an artifact (`named_arrays`) under `<home>/songs/<name>`; the graph publishes `plays`. A *row* is a canonical
song: all ids of one text are one row, so a second version of a song has no row of its own. Users are in order of the
bytes of their ids, songs in any order; -1 stands for "none" wherever a row is named, and fills what is shorter.

(a) Lists of every listener, worked out offline, best first; nothing in them is known to the listener.
    lists             int32   [users, LISTED]   rows of songs
    scores            float32 [users, LISTED]   calibrated chance, 0 to 1, that the listener plays the song; falling
    reasons           uint8   [users, LISTED]   a `Reason`
    because           int32   [users, LISTED]   the song of the listener that the reason names
    known_offsets     int64   [users + 1]       songs that a listener knows, ascending: `known[offsets[u]:offsets[u+1]]`
    known             int32   [plays]
    taste             int32   [users, TASTE]    songs that the listener plays most; `plays` float32: how often
(b) Songs like a song, best first, never the song itself.
    similar           int32   [songs, NEAREST]  all sources together
    similar_scores    float32 [songs, NEAREST]  chance, on the scale of `scores`, that who plays the first plays this
    similar_by_source int32   [sources, songs, NEAREST_OF_SOURCE]  of each of `facts["sources"]`, for a round robin
(c) What strangers get.
    popular           int32   [POPULAR]         rows by falling number of listeners, then by row
    popular_scores    float32 [POPULAR]         share of the listeners who have it
(d) The catalogue.
    listeners         int32   [songs]
    artist_number     int32   [songs]           one number an artist, -1 where no text is known
    year              int16   [songs]           0 where unknown
    user, song, title, artist, release, uri     packed texts; `song` is the id that most listeners use, `uri` an MPD
                                                track for a play button or empty
    id                packed texts, ascending by bytes: every id that names a song; `id_row` int32: its row
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from buddies_core.artifact.errors import ServedModelError
from buddies_core.artifact.named_arrays import Artifact, check_name, write_artifact
from buddies_core.artifact.texts import TextColumn, pack_texts

SYSTEM = "songs"
DEFAULT = "plays"
LISTED, NEAREST, NEAREST_OF_SOURCE, POPULAR, TASTE = 50, 50, 20, 500, 10
TEXTS = ("user", "song", "title", "artist", "release", "uri", "id")


class Reason(IntEnum):
    """Why a song is named; `because` names the listener's song where there is one."""

    POPULAR = 0
    """Many listeners have it."""
    PLAYED = 1
    """Because you played `because`: who plays that plays this."""
    ARTIST = 2
    """You play songs of its artist, such as `because`."""
    LISTENERS = 3
    """Listeners who play what you play have it."""


@dataclass(frozen=True, slots=True)
class Song:
    """A row of the catalogue as text; empty and 0 where unknown."""

    id: str
    title: str
    artist: str
    release: str
    year: int
    uri: str
    listeners: int


class Listed(NamedTuple):
    """A song on a list: its row, score, reason and the row that the reason names, -1 for none."""

    song: int
    score: float
    reason: Reason
    because: int


class ServedSongs:
    """Reader of one version; every call is a look-up in memory-mapped arrays.

    Attributes:
        version, facts: of the artifact; `facts["sources"]` names the sources of `similar_by_source`.
        n_songs: rows of the catalogue.
    """

    def __init__(self, artifact: Artifact) -> None:
        self.version, self.facts = artifact.version, artifact.facts
        self._arrays = artifact.arrays
        self._texts = {
            name: TextColumn(self._arrays[f"{name}_offsets"], self._arrays[f"{name}_bytes"]) for name in TEXTS
        }
        self.n_songs = len(self._arrays["listeners"])

    @property
    def sources(self) -> list[str]:
        """Names of the sources of `neighbours_by_source`."""
        return list(self.facts["sources"])

    def find_user(self, user: str) -> int | None:
        """Row of a listener by id."""
        return self._texts["user"].find(user)

    def find_song(self, song: str) -> int | None:
        """Row of a song by any of its ids."""
        place = self._texts["id"].find(song)
        return None if place is None else int(self._arrays["id_row"][place])

    def listed(self, user: int, count: int = LISTED) -> list[Listed]:
        """The list of a listener, best first; it may be shorter or empty."""
        return list(self.listing(user, count))

    def listing(self, user: int, count: int = LISTED) -> Iterator[Listed]:
        """`listed` one after the other: a request takes ten of fifty."""
        columns = (self._arrays[name][user, :count].tolist() for name in ("lists", "scores", "reasons", "because"))
        for song, score, reason, because in zip(*columns, strict=True):
            if song >= 0:
                yield Listed(song, score, Reason(reason), because)

    def known(self, user: int) -> np.ndarray:
        """Rows that a listener knows, int32, ascending."""
        offsets = self._arrays["known_offsets"]
        return self._arrays["known"][int(offsets[user]) : int(offsets[user + 1])]

    def taste(self, user: int) -> list[tuple[int, float]]:
        """What a listener plays most: rows and how often."""
        pairs = zip(self._arrays["taste"][user].tolist(), self._arrays["plays"][user].tolist(), strict=True)
        return [(song, plays) for song, plays in pairs if song >= 0]

    def neighbours(self, song: int, count: int = NEAREST) -> list[tuple[int, float]]:
        """Songs like a song with their scores, best first."""
        pairs = zip(
            self._arrays["similar"][song, :count].tolist(),
            self._arrays["similar_scores"][song, :count].tolist(),
            strict=True,
        )
        return [(other, score) for other, score in pairs if other >= 0]

    def near(self, songs: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """`neighbours` of several songs as they are stored: rows int32 and scores float32, [songs, NEAREST]."""
        rows = np.array(songs, np.int64)
        return self._arrays["similar"][rows], self._arrays["similar_scores"][rows]

    def neighbours_by_source(self, song: int, count: int = NEAREST_OF_SOURCE) -> list[list[int]]:
        """Songs like a song, a list for each source."""
        return [[o for o in row if o >= 0] for row in self._arrays["similar_by_source"][:, song, :count].tolist()]

    def popular(self, count: int = POPULAR) -> list[tuple[int, float]]:
        """What most listeners have: rows and share of the listeners."""
        arrays = self._arrays
        return list(zip(arrays["popular"][:count].tolist(), arrays["popular_scores"][:count].tolist(), strict=True))

    def artist_number(self, song: int) -> int:
        """Number of a song's artist, -1 where no text is known: such songs are of nobody's and never too many."""
        return int(self._arrays["artist_number"][song])

    def song(self, row: int) -> Song:
        """A song as text."""
        text = {name: self._texts[name][row] for name in ("title", "artist", "release", "uri")}
        year, listeners = int(self._arrays["year"][row]), int(self._arrays["listeners"][row])
        return Song(self._texts["song"][row], **text, year=year, listeners=listeners)


def publish_songs(
    home: Path, arrays: Mapping[str, np.ndarray], texts: Mapping[str, Sequence[str]], facts: Mapping[str, Any],
    name: str = DEFAULT,
) -> str:  # fmt: skip
    """Store a version and make it the current one; returns its name.

    Args:
        arrays: all that the module's docstring names but `popular`, `popular_scores` and the packed texts.
        texts: of `user`, `song`, `title`, `artist`, `release`, `uri`, `id`, one sequence each.
        facts: must hold `sources`.

    Raises:
        ServedModelError: an array or a text is missing, of another length, out of order, or names a row that is not.
    """
    popular, shares = most_popular(arrays["listeners"], users=len(texts["user"]))
    whole = {**arrays, "popular": popular, "popular_scores": shares}
    _check(whole, texts, facts)
    for column in TEXTS:
        whole.update(pack_texts(column, texts[column]))
    root = home / SYSTEM / check_name(name)
    return write_artifact(root, whole, {"system": SYSTEM, "experiment": name, **facts})


def most_popular(listeners: np.ndarray, *, users: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the songs that most listeners have, int32, and the share of the listeners; equal ones by row."""
    order = np.lexsort((np.arange(len(listeners)), -listeners.astype(np.int64)))[:POPULAR]
    order = order[listeners[order] > 0].astype(np.int32)
    return order, (listeners[order] / max(users, 1)).astype(np.float32)


def _check(arrays: Mapping[str, np.ndarray], texts: Mapping[str, Sequence[str]], facts: Mapping[str, Any]) -> None:
    users, songs = len(texts["user"]), len(texts["song"])
    sources = len(facts["sources"])
    shapes = {
        **dict.fromkeys(("lists", "scores", "reasons", "because"), (users, LISTED)),
        **dict.fromkeys(("taste", "plays"), (users, TASTE)),
        **dict.fromkeys(("similar", "similar_scores"), (songs, NEAREST)),
        **dict.fromkeys(("listeners", "artist_number", "year"), (songs,)),
        "similar_by_source": (sources, songs, NEAREST_OF_SOURCE),
        "known_offsets": (users + 1,),
        "id_row": (len(texts["id"]),),
    }
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape:
            there = arrays[name].shape if name in arrays else "missing"
            raise ServedModelError(f"served songs: the array {name!r} must be {shape} and is {there}")
    for column in ("title", "artist", "release", "uri"):
        if len(texts[column]) != songs:
            raise ServedModelError(f"served songs: {len(texts[column])} texts {column!r} for {songs} songs")
    for column in ("user", "id"):
        encoded = [text.encode() for text in texts[column]]
        if any(a >= b for a, b in pairwise(encoded)):
            raise ServedModelError(f"served songs: the texts {column!r} are not ascending by their bytes, each once")
    for name in ("lists", "because", "known", "taste", "similar", "similar_by_source", "id_row"):
        array = arrays[name]
        if array.size and (array.min() < -1 or array.max() >= songs):
            raise ServedModelError(f"served songs: {name!r} names a row that the catalogue of {songs} songs lacks")
    for name in ("scores", "similar_scores", "plays"):
        if not np.isfinite(arrays[name]).all():
            raise ServedModelError(f"served songs: {name!r} holds a number that is not finite")
