"""Who gave feedback on which day, in memory: answers about any range of days in milliseconds.

Distinct users, the most active, Gini and new against returning cannot be added up from days, and five million
sessions are some four million (day, user) rows: too many to group at every request, 50 MB as arrays.
Only days that changed are read again.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np

from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_CHANGED = "SELECT day, changed_at FROM quality.feedback_day_users WHERE changed_at > %(after)s ORDER BY day"
_COPY = """
    COPY (SELECT day - date '2000-01-01', user_id, sessions FROM quality.feedback_user_days
          WHERE day >= '{first}' AND day <= '{last}' ORDER BY day) TO STDOUT (FORMAT binary)
"""
_ROW = np.dtype([(n, t) for i in range(3) for n, t in ((f"l{i}", ">i4"), (f"v{i}", ">i4"))])
_TUPLE = np.dtype([("fields", ">i2"), ("row", _ROW)])
_HEADER = 19
EPOCH = date(2000, 1, 1)


@dataclass(frozen=True)
class UserCounts:
    """Sessions of each user in a range of days, most active first; ties by user."""

    users: np.ndarray
    sessions: np.ndarray
    new_users: int

    @property
    def total(self) -> int:
        """Sessions in all."""
        return int(self.sessions.sum())

    def top_share(self, share: float) -> float:
        """Share of the sessions that the most active `share` of users give (at least one user)."""
        if not len(self.sessions):
            return 0.0
        top = max(1, int(len(self.sessions) * share))
        return float(self.sessions[:top].sum() / self.total)

    def gini(self) -> float:
        """Gini coefficient of sessions per user."""
        n = len(self.sessions)
        if not n:
            return 0.0
        rising = self.sessions[::-1].astype(np.float64)
        return float(2 * (rising * np.arange(1, n + 1)).sum() / (n * rising.sum()) - (n + 1) / n)

    def lorenz(self, points: int = 60) -> list[tuple[float, float]]:
        """Points (share of users, share of sessions), least active first."""
        if not len(self.sessions):
            return []
        shares = np.concatenate([[0.0], np.cumsum(self.sessions[::-1]) / self.total])
        at = np.unique(np.linspace(0, len(shares) - 1, points).astype(int))
        return [(float(i / (len(shares) - 1)), float(shares[i])) for i in at]


class ActivityIndex:
    """Arrays of users and their sessions by day; safe to read while it is refreshed."""

    def __init__(self) -> None:
        self._days: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._first_day = np.zeros(0, np.int32)
        self._seen = datetime(1970, 1, 1, tzinfo=UTC)
        self._lock = threading.Lock()
        self.loaded = False

    def refresh(self, connection: "Connection") -> int:
        """Read the days that changed since the last call; returns how many."""
        with self._lock:
            changed = rows(connection, _CHANGED, {"after": self._seen})
            for first, last in _spans([row["day"] for row in changed]):
                self._read(connection, first, last)
            if changed:
                self._seen = max(row["changed_at"] for row in changed)
                self._first_day = self._first_days()
            self.loaded = True
            return len(changed)

    def between(self, since: date, until: date) -> UserCounts:
        """Users of the days in [since, until)."""
        first, last = (since - EPOCH).days, (until - EPOCH).days
        parts = [self._days[day] for day in sorted(self._days) if first <= day < last]
        if not parts:
            return UserCounts(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
        users = np.concatenate([part[0] for part in parts])
        totals = np.bincount(users, weights=np.concatenate([part[1] for part in parts])).astype(np.int64)
        active = np.flatnonzero(totals)
        order = np.lexsort((active, -totals[active]))
        came = self._first_day[active]
        return UserCounts(active[order], totals[active][order], int((came >= first).sum()))

    def new_by_day(self, since: date, until: date) -> list[tuple[date, int, int]]:
        """(day, users who came for the first time, users who had come before) for each day that has any."""
        first, last = (since - EPOCH).days, (until - EPOCH).days
        found = []
        for day in sorted(d for d in self._days if first <= d < last):
            users = self._days[day][0]
            new = int((self._first_day[users] == day).sum())
            found.append((date.fromordinal(EPOCH.toordinal() + day), new, len(users) - new))
        return found

    def _read(self, connection: "Connection", first: date, last: date) -> None:
        import io

        buffer = io.BytesIO()
        with connection.cursor() as cursor:
            cursor.copy_expert(_COPY.format(first=first.isoformat(), last=last.isoformat()), buffer)
        raw = np.frombuffer(buffer.getbuffer()[_HEADER:-2], _TUPLE)["row"]
        day, user, sessions = (raw[f"v{i}"].astype(np.int32) for i in range(3))
        starts = np.flatnonzero(np.diff(day, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(day)], strict=True):
            self._days[int(day[start])] = (user[start:stop].copy(), sessions[start:stop].copy())

    def _first_days(self) -> np.ndarray:
        size = max((int(users.max()) + 1 for users, _ in self._days.values() if len(users)), default=0)
        first = np.full(size, np.iinfo(np.int32).max, np.int32)
        for day in sorted(self._days, reverse=True):
            first[self._days[day][0]] = day
        return first


def _spans(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days as runs of consecutive days, so that a whole history is one reading."""
    spans: list[tuple[date, date]] = []
    for day in sorted(days):
        if spans and (day - spans[-1][1]).days == 1:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans
