"""What the service has in mind of its listeners: likes and songs since the model, whichever service took them.

A listener who has no number is remembered under a stand-in, and under the number as soon as a model knows the id.
"""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from buddies_serving.listeners.fresh_songs import FreshSongs, chosen
from buddies_serving.listeners.freshness import FreshLikes
from buddies_serving.types.feedback import Deed, SongName

FindUser = Callable[[str], int | None]


class Known(NamedTuple):
    """What is in mind of one listener: pids liked of late, and songs that speak for their taste, the oldest first."""

    likes: frozenset[int] | set[int] = frozenset()
    songs: tuple[SongName, ...] = ()


NOTHING_KNOWN = Known()


class Remembered:
    """Likes of playlists and songs of late, at most `capacity` of each; `find_user` tells the number of a 40-hex id."""

    def __init__(self, capacity: int, find_user: FindUser) -> None:
        self.capacity = capacity
        self.likes = FreshLikes(capacity)
        self.songs = FreshSongs(capacity)
        self._find_user = find_user
        self._strangers: dict[int, str] = {}

    def note(self, deed: Deed) -> None:
        """Remembers one deed; the same one again changes nothing."""
        listener = deed.user_id
        if listener < 0 and deed.user_key is not None:
            known = self._find_user(deed.user_key)
            if known is None:
                self._met(listener, deed.user_key)
            else:
                listener = known
        if deed.song is not None:
            self.songs.add(listener, deed.song, deed.at, deed.kind)
        elif deed.playlist is not None and deed.kind in ("like", "save"):
            self.likes.add(listener, deed.playlist)

    def load(self, deeds: Iterable[Deed]) -> None:
        """Remembers many, the oldest first."""
        for deed in deeds:
            self.note(deed)

    def of(self, listener: int) -> Known:
        """What is in mind of a listener, by number or stand-in."""
        heard = self.songs.of(listener)
        return Known(self.likes.of(listener), tuple(chosen(heard)) if heard else ())

    def none_of(self, users: Collection[int]) -> bool:
        """Whether nothing is in mind of any of the users."""
        return self.likes.users.isdisjoint(users) and self.songs.users.isdisjoint(users)

    def __contains__(self, user: int) -> bool:
        return user in self.likes.users or user in self.songs.users

    def recognise(self) -> None:
        """After a change of model: strangers whom it knows are remembered by their numbers from now on."""
        for stand_in, user_key in list(self._strangers.items()):
            number = self._find_user(user_key)
            if number is not None:
                del self._strangers[stand_in]
                self.likes.move(stand_in, number)
                self.songs.move(stand_in, number)

    def _met(self, stand_in: int, user_key: str) -> None:
        self._strangers[stand_in] = user_key
        while len(self._strangers) > self.capacity:
            del self._strangers[next(iter(self._strangers))]
