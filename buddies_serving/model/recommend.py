"""The contract's call: from the bytes of a request to the bytes of its answer.

Most requests name users by index, none of whom liked anything since the model was made: their answers are slices of
the model's ready-made fragments. Everything else takes the long way through `Serving.top`; many of those in one request
are made in turns with other requests, and the answer is then an awaitable.
"""

import time
from collections.abc import Awaitable, Iterator, Sequence

import msgspec
import numpy as np

from buddies_core.artifact.format import CONTRACT_LENGTH
from buddies_core.artifact.fragments import render
from buddies_core.artifact.listeners import listener_id
from buddies_core.artifact.traffic_split import draws
from buddies_serving.http.metrics import Metrics
from buddies_serving.http.problems import Problem, from_decoding, invalid, unavailable
from buddies_serving.http.turns import Turns
from buddies_serving.listeners.remembered import Remembered
from buddies_serving.model.recommendation_id import RecommendationIds
from buddies_serving.model.serving import ModelWatcher, Serving
from buddies_serving.model.usage import Usage
from buddies_serving.model.who import remembered_as
from buddies_serving.types.api import RecommendAnyRequest, RecommendRequest

_INDEXED = msgspec.json.Decoder(RecommendRequest)
_ANY = msgspec.json.Decoder(RecommendAnyRequest)
Named = Sequence[int | str]
Recommended = tuple[bytes, str, str]
"""Answer, header with the model version, recommendation id."""
_AT_ONCE = 64
"""Lists of the long way that are made without giving others a turn: some two milliseconds."""


class Recommender:
    """Answers from the serving of the moment; counts what it does."""

    def __init__(
        self,
        watcher: ModelWatcher,
        remembered: Remembered,
        metrics: Metrics,
        usage: Usage,
        ids: RecommendationIds,
        turns: Turns,
        *,
        max_users: int = 10_000,
    ) -> None:
        self._watcher = watcher
        self._remembered = remembered
        self._metrics = metrics
        self._usage = usage
        self.ids = ids
        self._turns = turns
        self._max_users = max_users

    def serving(self) -> Serving:
        """The serving of the moment; 503 when there is none (why, operators read in `/health/ready`)."""
        serving = self._watcher.serving
        if serving is None:
            raise unavailable(
                "No model is served yet: materialise served_model (or run `make run`), and lists appear here.", 5
            )
        return serving

    def recommend(self, body: bytes) -> Recommended | Awaitable[Recommended]:
        """The answer to a body `{"user_ids": [...]}`: at once, or when it has had enough turns."""
        started = time.perf_counter()
        try:
            users = _INDEXED.decode(body).user_ids
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._long_way(self.serving(), self._decode_any(body), started)
        if len(users) > self._max_users:
            raise _too_many(len(users), self._max_users)
        serving = self.serving()
        if serving.live:
            return self._long_way(serving, users, started)
        try:
            if len(users) == 1:
                return self._single(serving, users[0], started)
            if len(users) <= _AT_ONCE or self._remembered_of(users) <= _AT_ONCE:
                return self._many(serving, users, started)
        except IndexError:
            # somebody is not in the model
            pass
        return self._long_way(serving, users, started)

    def _remembered_of(self, users: list[int]) -> int:
        remembered = self._remembered
        return 0 if remembered.none_of(users) else sum(user in remembered for user in users)

    def _single(self, serving: Serving, user: int, started: float) -> Recommended:
        arm = serving.arm(user)
        model = serving.model(arm)
        fragment = self._fragment(serving, arm, user)
        self._count(started, 1, user in serving.cold_users[arm])
        self._usage.one(serving, user, arm)
        return b"[%b]" % fragment, serving.version_header, self.ids.for_fragment(arm, model.version, fragment)

    def _many(self, serving: Serving, users: list[int], started: float) -> Recommended:
        """Ready-made parts for all; replaced where they are not the champion's, or their user did something since."""
        parts: Sequence[bytes] = serving.champion.fragments(users) if users else ()
        on_trial: list[int] = []
        if serving.challenger is not None and users:
            parts = list(parts)
            for place in np.flatnonzero(draws(np.array(users)) < serving.share).tolist():
                parts[place] = serving.challenger.fragment(users[place])
                on_trial.append(users[place])
        if not self._remembered.none_of(users):
            parts = list(parts)
            for place, user in enumerate(users):
                if user in self._remembered:
                    parts[place] = self._fragment(serving, serving.arm(user), user)
        # by the champion for all: a count for a chart is not worth a second pass over those on trial
        cold = len(serving.cold_users["champion"].intersection(users))
        self._count(started, len(users), cold)
        self._usage.many(serving, users, on_trial)
        return b"[%b]" % b",".join(parts), serving.version_header, self.ids.for_many(serving.champion.version)

    def _fragment(self, serving: Serving, arm: str, user: int) -> bytes:
        """The part of an answer for a user in the arm's model; IndexError if they are not in it."""
        fragment = serving.model(arm).fragment(user)
        if user not in self._remembered:
            return fragment
        return render(user, serving.top(arm, user, CONTRACT_LENGTH, self._remembered.of(user)))

    def resolve(self, serving: Serving, user: int | str) -> tuple[int | None, str]:
        """The index of a user (None: unknown) and the arm they are in."""
        index = serving.champion.find_user(listener_id(user)) if isinstance(user, str) else user
        arm = serving.arm(index)
        known = index is not None and index < serving.model(arm).users
        return (index if known else None), arm

    def _long_way(self, serving: Serving, users: Named, started: float) -> Recommended | Awaitable[Recommended]:
        lists = self._lists(serving, users)
        if len(users) <= _AT_ONCE:
            return self._put_together(serving, users, list(lists), started)
        return self._in_turns(serving, users, lists, started)

    async def _in_turns(
        self, serving: Serving, users: Named, lists: Iterator[tuple[bytes, bool, str]], started: float
    ) -> Recommended:
        return self._put_together(serving, users, await self._turns.all(lists), started)

    def _lists(self, serving: Serving, users: Named) -> Iterator[tuple[bytes, bool, str]]:
        """(part of the answer, whether it is not personal, recommendation id of a single user's list) of each user."""
        for named in users:
            user, arm = self.resolve(serving, named)
            index = remembered_as(serving.champion, named)
            known = self._remembered.of(index)
            pids = serving.top(arm, user, CONTRACT_LENGTH, known)
            model = serving.model(arm)
            self._usage.one(serving, user, arm)
            identity = self.ids.for_list(arm, model.version, index, pids) if len(users) == 1 else ""
            part = render(named if isinstance(named, int) else msgspec.json.encode(named), pids)
            yield part, model.is_cold(user) and not serving.lists_by_deeds(arm, user, known), identity

    def _put_together(
        self, serving: Serving, users: Named, lists: list[tuple[bytes, bool, str]], started: float
    ) -> Recommended:
        self._count(started, len(users), sum(cold for _, cold, _ in lists))
        single = lists[0][2] if len(lists) == 1 else ""
        identity = single or self.ids.for_many(serving.champion.version)
        return b"[%b]" % b",".join([part for part, _, _ in lists]), serving.version_header, identity

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
