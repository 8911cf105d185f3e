"""Songs that listeners played, skipped, saved or liked of late: they count at the very next request."""

from collections.abc import KeysView, Mapping

from buddies_serving.types.feedback import Kind, SongName

MOST_OF_ONE = 500
Heard = Mapping[SongName, tuple[float, Kind]]
"""Songs of one listener, the oldest first: when (Unix seconds), and what was done last."""
_STRENGTH: dict[Kind, int] = {"skip": 0, "play": 1, "save": 2, "like": 3}
NOTHING: Heard = {}


class FreshSongs:
    """listener -> songs, bounded: beyond `capacity` the listener who did something longest ago is forgotten.

    Of one listener the last `MOST_OF_ONE` songs are kept. A song that was liked and is played again stays liked; one
    that is skipped is skipped, whatever came before.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._songs: dict[int, dict[SongName, tuple[float, Kind]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, listener: int, song: SongName, at: float, kind: Kind) -> None:
        """Remembers what a listener did with a song; what is told twice counts once."""
        songs = self._songs[listener] = self._songs.pop(listener, {})
        before = songs.pop(song, None)
        self._count -= before is not None
        if before is not None:
            at, kind = max(before, (at, kind)) if before[0] != at else (at, kind)
            if kind != "skip" and _STRENGTH[before[1]] > _STRENGTH[kind]:
                kind = before[1]
        songs[song] = at, kind
        self._count += 1
        if len(songs) > MOST_OF_ONE:
            del songs[next(iter(songs))]
            self._count -= 1
        while self._count > self.capacity:
            self._count -= len(self._songs.pop(next(iter(self._songs))))

    def of(self, listener: int) -> Heard:
        """What a listener did of late; not to be changed."""
        return self._songs.get(listener, NOTHING)

    @property
    def users(self) -> KeysView[int]:
        """Who did something of late."""
        return self._songs.keys()

    def move(self, stand_in: int, number: int) -> None:
        """What was remembered under a stand-in belongs to a number from now on."""
        for song, (at, kind) in self._songs.pop(stand_in, {}).items():
            self._count -= 1
            self.add(number, song, at, kind)


def chosen(heard: Heard) -> list[SongName]:
    """The songs that speak for a taste, the oldest first: all but the skipped ones."""
    return [song for song, (_, kind) in heard.items() if kind != "skip"]
