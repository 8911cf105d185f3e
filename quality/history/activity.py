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

from buddies_core.evaluation.inequality import gini
from buddies_core.postgres.schema import rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_CHANGED = "SELECT day, changed_at FROM quality.feedback_day_users WHERE changed_at > %(after)s ORDER BY day"
_COPY = """
    COPY (SELECT day - date '2000-01-01', user_id, sessions, coalesce(version, 0), coalesce(liked_at, 0)::integer,
                 coalesce(crowd, 0)::integer
          FROM quality.feedback_user_days WHERE day >= '{first}' AND day <= '{last}' ORDER BY day)
    TO STDOUT (FORMAT binary)
"""
_ROW = np.dtype([(n, t) for i in range(6) for n, t in ((f"l{i}", ">i4"), (f"v{i}", ">i4"))])
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
        return gini(self.sessions)

    def lorenz(self, points: int = 60) -> list[tuple[float, float]]:
        """Points (share of users, share of sessions), least active first."""
        if not len(self.sessions):
            return []
        shares = np.concatenate([[0.0], np.cumsum(self.sessions[::-1]) / self.total])
        at = np.unique(np.linspace(0, len(shares) - 1, points).astype(int))
        return [(float(i / (len(shares) - 1)), float(shares[i])) for i in at]


@dataclass(frozen=True)
class Day:
    """Who gave feedback on a day, one place a listener: number, sessions, and what the first list of the day was.

    `version` is a number of `quality.feedback_versions`, `liked_at` the place of the liked one, `crowd` per mille of
    the day's lists that hold a playlist of it, in the mean; 0 is not known.
    """

    numbers: np.ndarray
    sessions: np.ndarray
    version: np.ndarray
    liked_at: np.ndarray
    crowd: np.ndarray


@dataclass(frozen=True)
class Read:
    """All that was read at a moment; replaced as one, so that no reader sees days without their users.

    Days are counted from 2000-01-01; `ids[number]` is the user, `first_day[number]` their first day.
    """

    days: dict[int, Day]
    ids: np.ndarray
    first_day: np.ndarray


class ActivityIndex:
    """Arrays of users and their sessions by day; safe to read while it is refreshed.

    Users are numbered in the order in which they are first read, so that arrays are as long as there are users. Their
    own ids come from outside: one session of user 2,147,483,647 would ask for arrays of 16 GB.
    """

    def __init__(self) -> None:
        self._read = Read({}, np.zeros(0, np.int32), np.zeros(0, np.int32))
        self._users = _Numbering()
        self._seen = datetime(1970, 1, 1, tzinfo=UTC)
        self._lock = threading.Lock()
        self.loaded = False

    @property
    def now(self) -> Read:
        """What has been read so far."""
        return self._read

    def refresh(self, connection: "Connection") -> int:
        """Read the days that changed since the last call; returns how many."""
        with self._lock:
            changed = rows(connection, _CHANGED, {"after": self._seen})
            if changed:
                days = dict(self._read.days)
                for first, last in _spans([row["day"] for row in changed]):
                    self._read_days(connection, days, first, last)
                self._read = Read(days, self._users.ids, _first_days(days, len(self._users.ids)))
                self._seen = max(row["changed_at"] for row in changed)
            self.loaded = True
            return len(changed)

    def between(self, since: date, until: date) -> UserCounts:
        """Users of the days in [since, until)."""
        read, first, last = self._read, (since - EPOCH).days, (until - EPOCH).days
        parts = [read.days[day] for day in sorted(read.days) if first <= day < last]
        if not parts:
            return UserCounts(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
        numbers = np.concatenate([part.numbers for part in parts])
        totals = np.bincount(numbers, weights=np.concatenate([part.sessions for part in parts])).astype(np.int64)
        active = np.flatnonzero(totals)
        users, sessions = read.ids[active].astype(np.int64), totals[active]
        order = np.lexsort((users, -sessions))
        return UserCounts(users[order], sessions[order], int((read.first_day[active] >= first).sum()))

    def new_by_day(self, since: date, until: date) -> list[tuple[date, int, int]]:
        """(day, users who came for the first time, users who had come before) for each day that has any."""
        read, first, last = self._read, (since - EPOCH).days, (until - EPOCH).days
        found = []
        for day in sorted(d for d in read.days if first <= d < last):
            numbers = read.days[day].numbers
            new = int((read.first_day[numbers] == day).sum())
            found.append((date.fromordinal(EPOCH.toordinal() + day), new, len(numbers) - new))
        return found

    def _read_days(self, connection: "Connection", days: dict[int, Day], first: date, last: date) -> None:
        import io

        buffer = io.BytesIO()
        with connection.cursor() as cursor:
            cursor.copy_expert(_COPY.format(first=first.isoformat(), last=last.isoformat()), buffer)
        raw = np.frombuffer(buffer.getbuffer()[_HEADER:-2], _TUPLE)["row"]
        day, user, sessions, version = (raw[f"v{i}"].astype(np.int32) for i in range(4))
        liked_at, crowd = (raw[f"v{i}"].astype(np.int16) for i in (4, 5))
        numbers = self._users.of(user)
        for emptied in range((first - EPOCH).days, (last - EPOCH).days + 1):
            days.pop(emptied, None)
        starts = np.flatnonzero(np.diff(day, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(day)], strict=True):
            columns = (numbers, sessions, version, liked_at, crowd)
            days[int(day[start])] = Day(*(column[start:stop].copy() for column in columns))


def _first_days(days: dict[int, Day], users: int) -> np.ndarray:
    first = np.full(users, np.iinfo(np.int32).max, np.int32)
    for day in sorted(days, reverse=True):
        first[days[day].numbers] = day
    return first


class _Numbering:
    """A number from 0 on for every user ever read; `ids[number]` is the user."""

    def __init__(self) -> None:
        self.ids = np.zeros(0, np.int32)
        self._sorted = np.zeros(0, np.int32)
        self._numbers = np.zeros(0, np.int32)

    def of(self, users: np.ndarray) -> np.ndarray:
        """The numbers of users (int32, any order, repeated or not); those who are new get the next ones."""
        new = np.setdiff1d(users, self._sorted)
        if len(new):
            ids = np.concatenate([self.ids, new])
            order = np.argsort(ids, kind="stable").astype(np.int32)
            self.ids, self._sorted, self._numbers = ids, ids[order], order
        return self._numbers[np.searchsorted(self._sorted, users)]


def _spans(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days as runs of consecutive days, so that a whole history is one reading."""
    spans: list[tuple[date, date]] = []
    for day in sorted(days):
        if spans and (day - spans[-1][1]).days == 1:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans
