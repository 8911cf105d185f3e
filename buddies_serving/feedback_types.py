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
