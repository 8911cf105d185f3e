"""Lists for very many users: as lines for a caller, or for everybody once a day.

The third way of serving: instead of answering requests, write all lists at a set hour and let others read the file.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from buddies_core.artifact.format import CONTRACT_LENGTH
from buddies_core.artifact.fragments import render
from buddies_core.artifact.store import read_channels
from buddies_core.storage.durable import replacing
from buddies_serving.listeners.remembered import Remembered
from buddies_serving.model.served_model import ServedModel
from buddies_serving.model.serving import Serving
from buddies_serving.model.usage import Usage

_PART = 1000


class DailyFile(msgspec.Struct, frozen=True):
    """What `write_daily` wrote: users, bytes, and the share of users whose list is not personal."""

    path: str
    version: str
    users: int
    bytes: int
    cold: int


def ndjson(
    serving: Serving, users: np.ndarray, length: int, remembered: Remembered, usage: Usage | None = None
) -> Iterator[bytes]:
    """Lines `{"user_id", "playlists"}` for users (int64, any of them unknown), in parts of a millisecond or less.

    Ready-made lists come in parts of 1,000 users, the others one by one.
    """
    for start in range(0, len(users), _PART):
        part = users[start : start + _PART].tolist()
        plain = serving.challenger is None and not serving.live and length == CONTRACT_LENGTH and len(part) > 1
        if plain and max(part) < serving.champion.users and remembered.none_of(part):
            if usage is not None:
                usage.many(serving, part, [])
            yield b"\n".join(serving.champion.fragments(part)) + b"\n"
        else:
            for user in part:
                yield _line(serving, user, length, remembered, usage) + b"\n"


def _line(serving: Serving, user: int, length: int, remembered: Remembered, usage: Usage | None) -> bytes:
    arm = serving.arm(user)
    if usage is not None:
        usage.one(serving, user, arm)
    return render(user, serving.top(arm, user, length, remembered.of(user)))


def write_daily(model_root: Path, target: Path, *, length: int = CONTRACT_LENGTH) -> DailyFile:
    """Lists of all users of the champion as NDJSON at `target`, replaced in one step."""
    model = ServedModel.open(model_root / "versions" / read_channels(model_root).champion)
    serving = Serving(model, None, 0.0, live=False)
    with replacing(target) as file:
        for part in ndjson(serving, np.arange(model.users), length, Remembered(0, model.find_user)):
            file.write(part)
    cold = int(sum(model.is_cold(user) for user in range(model.users)))
    return DailyFile(str(target), model.version, model.users, target.stat().st_size, cold)


def daily_arrays(model: ServedModel, *, length: int = CONTRACT_LENGTH) -> np.ndarray:
    """Pids of all users' lists, uint32 [users, length]; a list that is shorter ends in 0xFFFFFFFF."""
    lists = np.full((model.users, length), 0xFFFFFFFF, dtype=np.uint32)
    for user in range(model.users):
        pids = model.top(user, length)
        lists[user, : len(pids)] = pids
    return lists
