"""Bodies of requests and answers. The OpenAPI document is made from these types, and bodies are decoded into them."""

from typing import Annotated

import msgspec
from msgspec import Meta

from buddies_core.artifact.listeners import LISTENER
from buddies_serving.types.feedback import Kind

UserIndex = Annotated[int, Meta(ge=0, le=2_147_483_647, description="Index of a user.", examples=[22434])]
ListenerId = Annotated[
    str, Meta(pattern=LISTENER, description="Echo Nest id of a user, or `client:` and a client's own name for one.")
]
Pid = Annotated[int, Meta(ge=0, le=2_147_483_647, description="MPD id of a playlist.", examples=[28783])]
Length = Annotated[int, Meta(ge=1, le=50, description="Playlists wanted.")]


class RecommendRequest(msgspec.Struct):
    """Users by index."""

    user_ids: list[UserIndex]


class RecommendAnyRequest(msgspec.Struct):
    """Users by index, by their 40-hex id, or by a client's own name."""

    user_ids: Annotated[list[UserIndex | ListenerId], Meta(max_length=10_000, examples=[[22434]])]


class BatchRequest(msgspec.Struct):
    """Users of a large batch, by index."""

    user_ids: Annotated[list[UserIndex], Meta(max_length=200_000, examples=[[22434, 7]])]
    k: Length = 5


class Recommendation(msgspec.Struct):
    """One user's playlists, best first; the user as they were named in the request."""

    user_id: int | str
    playlists: Annotated[list[int], Meta(examples=[[14546, 28783, 209745, 29747, 32649]])]


class Song(msgspec.Struct):
    """A song by its text."""

    title: str
    artist: str


class Why(msgspec.Struct):
    """Why a playlist is in a list: `buddy` (whose it is), `fits` (nobody's; whom it fits best), `songs`, `likes` (yours
    of late) or `most-liked`.
    """

    kind: str
    buddy: int | None = None
    similarity: float | None = None
    shared_songs: int = 0
    songs: list[Song] = []


class PlaylistCard(msgspec.Struct):
    """A playlist in a list; `followers` is null when unknown."""

    playlist: int
    name: str
    tracks: int
    followers: int | None
    why: Why | None = None


class UserRecommendations(msgspec.Struct):
    """One user's list. `cold`: nothing was known of them, not a like of late, so these are the most liked playlists."""

    user: int | None
    cold: bool
    model_version: str
    arm: str
    recommendation_id: str
    playlists: list[PlaylistCard]


class SongQuery(msgspec.Struct):
    """A song by Echo Nest id or Spotify URI, or by title and artist."""

    id: Annotated[str, Meta(max_length=64, examples=["SOBONKR12A58A7A7E0"])] | None = None
    title: Annotated[str, Meta(max_length=500, examples=["You're The One"])] | None = None
    artist: Annotated[str, Meta(max_length=500, examples=["Dwight Yoakam"])] | None = None


class SongsRequest(msgspec.Struct):
    """What is known of a listener: songs."""

    songs: Annotated[list[SongQuery], Meta(min_length=1, max_length=500)]
    k: Length = 5


class SongsRecommendations(msgspec.Struct):
    """A list for songs. `method`: `fold-in` or `most-liked`; `unknown`: positions of songs the model does not hold."""

    method: str
    unknown: list[int]
    model_version: str
    recommendation_id: str
    playlists: list[PlaylistCard]


class PlaylistDetail(msgspec.Struct):
    """A playlist with the songs known to the model (at most 200)."""

    playlist: int
    name: str
    tracks: int
    followers: int | None
    owner: int | None
    songs: list[Song]


class SimilarPlaylist(msgspec.Struct):
    """A playlist like another, with a similarity of at most 1."""

    playlist: int
    name: str
    tracks: int
    followers: int | None
    similarity: float


class SimilarPlaylists(msgspec.Struct):
    """Playlists most like one; `method`: `embeddings` or `songs`."""

    playlist: int
    method: str
    similar: list[SimilarPlaylist]


class FeedbackRequest(msgspec.Struct):
    """Of the playlists shown to a user, the one they liked. Somebody named by an id may be new: they are taken in.

    `recommendation_id` (from the answer that was shown) lets the service check and store what was shown, in order.
    `created_at` (RFC 3339) is for feedback sent late; it may not lie in the future.
    """

    user_id: UserIndex | ListenerId
    like_playlist: Pid
    other_playlists: Annotated[list[Pid], Meta(max_length=99, examples=[[14546, 209745, 29747, 32649]])]
    recommendation_id: Annotated[str, Meta(max_length=96)] | None = None
    created_at: Annotated[str, Meta(max_length=40, examples=["2026-01-31T12:00:00Z"])] | None = None


class ListenerEvent(msgspec.Struct):
    """What a listener did with a song, or with a playlist.

    `seconds` is how long they listened and `share` how much of it that was. With an `id` the event may be sent again
    and counts once. `created_at` (RFC 3339) is for what is sent late.
    """

    kind: Kind
    song: SongQuery | None = None
    playlist: Pid | None = None
    seconds: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    share: Annotated[float, Meta(ge=0, le=1)] | None = None
    created_at: Annotated[str, Meta(max_length=40, examples=["2026-01-31T12:00:00Z"])] | None = None
    id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class EventsRequest(msgspec.Struct):
    """What one listener did, in order. Somebody named by an id may be new: they are taken in."""

    user_id: UserIndex | ListenerId
    events: Annotated[list[ListenerEvent], Meta(min_length=1, max_length=500)]


class EventsAnswer(msgspec.Struct):
    """The events are stored, and count from now on."""

    msg: Annotated[str, Meta(examples=["Events Stored"])]
    events: int


class FeedbackAnswer(msgspec.Struct):
    """The feedback is stored."""

    msg: Annotated[str, Meta(examples=["Feedback Sent"])]


class Health(msgspec.Struct):
    """Whether the service can do its work; `problems` say why not, `warnings` what is not as it should be.

    `sample`: share of playlists and users that the served model knows, where it was made of a sample of them.
    """

    status: str
    problems: list[str] = []
    warnings: list[str] = []
    sample: float | msgspec.UnsetType = msgspec.UNSET


class ModelAbout(msgspec.Struct):
    """What a served version is."""

    arm: str
    share: float
    version: str
    model_version: str
    created_at: str
    since: str
    run_id: str | None
    data_fingerprint: str | None
    metrics: dict[str, float]
    counts: dict[str, int]


class ModelAnswer(msgspec.Struct):
    """The versions served."""

    mode: str
    arms: list[ModelAbout]


class UserSample(msgspec.Struct):
    """Users to try, and for each the artists they play most."""

    users: list[int]
    tastes: list[list[str]]


class SongSample(msgspec.Struct):
    """Songs of the served model."""

    songs: list[Song]
