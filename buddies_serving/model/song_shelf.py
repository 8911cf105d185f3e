"""One published version of songs as routes want it, and the versions that a process holds open."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from buddies_core.artifact.named_arrays import Artifact
from buddies_core.artifact.served_songs import DEFAULT, SYSTEM, Listed, Reason, ServedSongs
from buddies_serving.listeners.fresh_songs import Heard as HeardNames
from buddies_serving.model.by_songs import FindSong
from buddies_serving.model.experiments import Experiments
from buddies_serving.model.song_lists import Heard
from buddies_serving.settings import ServingSettings
from buddies_serving.types import api as api_types
from buddies_serving.types.feedback import SongName
from buddies_serving.types.songs import ListedSong, ServedSong, SongWhy

_KEPT = 100_000
_ENCODER = msgspec.json.Encoder()


class SongShelf:
    """One version as routes want it: songs as text are kept, since the same ones are asked for again and again."""

    def __init__(self, artifact: Artifact) -> None:
        # without the memmap subclass, whose slicing costs several times an array's
        plain = {name: np.asarray(array) for name, array in artifact.arrays.items()}
        self.served = ServedSongs(Artifact(artifact.version, artifact.facts, plain))
        self.version = artifact.version
        self.row_of: Callable[[str], int | None] = lru_cache(_KEPT)(self.served.find_song)
        self.song: Callable[[int], ServedSong] = lru_cache(_KEPT)(self._song)
        self.why: Callable[[Reason, int, str], SongWhy] = lru_cache(_KEPT)(self._why)
        self._song_json: Callable[[int], bytes] = lru_cache(_KEPT)(lambda row: _ENCODER.encode(self._song(row))[:-1])
        self._why_json: Callable[[Reason, int, str], bytes] = lru_cache(_KEPT)(
            lambda reason, because, artist: _ENCODER.encode(self._why(reason, because, artist))
        )

    def heard(self, names: HeardNames) -> Heard:
        """The rows of what a listener did of late, as far as the catalogue has them."""
        found = [(self.row_of(name.id), kind) for name, (_, kind) in names.items() if name.id is not None]
        met = [(row, kind) for row, kind in found if row is not None]
        return Heard([row for row, _ in met], [row for row, kind in met if kind != "skip"])

    def listed(self, listed: Listed) -> ListedSong:
        """A song of a list with its reason."""
        song = self.song(listed.song)
        return ListedSong(
            *(song.id, song.title, song.artist, song.release, song.year, song.uri, song.listeners),
            score=round(listed.score, 6),
            why=self.why(listed.reason, listed.because, song.artist if listed.reason == Reason.ARTIST else ""),
        )

    def listed_json(self, listed: Listed) -> bytes:
        """`listed` as JSON, of pieces that are kept: the same songs and reasons are asked for again and again."""
        of_artist = self.song(listed.song).artist if listed.reason == Reason.ARTIST else ""
        score = _ENCODER.encode(round(listed.score, 6))
        why = self._why_json(listed.reason, listed.because, of_artist)
        return b'%b,"score":%b,"why":%b}' % (self._song_json(listed.song), score, why)

    def _why(self, reason: Reason, because: int, artist: str) -> SongWhy:
        of = self.song(because) if because >= 0 else None
        named = "" if of is None else f"{of.title} by {of.artist}" if of.title else "a song without a known title"
        match reason:
            case Reason.PLAYED if of is not None:
                return SongWhy("played", f"because you played {named}", of.id)
            case Reason.ARTIST if of is not None:
                return SongWhy("artist", f"you play {artist}, such as {of.title}", of.id)
            case Reason.LISTENERS if of is not None:
                return SongWhy("listeners", f"listeners of {named} also play this", of.id)
            case Reason.POPULAR:
                return SongWhy("popular", "many listeners play this")
        return SongWhy("listeners", "listeners who play what you play also play this")

    def _song(self, row: int) -> ServedSong:
        song = self.served.song(row)
        return ServedSong(song.id, song.title, song.artist, song.release, song.year, song.uri, song.listeners)


_OPEN: dict[Path, Experiments[SongShelf]] = {}


def shelves(settings: ServingSettings) -> Experiments[SongShelf]:
    """What is served of songs in a home; one object a process and home."""
    root = settings.local_home / SYSTEM
    found = Experiments(
        root, SongShelf, poll_seconds=settings.model_poll_seconds, default=DEFAULT, made_by="buddies run --system songs"
    )
    return _OPEN.setdefault(root, found)


def find_song(settings: ServingSettings) -> FindSong:
    """How events find songs that the playlists' model lacks: by any of their ids."""
    held = shelves(settings)

    def find(query: api_types.SongQuery) -> SongName | None:
        if query.id is None or not held.names():
            return None
        return None if held.get(None).row_of(query.id) is None else SongName(query.id, None)

    return find
