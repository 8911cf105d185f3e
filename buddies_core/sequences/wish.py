"""What is asked of the sequence models, and each song of an answer with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        tracks: songs in order, each a URI or (title, artist).
        title: of the playlist, "" where it has none.
        n: songs wanted.
        exclude: URIs not to be named.
        max_per_artist: songs of one artist in any ten in a row; 0 for no bound.
        fresh: seed of a draw among the best; None for the best themselves.
        popularity: above 0 prefers what is popular, below 0 what is not, in standard deviations of both.
        flow: order by what follows what, not by score.
        threshold: with it, `n` songs are drawn at random among those that are right with this probability or more,
            as the reference does; `fresh` seeds the draw. Of the best 20 to 30 that costs a tenth of the precision, of
            the best 100 two fifths.
        odds: whether each song says how likely it is right; with a threshold each does.
    """

    tracks: Sequence[str | tuple[str, str]]
    title: str = ""
    n: int = 10
    exclude: Sequence[str] = ()
    max_per_artist: int = 2
    fresh: int | None = None
    popularity: float = 0.0
    flow: bool = False
    threshold: float | None = None
    odds: bool = False


@dataclass(frozen=True)
class Reason:
    """Why a song is named: `kind` is follows, together, artist, similar or filler; `of` a song of the playlist."""

    kind: str
    of: str = ""
    playlists: int = 0


@dataclass(frozen=True)
class Named:
    """One song of an answer."""

    uri: str
    title: str
    artist: str
    score: float
    why: Reason
    probability: float | None = None
