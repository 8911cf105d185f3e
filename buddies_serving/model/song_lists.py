"""A listener's songs for a request: what was worked out offline, what they played minutes ago, and what strangers get.

Songs like those of late are merged with the offline list, by chance (`score`) or by turns of their sources, before the
offline list, as the reference does (`round_robin`). What the listener knows or has just met never appears, and of ten
songs that follow one another at most so many are by one artist.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import NamedTuple

import numpy as np

from buddies_core.artifact.artist_turns import in_turns
from buddies_core.artifact.served_songs import Listed, Reason, ServedSongs
from buddies_serving.types.songs import Merge

SEEDS = 20
"""Songs of late that others are looked up for: the last ones."""
FADING = 0.9
"""What a song of late counts for, of what the one after it counts."""


class Heard(NamedTuple):
    """Rows that a listener met of late, the oldest first, and of them those that were not skipped."""

    met: Sequence[int] = ()
    chosen: Sequence[int] = ()


NOTHING_HEARD = Heard()


@dataclass(frozen=True, slots=True)
class SongList:
    """Songs, best first. `is_personal`: the listener has an offline list; `is_online`: songs of late counted."""

    songs: list[Listed]
    is_personal: bool
    is_online: bool


def song_list(
    served: ServedSongs,
    user: int | None,
    heard: Heard = NOTHING_HEARD,
    *,
    count: int,
    per_artist: int = 2,
    merge: Merge = "score",
) -> SongList:
    """The songs for a listener by row (None: unknown).

    Args:
        count: songs wanted; there may be fewer where the catalogue is small or of few artists.
        per_artist: songs of one artist in any ten in a row; 0 for as many as come.
        merge: how songs like those of late join the offline list.
    """
    listing = iter(()) if user is None else served.listing(user)
    first = next(listing, None)
    personal = first is not None
    seeds = list(reversed(heard.chosen[-SEEDS:]))
    known = set(heard.met)
    candidates: Iterable[Listed] = listing if first is None else chain((first,), listing)
    if seeds:
        offline = list(candidates)
        known.update(() if user is None else served.known(user).tolist())
        turns = merge == "round_robin"
        candidates = chain(_by_turns(served, seeds), offline) if turns else _by_chance(served, offline, seeds)
    whole = chain(candidates, _popular(served, user))
    distinct = _distinct(whole, known)
    if per_artist:
        by_artist = ((listed, served.artist_number(listed.song)) for listed in distinct)
        distinct = in_turns(by_artist, per_artist, fills=False)
    return SongList(list(islice(distinct, count)), personal, bool(seeds))


def _by_turns(served: ServedSongs, seeds: Sequence[int]) -> Iterator[Listed]:
    """Songs like those of late by turns of the sources, each for the newest song first."""
    by_source: list[list[Listed]] = [[] for _ in served.sources]
    for seed in seeds:
        for held, songs in zip(by_source, served.neighbours_by_source(seed), strict=True):
            held.extend(Listed(song, 0.0, Reason.PLAYED, seed) for song in songs)
    return (song for turn in zip_longest(*by_source) for song in turn if song is not None)


def _by_chance(served: ServedSongs, offline: list[Listed], seeds: Sequence[int]) -> Iterator[Listed]:
    """The offline list and songs like those of late by falling chance that any of them is right; equal ones by row.

    The reason is that of the greatest of the chances; of equal ones the offline list's, then the newest song's.
    """
    near, scores = served.near(seeds)
    fading = FADING ** np.arange(len(seeds))
    songs = np.concatenate([np.array([listed.song for listed in offline], np.int32), near.ravel()])
    chances = np.concatenate(
        [np.array([listed.score for listed in offline]), np.minimum(scores * fading[:, None], 1.0).ravel()]
    )
    (told,) = np.nonzero(songs >= 0)
    distinct, of = np.unique(songs[told], return_inverse=True)
    with np.errstate(divide="ignore"):
        missed = np.exp(np.bincount(of, np.log1p(-chances[told])))
    by_strength = np.lexsort((-chances[told], of))
    strongest = told[by_strength[np.searchsorted(of[by_strength], np.arange(len(distinct)))]]
    for place in np.argsort(missed, kind="stable").tolist():
        origin, song, chance = int(strongest[place]), int(distinct[place]), 1.0 - float(missed[place])
        if origin < len(offline):
            yield Listed(song, chance, offline[origin].reason, offline[origin].because)
        else:
            yield Listed(song, chance, Reason.PLAYED, seeds[(origin - len(offline)) // near.shape[1]])


def _popular(served: ServedSongs, user: int | None) -> Iterator[Listed]:
    """What most listeners have and this one does not know; looked up when it is needed, as a full list needs none."""
    known = set() if user is None else set(served.known(user).tolist())
    for song, share in served.popular():
        if song not in known:
            yield Listed(song, share, Reason.POPULAR, -1)


def _distinct(songs: Iterable[Listed], known: set[int]) -> Iterator[Listed]:
    for listed in songs:
        if listed.song not in known:
            known.add(listed.song)
            yield listed
