"""What is asked and answered about songs for a listener."""

from typing import Annotated, Literal

import msgspec

from buddies_serving.types import api as api_types

Merge = Literal["score", "round_robin"]
Count = Annotated[int, msgspec.Meta(ge=1, le=50)]
UserName = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,200}$")]


class SongsForRequest(msgspec.Struct, frozen=True):
    """Who asks, and for how many songs.

    `per_artist`: songs of one artist in any ten, 0 for as many as come. `merge`: how songs like those of late join the
    offline list, by chance (`score`) or by turns of the sources before it (`round_robin`).
    """

    user_id: api_types.UserIndex | UserName
    k: Count = 10
    per_artist: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    merge: Merge = "score"
    experiment: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class SongWhy(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a song is named. `kind`: `played`, `artist` or `listeners` (of `song`), or `popular`; `text` says it."""

    kind: str
    text: str
    song: str = ""


class ServedSong(msgspec.Struct, frozen=True, omit_defaults=True):
    """A song of the catalogue; empty and 0 where unknown."""

    id: str
    title: str = ""
    artist: str = ""
    release: str = ""
    year: int = 0
    uri: str = ""
    listeners: int = 0


class ListedSong(ServedSong, frozen=True, omit_defaults=True, kw_only=True):
    """A song of a list: the chance that the listener plays it, and why it is there."""

    score: float
    why: SongWhy


class SongsFor(msgspec.Struct, frozen=True):
    """A listener's songs. `case`: `offline` or, for strangers, `popular`; `+ online` where songs of late counted."""

    user_id: int | str
    case: str
    model_version: str
    songs: list[ListedSong]


class SongsLike(msgspec.Struct, frozen=True):
    """Songs that the same listeners play, the likeliest first."""

    song: ServedSong
    similar: list[ServedSong]


class ReferenceSongs(msgspec.Struct, frozen=True):
    """The reference's answer: ids of songs, best first."""

    user_id: int | str
    item_ids: list[str]


class ReferenceEvents(msgspec.Struct, frozen=True):
    """The last songs of a listener, the newest first."""

    user_id: int | str
    events: list[str]


class ReferenceStored(msgspec.Struct, frozen=True):
    """The event is stored."""

    result: str
