"""One feedback session: what a user was shown, what they liked, and where the list came from."""

import msgspec


class Session(msgspec.Struct, frozen=True):
    """A row of `feedback.sessions`. Times are Unix seconds; `session_id` is the idempotency key, a UUID as text."""

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

    def says_the_same(self, other: "Session") -> bool:
        """Whether two sessions of one idempotency key are one feedback that was sent twice.

        Not the times: they are the service's own where the caller gives none. Not the order shown either, which is
        worked out anew from the model of the moment.
        """
        mine = (self.user_id, self.liked, sorted(self.shown), self.recommendation_id)
        return mine == (other.user_id, other.liked, sorted(other.shown), other.recommendation_id)


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
