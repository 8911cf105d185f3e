"""Lists for listeners of whom nothing was published, by the songs that they played, saved or liked since, and by those
of the playlists that they liked.

Whoever does something is no stranger: these songs, and those of their library if they have one, are folded in. A list
takes tens of milliseconds at full size, so each is kept until its listener does something else or the model changes.
"""

from collections.abc import Iterable

import numpy as np

from buddies_serving.listeners.remembered import Known
from buddies_serving.model.by_songs import can_fold_in, fold_in
from buddies_serving.model.served_model import ServedModel
from buddies_serving.types.feedback import SongName

KEPT = 1_000
"""Lists that are remembered; the one made longest ago is forgotten first."""
LONGEST = 50
MOST_SONGS = 500

Likes = frozenset[int]
Songs = frozenset[SongName]


class NewListeners:
    """The lists of one model's new listeners."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._lists: dict[tuple[int | None, Likes, Songs], list[int]] = {}

    def top(self, user: int | None, known: Known, length: int) -> list[int]:
        """The pids for somebody of whom this is known; none where it says nothing: no song of theirs is known."""
        key = (user if self._in_model(user) else None, frozenset(known.likes), frozenset(known.songs))
        if key not in self._lists:
            while len(self._lists) >= KEPT:
                del self._lists[next(iter(self._lists))]
            self._lists[key] = self._made(*key)
        return self._lists[key][:length]

    def songs_of(self, user: int | None, known: Known) -> np.ndarray:
        """The songs (rows, ascending) that a listener is known by: named, of what they liked, and of their library."""
        model = self._model
        held = [model.row("playlist_library", row) for row in self._rows(known.likes)]
        if named := self._named(known.songs):
            held.append(np.array(named, np.uint32))
        if user is not None and self._in_model(user):
            held.append(model.row("user_library", user))
        return np.unique(np.concatenate(held)) if held else np.empty(0, np.uint32)

    def _in_model(self, user: int | None) -> bool:
        return user is not None and 0 <= user < self._model.users

    def _named(self, songs: Iterable[SongName]) -> list[int]:
        return [row for song in songs if (row := self._model.find_named(song.id, song.key)) is not None]

    def _rows(self, liked: Iterable[int]) -> list[int]:
        return [row for pid in sorted(liked) if (row := self._model.find_playlist(pid)) is not None]

    def _made(self, user: int | None, liked: Likes, named: Songs) -> list[int]:
        model = self._model
        songs = self.songs_of(user, Known(liked, tuple(named)))[:MOST_SONGS]
        said = bool(self._rows(liked) or self._named(named))
        if not len(songs) or not said or not can_fold_in(model):
            return []
        known = {*self._rows(liked), *(model.row("liked", user).tolist() if user is not None else ())}
        best = fold_in(model, songs.tolist(), min(LONGEST + len(known), model.playlists))
        return [int(model.pids[row]) for row in best if row not in known][:LONGEST]
