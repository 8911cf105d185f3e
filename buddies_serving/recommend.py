"""The contract's call: from the bytes of a request to the bytes of its answer.

Most requests name users by index, none of whom liked anything since the model was made: their answers are slices of
the model's ready-made fragments. Everything else takes the long way through `Serving.top`.
"""

import time
from collections.abc import Sequence

import msgspec
import numpy as np

from buddies_core.artifact.format import CONTRACT_LENGTH
from buddies_core.artifact.fragments import render
from buddies_core.artifact.traffic_split import draws
from buddies_serving.api_types import RecommendAnyRequest, RecommendRequest
from buddies_serving.freshness import FreshLikes
from buddies_serving.metrics import Metrics
from buddies_serving.problems import Problem, from_decoding, invalid, unavailable
from buddies_serving.recommendation_id import for_fragment, for_list, for_many
from buddies_serving.serving import ModelWatcher, Serving
from buddies_serving.usage import Usage

_INDEXED = msgspec.json.Decoder(RecommendRequest)
_ANY = msgspec.json.Decoder(RecommendAnyRequest)
Named = Sequence[int | str]


class Recommender:
    """Answers from the serving of the moment; counts what it does."""

    def __init__(
        self, watcher: ModelWatcher, fresh: FreshLikes, metrics: Metrics, usage: Usage, *, max_users: int = 10_000
    ) -> None:
        self._watcher = watcher
        self._fresh = fresh
        self._metrics = metrics
        self._usage = usage
        self._max_users = max_users

    def serving(self) -> Serving:
        """The serving of the moment; 503 when no model has been published."""
        serving = self._watcher.serving
        if serving is None:
            raise unavailable(f"No model is served: {self._watcher.error or 'none has been published'}", 5)
        return serving

    def recommend(self, body: bytes) -> tuple[bytes, str, str]:
        """(answer, model version header, recommendation id) for a body `{"user_ids": [...]}`."""
        started = time.perf_counter()
        try:
            users = _INDEXED.decode(body).user_ids
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._one_by_one(self.serving(), self._decode_any(body), body, started)
        if len(users) > self._max_users:
            raise _too_many(len(users), self._max_users)
        serving = self.serving()
        if serving.live:
            return self._one_by_one(serving, users, body, started)
        try:
            if len(users) == 1:
                return self._single(serving, users[0], started)
            return self._many(serving, users, body, started)
        except IndexError:
            # somebody is not in the model
            return self._one_by_one(serving, users, body, started)

    def _single(self, serving: Serving, user: int, started: float) -> tuple[bytes, str, str]:
        arm = serving.arm(user)
        model = serving.model(arm)
        fragment = self._fragment(serving, arm, user)
        self._count(started, 1, user in serving.cold_users[arm])
        self._usage.one(serving, user, arm)
        return b"[%b]" % fragment, serving.version_header, for_fragment(arm, model.version, fragment)

    def _many(self, serving: Serving, users: list[int], body: bytes, started: float) -> tuple[bytes, str, str]:
        """Ready-made parts for all, and then those replaced that are not the champion's or have a like since."""
        parts: Sequence[bytes] = serving.champion.fragments(users) if users else ()
        on_trial: list[int] = []
        if serving.challenger is not None and users:
            parts = list(parts)
            for place in np.flatnonzero(draws(np.array(users)) < serving.share).tolist():
                parts[place] = serving.challenger.fragment(users[place])
                on_trial.append(users[place])
        if not self._fresh.users.isdisjoint(users):
            parts = list(parts)
            liked = self._fresh.users
            for place, user in enumerate(users):
                if user in liked:
                    parts[place] = self._fragment(serving, serving.arm(user), user)
        # by the champion for all: a count for a chart is not worth a second pass over those on trial
        cold = len(serving.cold_users["champion"].intersection(users))
        self._count(started, len(users), cold)
        self._usage.many(serving, users, on_trial)
        return b"[%b]" % b",".join(parts), serving.version_header, for_many(serving.champion.version, body)

    def _fragment(self, serving: Serving, arm: str, user: int) -> bytes:
        """The part of an answer for a user in the arm's model; IndexError if they are not in it."""
        fragment = serving.model(arm).fragment(user)
        hidden = self._fresh.of(user)
        return render(user, serving.top(arm, user, CONTRACT_LENGTH, hidden)) if hidden else fragment

    def resolve(self, serving: Serving, user: int | str) -> tuple[int | None, str]:
        """The index of a user (None: unknown) and the arm they are in."""
        index = serving.champion.find_user(user) if isinstance(user, str) else user
        arm = serving.arm(index)
        known = index is not None and index < serving.model(arm).users
        return (index if known else None), arm

    def _one_by_one(self, serving: Serving, users: Named, body: bytes, started: float) -> tuple[bytes, str, str]:
        parts, cold, rid = [], 0, ""
        for named in users:
            user, arm = self.resolve(serving, named)
            hidden = self._fresh.of(named if isinstance(named, int) else (-1 if user is None else user))
            pids = serving.top(arm, user, CONTRACT_LENGTH, hidden)
            is_cold = serving.model(arm).is_cold(user)
            cold += is_cold
            self._usage.one(serving, user, arm)
            parts.append(render(named if isinstance(named, int) else msgspec.json.encode(named), pids))
            if len(users) == 1:
                identity = named if isinstance(named, int) else user
                rid = for_list(arm, serving.model(arm).version, -1 if identity is None else identity, pids)
        self._count(started, len(users), cold)
        return b"[%b]" % b",".join(parts), serving.version_header, rid or for_many(serving.champion.version, body)

    def _decode_any(self, body: bytes) -> Named:
        try:
            users = _ANY.decode(body).user_ids
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise from_decoding(error) from error
        if len(users) > self._max_users:
            raise _too_many(len(users), self._max_users)
        return users

    def _count(self, started: float, users: int, cold: int) -> None:
        metrics = self._metrics
        metrics.inferences.observe(time.perf_counter() - started)
        metrics.list_lengths.observe(CONTRACT_LENGTH, users)
        metrics.recommended_users += users
        metrics.cold_users += cold


def _too_many(users: int, limit: int) -> Problem:
    return invalid("user_ids", f"holds {users} users, the most is {limit}; use the batch call")
