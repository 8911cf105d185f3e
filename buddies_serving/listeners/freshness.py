"""Likes given since the model was made: they leave their user's list at once."""

from collections.abc import Iterable, KeysView

MOST_OF_ONE = 1_000


class FreshLikes:
    """user -> liked pids, bounded: beyond `capacity` likes the user who liked longest ago is forgotten.

    Of one user at most `MOST_OF_ONE` are kept: every list of theirs is made with them in hand.
    Being forgotten only means that a liked playlist may be offered again until the next model.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        # a plain dict in order of last like: its view of keys answers `isdisjoint` in C, an OrderedDict's does not
        self._likes: dict[int, set[int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, user: int, pid: int) -> None:
        """Remembers a like."""
        likes = self._likes[user] = self._likes.pop(user, set())
        if pid not in likes and len(likes) < MOST_OF_ONE:
            likes.add(pid)
            self._count += 1
        while self._count > self.capacity:
            self._count -= len(self._likes.pop(next(iter(self._likes))))

    def load(self, likes: Iterable[tuple[int, int]]) -> None:
        """Remembers (user, pid) pairs, oldest first."""
        for user, pid in likes:
            self.add(user, pid)

    def move(self, stand_in: int, number: int) -> None:
        """What was remembered under a stand-in belongs to a number from now on."""
        liked = self._likes.pop(stand_in, set())
        self._count -= len(liked)
        self.load((number, pid) for pid in liked)

    def of(self, user: int) -> frozenset[int] | set[int]:
        """The pids a user liked of late."""
        return self._likes.get(user, frozenset())

    @property
    def users(self) -> KeysView[int]:
        """Users who liked something of late."""
        return self._likes.keys()
