"""What is asked of next track and continuation, and how they answer; described in the API's schema."""

from typing import Annotated, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Uris = Annotated[list[Text], msgspec.Meta(max_length=1_000)]
Fresh = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Count = Annotated[int, msgspec.Meta(ge=1, le=500)]
PerArtist = Annotated[int, msgspec.Meta(ge=0, le=10)]


class TypedTrack(msgspec.Struct, frozen=True):
    """A song by its text; any spelling of one canonical song finds it."""

    title: Text
    artist: Text


Tracks = Annotated[list[Text | TypedTrack], msgspec.Meta(max_length=10_000)]


class NextTrackRequest(msgspec.Struct, frozen=True):
    """Songs in order, and what may follow them; of more than 500 songs the last 500 count."""

    tracks: Tracks
    n: Count = 10
    exclude: Uris = []
    max_per_artist: PerArtist = 2
    fresh: Fresh | None = None
    popularity: Annotated[float, msgspec.Meta(ge=-3, le=3)] = 0.0


class ContinueRequest(msgspec.Struct, frozen=True):
    """A playlist by its songs, its title, or both, or by its id in the data, and how it goes on.

    With a `threshold`, songs are drawn at random among all that are right with this probability or more; with `odds`
    alone each song says how likely it is, and nothing is drawn.
    """

    tracks: Tracks = []
    title: Annotated[str, msgspec.Meta(max_length=500)] = ""
    n: Count = 50
    exclude: Uris = []
    max_per_artist: PerArtist = 2
    fresh: Fresh | None = None
    popularity: Annotated[float, msgspec.Meta(ge=-3, le=3)] = 0.0
    order: Literal["score", "flow"] = "score"
    playlist: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | None = None
    threshold: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    odds: bool = False


class Why(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a song is named: it `follows` or stands `together` with `of` in so many playlists, or is by its `artist`,
    `similar`, or a `filler`: popular where nothing of the playlist is known. `title` is that of `of`."""

    kind: str
    of: str = ""
    title: str = ""
    playlists: int = 0


class NextSong(msgspec.Struct, frozen=True, omit_defaults=True):
    """One song of an answer; the score tells order alone."""

    track_uri: str
    title: str
    artist: str
    score: float
    why: Why
    probability: float | None = None


class NextSongs(msgspec.Struct, frozen=True):
    """Songs, and which of those sent were known; an unknown one still counts by its artist, where that is known."""

    model: str
    known: list[bool]
    tracks: list[NextSong]


class Neighbours(msgspec.Struct, frozen=True):
    """Songs that stand near a song in playlists, the nearest first."""

    model: str
    tracks: list[NextSong]


class FoundTrack(msgspec.Struct, frozen=True):
    """A song that playlists hold."""

    track_uri: str
    title: str
    artist: str


class FoundTracks(msgspec.Struct, frozen=True):
    """Songs whose text has what was typed."""

    tracks: list[FoundTrack]


class PredictRequest(msgspec.Struct, frozen=True):
    """What the tutorial's check sends: songs as `Artist-Title`."""

    instances: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=500)]


class Predictions(msgspec.Struct, frozen=True):
    """What it reads: `predictions.output_2`, songs as `Artist-Title`, none of them one that was sent."""

    predictions: dict[str, list[str]]


class SpotifyArtist(msgspec.Struct, frozen=True):
    """An artist as Spotify's API shows one."""

    name: str
    type: str = "artist"


class SpotifyTrack(msgspec.Struct, frozen=True):
    """A track as Spotify's API shows one, as far as playlists tell."""

    id: str
    uri: str
    name: str
    artists: list[SpotifyArtist]
    type: str = "track"


class SpotifySeed(msgspec.Struct, frozen=True, rename="camel"):
    """A seed as Spotify's API answers it."""

    id: str
    initial_pool_size: int
    after_filtering_size: int
    after_relinking_size: int
    type: str = "TRACK"
    href: str | None = None


class SpotifyRecommendations(msgspec.Struct, frozen=True):
    """The answer of Spotify's withdrawn call."""

    tracks: list[SpotifyTrack]
    seeds: list[SpotifySeed]


SCHEMAS = (
    TypedTrack, NextTrackRequest, ContinueRequest, Why, NextSong, NextSongs, Neighbours, FoundTrack,
    FoundTracks, PredictRequest, Predictions, SpotifyArtist, SpotifyTrack, SpotifySeed, SpotifyRecommendations,
)  # fmt: skip
