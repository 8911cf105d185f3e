"""Listeners who come back and who don't, by what they were served.

A visit is a day with feedback: who looks and likes nothing leaves no trace of their own. Of each listener the first
visit in a range of days counts, and the first list of that day is what they were served; they came back if they gave
feedback on another of the seven days after it. Whose seven days are not over is not judged.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from buddies_core.postgres.schema import rows
from quality.history.activity import EPOCH, Read

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

WITHIN_DAYS = 7
_Z = 1.959964
VERSION, LIKED_AT, CROWD = "version of the model", "place of the liked playlist", "playlists that others see"


@dataclass(frozen=True)
class Returning:
    """Of the listeners who were served a thing of a kind, how many came back: a share with its 95 % interval.

    The interval is Wilson's score interval.
    """

    kind: str
    served: str
    listeners: int
    came_back: int

    @property
    def share(self) -> float:
        """Share of them who came back."""
        return self.came_back / self.listeners

    @property
    def interval(self) -> tuple[float, float]:
        """Lowest and highest share that what was seen allows."""
        n, share = self.listeners, self.share
        middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
        return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass(frozen=True)
class Returns:
    """Everybody judged, by kind of what they were served; `waiting` listeners are not judged yet."""

    rows: list[Returning]
    waiting: int


def returns(read: Read, versions: dict[int, str], since: date, until: date, now: datetime) -> Returns:
    """Of the listeners with a visit in [since, until), who came back within seven days.

    Args:
        versions: the name of each number of a version.
        now: a day counts as over when the day after it has begun (UTC).
    """
    first, last, today = ((day - EPOCH).days for day in (since, until, now.date()))
    days = sorted(day for day in read.days if first <= day < last)
    visit = np.full(len(read.ids), -1, np.int32)
    version, liked_at, crowd = (np.zeros(len(read.ids), np.int32) for _ in range(3))
    for day in reversed(days):
        held = read.days[day]
        visit[held.numbers] = day
        version[held.numbers], liked_at[held.numbers], crowd[held.numbers] = held.version, held.liked_at, held.crowd
    back = np.zeros(len(read.ids), bool)
    for day in (day for day in read.days if first < day < last + WITHIN_DAYS):
        numbers = read.days[day].numbers
        back[numbers] |= (visit[numbers] >= 0) & (visit[numbers] < day) & (day - visit[numbers] <= WITHIN_DAYS)
    over = (visit >= 0) & (visit + WITHIN_DAYS < today)
    kinds = {
        "everybody": {"anything": over},
        VERSION: {versions.get(n, "not known"): version == n for n in np.unique(version[over]).tolist()},
        LIKED_AT: {"the first": liked_at == 1, "second or third": (liked_at == 2) | (liked_at == 3),
                   "further down": liked_at > 3},
        CROWD: _thirds(crowd, over & (version > 0)),
    }  # fmt: skip
    found = [
        Returning(kind, name, int((over & mask).sum()), int((over & mask & back).sum()))
        for kind, named in kinds.items()
        for name, mask in named.items()
        if (over & mask).any()
    ]
    return Returns(found, int(((visit >= 0) & ~over).sum()))


def _thirds(crowd: np.ndarray, known: np.ndarray) -> dict[str, np.ndarray]:
    if not known.any():
        return {}
    low, high = np.quantile(crowd[known], [1 / 3, 2 / 3])
    return {
        "rare, the lower third": known & (crowd < low),
        "middle third": known & (crowd >= low) & (crowd <= high),
        "common, the upper third": known & (crowd > high),
    }


def version_names(connection: "Connection") -> dict[int, str]:
    """The name of each number of a version."""
    found = rows(connection, "SELECT number, model_version FROM quality.feedback_versions")
    return {row["number"]: row["model_version"] for row in found}
