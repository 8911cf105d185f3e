"""Idempotency keys of late: the same key for other feedback is a mistake of the caller, and is told as one."""

from buddies_serving.feedback_types import Session

_REMEMBERED = 20_000


class KeysOfLate:
    """The last feedback by idempotency key, in memory; older ones are looked up in the database.

    A key whose feedback could not be stored is forgotten again.
    """

    def __init__(self, capacity: int = _REMEMBERED) -> None:
        self._capacity = capacity
        self._sessions: dict[str, Session] = {}

    def contradicts(self, session: Session) -> bool:
        """Whether the key stands for other feedback already."""
        known = self._sessions.get(session.session_id)
        return known is not None and not session.says_the_same(known)

    def remember(self, session: Session) -> None:
        """Keeps what a key stands for; the first one holds."""
        self._sessions.setdefault(session.session_id, session)
        if len(self._sessions) > self._capacity:
            del self._sessions[next(iter(self._sessions))]

    def forget(self, session: Session) -> None:
        """The feedback was not stored: the key is free again."""
        if self._sessions.get(session.session_id) is session:
            del self._sessions[session.session_id]
