"""Idempotency keys of late: the same key for other feedback is a mistake of the caller, and is told as one."""

from buddies_serving.types.feedback import Record

_REMEMBERED = 20_000
OTHER_FEEDBACK = "the Idempotency-Key was used for other feedback before"


class KeysOfLate:
    """The last feedback by idempotency key, in memory; older ones are looked up in the database.

    A key whose feedback could not be stored is forgotten again.
    """

    def __init__(self, capacity: int = _REMEMBERED) -> None:
        self._capacity = capacity
        self._records: dict[str, Record] = {}

    def contradicts(self, record: Record) -> bool:
        """Whether the key stands for other feedback already."""
        known = self._records.get(record.identity)
        return known is not None and not record.says_the_same(known)

    def remember(self, record: Record) -> None:
        """Keeps what a key stands for; the first one holds."""
        self._records.setdefault(record.identity, record)
        if len(self._records) > self._capacity:
            del self._records[next(iter(self._records))]

    def forget(self, record: Record) -> None:
        """The feedback was not stored: the key is free again."""
        if self._records.get(record.identity) is record:
            del self._records[record.identity]
