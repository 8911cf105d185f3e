"""What an event must look like to be taken, and the record it becomes."""

import time
import uuid
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from buddies_serving.feedback.rules import checked_key, created_at
from buddies_serving.http.problems import from_decoding, invalid, unavailable
from buddies_serving.model.by_songs import FindSong, find_song
from buddies_serving.model.served_model import ServedModel
from buddies_serving.model.who import who
from buddies_serving.types.api import EventsRequest, ListenerEvent, SongQuery
from buddies_serving.types.feedback import Event, SongName

_DECODER = msgspec.json.Decoder(EventsRequest)


def read_events(body: bytes) -> EventsRequest:
    """The events in a body; Problem 400 or 422 if there are none."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise from_decoding(error) from error


def to_events(
    request: EventsRequest, models: Sequence[ServedModel], catalogues: Sequence[FindSong], key: bytes | None
) -> list[Event]:
    """The records of a request; raises Problem 422 that names the field which cannot be right.

    An event is told from another by its `id`, by the `Idempotency-Key` and its place, or by what it says where it says
    when; without any of these, an event that is sent twice is two.
    """
    if not models and (isinstance(request.user_id, int) or not catalogues):
        raise unavailable("No model is served yet, so nobody is known by number, and no song or playlist is.", 5)
    user, user_key = who(request.user_id, models)
    key, received = checked_key(key), time.time()
    songs = [*(_song_of(model) for model in models), *catalogues]
    made = [
        _event(place, told, user, user_key, models, songs, key, received) for place, told in enumerate(request.events)
    ]
    seen: dict[str, int] = {}
    for place, event in enumerate(made):
        if event.event_id in seen:
            raise invalid(f"events[{place}]", f"is events[{seen[event.event_id]}] once more")
        seen[event.event_id] = place
    return made


def _event(
    place: int,
    told: ListenerEvent,
    user: int,
    user_key: str,
    models: Sequence[ServedModel],
    songs: Sequence[FindSong],
    key: bytes | None,
    received: float,
) -> Event:
    field = f"events[{place}]"
    if (told.song is None) == (told.playlist is None):
        raise invalid(field, "needs a song or a playlist, and one of them alone")
    name = SongName(None, None)
    if told.song is not None:
        name = _song(f"{field}.song", told.song, songs)
    elif told.playlist is not None and not any(told.playlist in model.known_pids for model in models):
        raise invalid(f"{field}.playlist", f"playlist {told.playlist} does not exist")
    at = received if told.created_at is None else created_at(told.created_at, received, f"{field}.created_at")
    return Event(
        event_id=_identity(user_key, place, told, key),
        created_at=at,
        received_at=received,
        user_id=user,
        user_key=user_key,
        kind=told.kind,
        song_id=name.id,
        song_key=name.key,
        playlist=told.playlist,
        seconds=told.seconds,
        share=told.share,
    )


def _song(field: str, query: SongQuery, songs: Sequence[FindSong]) -> SongName:
    if query.id is None and not (query.title and query.artist):
        raise invalid(field, "needs an id, or a title and an artist")
    found = next((name for find in songs if (name := find(query)) is not None), None)
    if found is None:
        raise invalid(field, "is not known to what is served")
    return found


def _song_of(model: ServedModel) -> FindSong:
    def find(query: SongQuery) -> SongName | None:
        row = find_song(model, query)
        return None if row is None else SongName(query.id or model.song_id(row), model.song_keys[row])

    return find


def _identity(user_key: str, place: int, told: ListenerEvent, key: bytes | None) -> str:
    """A UUID. A key is its sender's own affair: that of another listener must not swallow this event."""
    if told.id is not None:
        said: object = ("id", user_key, told.id)
    elif key is not None:
        said = ("key", user_key, key, place)
    elif told.created_at is not None:
        said = ("said", user_key, msgspec.json.encode(told))
    else:
        return str(uuid.uuid4())
    return str(uuid.UUID(bytes=blake2b(repr(said).encode(), digest_size=16, person=b"event").digest()))
