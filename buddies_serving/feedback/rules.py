"""What feedback must look like to be taken, and the session it becomes."""

import re
import time
import uuid
from datetime import datetime
from hashlib import blake2b

import msgspec

from buddies_serving.http.problems import from_decoding, invalid
from buddies_serving.listeners.remembered import NOTHING_KNOWN, Known
from buddies_serving.model.recommendation_id import RecommendationId, RecommendationIds
from buddies_serving.model.serving import Serving
from buddies_serving.model.who import models_of, who
from buddies_serving.types.api import FeedbackRequest
from buddies_serving.types.feedback import Session

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
    known: Known = NOTHING_KNOWN,
) -> Session:
    """The session of a feedback; raises Problem 422 that names the field which cannot be right.

    `known`: what the service has in mind of the user, by which they were shown what they were shown.

    Without an `Idempotency-Key` the identity comes from what was recommended to whom and what of it was liked. A liked
    playlist leaves the user's list at once, so the same like of the same list is the same feedback sent twice.
    """
    liked, others = feedback.like_playlist, feedback.other_playlists
    if liked in others:
        raise invalid("other_playlists", f"holds {liked}, which is the playlist that was liked")
    if len(set(others)) != len(others):
        raise invalid("other_playlists", "names a playlist twice")
    models = models_of(serving)
    user, user_key = who(feedback.user_id, models)
    pids_of = [model.known_pids for model in models]
    if not any(liked in pids for pids in pids_of):
        raise invalid("like_playlist", f"playlist {liked} does not exist")
    for place, other in enumerate(others):
        if not any(other in pids for pids in pids_of):
            raise invalid(f"other_playlists[{place}]", f"playlist {other} does not exist")
    received = time.time()
    created = received if feedback.created_at is None else created_at(feedback.created_at, received, "created_at")
    shown, arm, version = _provenance(feedback, user, serving, ids, known)
    return Session(
        session_id=_session_id(feedback, user, version, checked_key(key)),
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
    feedback: FeedbackRequest, user: int, serving: Serving, ids: RecommendationIds, known: Known
) -> tuple[list[int], str, str]:
    """(list in the order shown, arm, version).

    From the id of one user's list, which is checked. Without one, or with that of an answer to many users, the list is
    what the user would be shown now, if that is the same playlists; else the order of the request.
    """
    liked, others = feedback.like_playlist, feedback.other_playlists
    parts = None
    if feedback.recommendation_id is not None:
        parts = ids.parse(feedback.recommendation_id)
        if parts is None:
            raise invalid("recommendation_id", "is not an id that this service gives out")
        if parts.arm != "several":
            return _shown(ids, parts, user, liked, others), parts.arm, parts.version
        if parts.version != serving.champion.version:
            return [liked, *others], "champion", parts.version
    arm = serving.arm(user if user >= 0 else None)
    now = serving.top(arm, user, len(others) + 1, known)
    shown = now if sorted(now) == sorted([liked, *others]) else [liked, *others]
    return shown, arm, serving.model(arm).version


def _shown(ids: RecommendationIds, parts: RecommendationId, user: int, liked: int, others: list[int]) -> list[int]:
    shown = ids.shown_order(parts, user, liked, others)
    if shown is None:
        raise invalid("like_playlist", "was not shown to this user in the recommendation that is named")
    return shown


def checked_key(key: bytes | None) -> bytes | None:
    """The value of an `Idempotency-Key` header, if there is one; Problem 422 if it cannot be one."""
    if key is not None and not _KEY.match(key):
        raise invalid("Idempotency-Key", "must be 1 to 200 visible ASCII characters")
    return key


def _session_id(feedback: FeedbackRequest, user: int, version: str, key: bytes | None) -> str:
    if key is not None:
        # a key is its sender's own affair: that of another user must not swallow this feedback
        key = b"%b:%b" % (str(feedback.user_id).encode(), key)
        return str(uuid.UUID(bytes=blake2b(key, digest_size=16, person=b"key").digest()))
    parts = (feedback.recommendation_id or version, user, feedback.like_playlist, feedback.other_playlists)
    return str(uuid.UUID(bytes=blake2b(repr(parts).encode(), digest_size=16, person=b"derived").digest()))


def created_at(text: str, now: float, field: str) -> float:
    """The Unix seconds of an RFC 3339 time; Problem 422 naming the field if it is none, or cannot be when it was."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(field, "is not an RFC 3339 time") from error
    if moment.tzinfo is None:
        raise invalid(field, "has no time zone; add Z or an offset")
    try:
        seconds = moment.timestamp()
    except (OverflowError, ValueError) as error:
        raise invalid(field, "is out of range") from error
    if seconds > now + _FUTURE_SECONDS:
        raise invalid(field, "lies in the future")
    if seconds < now - _PAST_SECONDS:
        raise invalid(field, "is more than 31 days ago")
    return seconds
