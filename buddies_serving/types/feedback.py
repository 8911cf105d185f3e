"""What listeners send back, as it is stored: a session of playlists shown, or one thing that a listener did."""

from typing import Literal

import msgspec

Kind = Literal["play", "skip", "save", "like"]


class SongName(msgspec.Struct, frozen=True):
    """A song as it lasts from model to model: by its Echo Nest id, its canonical key, or both."""

    id: str | None
    key: str | None


class Deed(msgspec.Struct, frozen=True):
    """What the service remembers of late: who did what with a playlist (by pid) or a song.

    `user_id` is a number, or the stand-in of a listener who had none; `at` in Unix seconds.
    """

    user_id: int
    user_key: str | None
    at: float
    kind: Kind
    playlist: int | None = None
    song: SongName | None = None


class Session(msgspec.Struct, frozen=True):
    """A row of `feedback.sessions`. Times are Unix seconds; `session_id` is the idempotency key, a UUID as text.

    `user_id` below 0 stands for a listener without a number, whom `user_key` names.
    """

    session_id: str
    created_at: float
    received_at: float
    user_id: int
    user_key: str | None
    liked: int
    shown: tuple[int, ...]
    model_version: str
    arm: str
    recommendation_id: str | None = None

    @property
    def identity(self) -> str:
        """The idempotency key."""
        return self.session_id

    @property
    def deed(self) -> Deed:
        """The like."""
        return Deed(self.user_id, self.user_key, self.created_at, "like", playlist=self.liked)

    def says_the_same(self, other: "Record") -> bool:
        """Whether two sessions of one idempotency key are one feedback that was sent twice.

        Not the times: they are the service's own where the caller gives none. Not the order shown either, which is
        worked out anew from the model of the moment.
        """
        if not isinstance(other, Session):
            return False
        mine = (self.user_id, self.liked, sorted(self.shown), self.recommendation_id)
        return mine == (other.user_id, other.liked, sorted(other.shown), other.recommendation_id)


class Event(msgspec.Struct, frozen=True):
    """A row of `feedback.listener_events`: a listener played, skipped, saved or liked a song or a playlist.

    `seconds` is how long they listened, `share` how much of the whole that was. `event_id` is the idempotency key.
    """

    event_id: str
    created_at: float
    received_at: float
    user_id: int
    user_key: str
    kind: Kind
    song_id: str | None = None
    song_key: str | None = None
    playlist: int | None = None
    seconds: float | None = None
    share: float | None = None

    @property
    def identity(self) -> str:
        """The idempotency key."""
        return self.event_id

    @property
    def deed(self) -> Deed:
        """What the service remembers of it."""
        song = None if self.playlist is not None else SongName(self.song_id, self.song_key)
        return Deed(self.user_id, self.user_key, self.created_at, self.kind, self.playlist, song)

    def says_the_same(self, other: "Record") -> bool:
        """Whether two events of one idempotency key are one event that was sent twice; times are not compared."""
        return isinstance(other, Event) and self._said == other._said

    @property
    def _said(self) -> tuple[object, ...]:
        # PostgreSQL keeps both figures as 32-bit numbers' worth of thousandths
        figures = [None if value is None else round(value, 3) for value in (self.seconds, self.share)]
        # a song's other name may be known to one model and not to the next
        return (self.user_key, self.kind, self.song_id or self.song_key, self.playlist, *figures)


Record = Session | Event


class Losses(msgspec.Struct, frozen=True):
    """Feedback that a person must look at: `damaged` and `missing` in the spool, `refused` by the database's schema."""

    damaged: int = 0
    missing: int = 0
    refused: int = 0

    def __bool__(self) -> bool:
        return bool(self.damaged or self.missing or self.refused)

    def __str__(self) -> str:
        named = {"damaged": self.damaged, "missing": self.missing, "refused by the schema": self.refused}
        return ", ".join(f"{count} {name}" for name, count in named.items() if count)
