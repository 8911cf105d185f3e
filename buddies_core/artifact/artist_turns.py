"""Lists for people in which artists take turns: of ten songs in a row at most so many are by one."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

WINDOW = 10
"""The songs in a row of which at most so many are by one artist."""
Song = TypeVar("Song")


def in_turns(songs: Iterable[tuple[Song, int]], most: int, *, fills: bool) -> Iterator[Song]:
    """Songs in their order, but that whose artist has had `most` of the last nine waits until there is room.

    Args:
        songs: each with its artist's number, below 0 where nobody knows it: such a song never waits.
        fills: whether those still waiting at the end, for whom there is no room, follow all the same.
    """
    coming = iter(songs)
    waiting: deque[tuple[Song, int]] = deque()
    last: deque[int] = deque(maxlen=WINDOW - 1)

    def has_room(artist: int) -> bool:
        return artist < 0 or last.count(artist) < most

    while True:
        place = next((at for at, (_, artist) in enumerate(waiting) if has_room(artist)), None)
        if place is None:
            following = next(coming, None)
            if following is not None:
                waiting.append(following)
                if not has_room(following[1]):
                    continue
                place = len(waiting) - 1
            elif fills and waiting:
                place = 0
            else:
                return
        song, artist = waiting[place]
        del waiting[place]
        last.append(artist)
        yield song
