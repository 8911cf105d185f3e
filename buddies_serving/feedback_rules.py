"""What feedback must look like to be taken, and the session it becomes."""

import re
import time
import uuid
from datetime import datetime
from hashlib import blake2b

import msgspec

from buddies_core.artifact.format import is_forgotten
from buddies_serving.api_types import FeedbackRequest
from buddies_serving.feedback_types import Session
from buddies_serving.problems import from_decoding, invalid
from buddies_serving.recommendation_id import RecommendationId, RecommendationIds
from buddies_serving.serving import Serving

_DECODER = msgspec.json.Decoder(FeedbackRequest)
_FUTURE_SECONDS = 60
_PAST_SECONDS = 31 * 86_400
_KEY = re.compile(rb"^[\x21-\x7e]{1,200}$")


def read_feedback(body: bytes) -> FeedbackRequest:
    """The feedback in a body; Problem 400 or 422 if there is none."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise from_decoding(error) from error


def to_session(
    feedback: FeedbackRequest,
    serving: Serving,
    ids: RecommendationIds,
    key: bytes | None,
    hidden: frozenset[int] | set[int] = frozenset(),
) -> Session:
    """The session of a feedback; raises Problem 422 that names the field which cannot be right.

    `hidden`: what the user liked of late, and so was not shown.

    Without an `Idempotency-Key` the identity comes from what was recommended to whom and what of it was liked. A liked
    playlist leaves the user's list at once, so the same like of the same list is the same feedback sent twice.
    """
    user, liked, others = feedback.user_id, feedback.like_playlist, feedback.other_playlists
    if liked in others:
        raise invalid("other_playlists", f"holds {liked}, which is the playlist that was liked")
    if len(set(others)) != len(others):
        raise invalid("other_playlists", "names a playlist twice")
    models = [serving.champion] + ([serving.challenger] if serving.challenger is not None else [])
    user_key = next((named for model in models if user < model.users and (named := model.user_id(user))), None)
    if user_key is None or is_forgotten(user_key):
        # nobody could say who that was: not the training, not the dashboard, not a person
        raise invalid("user_id", f"user {user} is not known to the model that is served")
    known = [model.known_pids for model in models]
    if not any(liked in pids for pids in known):
        raise invalid("like_playlist", f"playlist {liked} does not exist")
    for place, other in enumerate(others):
        if not any(other in pids for pids in known):
            raise invalid(f"other_playlists[{place}]", f"playlist {other} does not exist")
    received = time.time()
    created = received if feedback.created_at is None else _created_at(feedback.created_at, received)
    shown, arm, version = _provenance(feedback, serving, ids, hidden)
    return Session(
        session_id=_session_id(feedback, version, key),
        created_at=created,
        received_at=received,
        user_id=user,
        user_key=user_key,
        liked=liked,
        shown=tuple(shown),
        model_version=version,
        arm=arm,
        recommendation_id=feedback.recommendation_id,
    )


def _provenance(
    feedback: FeedbackRequest, serving: Serving, ids: RecommendationIds, hidden: frozenset[int] | set[int]
) -> tuple[list[int], str, str]:
    """(list in the order shown, arm, version).

    From the id of one user's list, which is checked. Without one, or with that of an answer to many users, the list is
    what the user would be shown now, if that is the same playlists; else the order of the request.
    """
    user, liked, others = feedback.user_id, feedback.like_playlist, feedback.other_playlists
    parts = None
    if feedback.recommendation_id is not None:
        parts = ids.parse(feedback.recommendation_id)
        if parts is None:
            raise invalid("recommendation_id", "is not an id that this service gives out")
        if parts.arm != "several":
            return _shown(ids, parts, user, liked, others), parts.arm, parts.version
        if parts.version != serving.champion.version:
            return [liked, *others], "champion", parts.version
    arm = serving.arm(user)
    now = serving.top(arm, user, len(others) + 1, hidden)
    shown = now if sorted(now) == sorted([liked, *others]) else [liked, *others]
    return shown, arm, serving.model(arm).version


def _shown(ids: RecommendationIds, parts: RecommendationId, user: int, liked: int, others: list[int]) -> list[int]:
    shown = ids.shown_order(parts, user, liked, others)
    if shown is None:
        raise invalid("like_playlist", "was not shown to this user in the recommendation that is named")
    return shown


def _session_id(feedback: FeedbackRequest, version: str, key: bytes | None) -> str:
    if key is not None:
        if not _KEY.match(key):
            raise invalid("Idempotency-Key", "must be 1 to 200 visible ASCII characters")
        # a key is its sender's own affair: that of another user must not swallow this feedback
        key = b"%d:%b" % (feedback.user_id, key)
        return str(uuid.UUID(bytes=blake2b(key, digest_size=16, person=b"key").digest()))
    parts = (feedback.recommendation_id or version, feedback.user_id, feedback.like_playlist, feedback.other_playlists)
    return str(uuid.UUID(bytes=blake2b(repr(parts).encode(), digest_size=16, person=b"derived").digest()))


def _created_at(text: str, now: float) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("created_at", "is not an RFC 3339 time") from error
    if moment.tzinfo is None:
        raise invalid("created_at", "has no time zone; add Z or an offset")
    try:
        seconds = moment.timestamp()
    except (OverflowError, ValueError) as error:
        raise invalid("created_at", "is out of range") from error
    if seconds > now + _FUTURE_SECONDS:
        raise invalid("created_at", "lies in the future")
    if seconds < now - _PAST_SECONDS:
        raise invalid("created_at", "is more than 31 days ago")
    return seconds
