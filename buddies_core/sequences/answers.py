"""Answers for people: which songs, in which order, and why, from a stored artifact and with numpy alone.

A list never holds a song twice, a seed, an excluded song or another version of either (songs are canonical keys), nor
karaoke and tribute versions. At most `max_per_artist` of any ten in a row are by one artist; where that leaves too few,
the next best fill the list. The same request, model and `fresh` give the same list.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import islice

import numpy as np

from buddies_core.artifact.artist_turns import in_turns
from buddies_core.artifact.texts import TextColumn, pack_texts
from buddies_core.interactions.song_key import song_key
from buddies_core.sequences.index import SequenceIndex, rows_of
from buddies_core.sequences.models import Answerer, SequenceModels
from buddies_core.sequences.query import Query
from buddies_core.sequences.wish import Named, Reason, Wish

SYSTEM = "sequences"
IMITATION = re.compile(r"\b(?:karaoke|tribute|lullaby|made famous by|in the style of)\b", re.IGNORECASE)
FRESH_OF = 3
"""A fresh draw is from the best 3 n: beyond them precision falls faster than variety grows."""
_LINK = re.compile(r"^https?://open\.spotify\.com/(?:intl-[a-z]+/)?track/(\w+).*$")
"""A song as a browser's address has it."""


def served_arrays(
    models: SequenceModels,
    table: Mapping[str, Sequence[str]],
    artists: Sequence[str],
    uris: Mapping[str, int],
    playlists: tuple[np.ndarray, Sequence[str]] | None = None,
) -> dict[str, np.ndarray]:
    """Everything that answers need, by name.

    Args:
        models: fitted.
        table: columns `key` (ascending), `uri`, `title`, `artist`, one row a song.
        artists: keys of artists, ascending.
        uris: song of every URI, the further ones of a song among them.
        playlists: id, ascending, and title of each that the models were fitted on, by which a request may name it.
    """
    pids, titles = playlists if playlists is not None else (np.empty(0, np.int64), [])
    known = sorted(uris, key=str.encode)
    texts = zip(table["title"], table["artist"], strict=True)
    imitation = [IMITATION.search(f"{title} {artist}") is not None for title, artist in texts]
    return {
        **models.arrays(),
        **pack_texts("song_key", table["key"]),
        **pack_texts("song_uri", table["uri"]),
        **pack_texts("song_title", table["title"]),
        **pack_texts("song_artist", table["artist"]),
        **pack_texts("artist_key", artists),
        **pack_texts("known_uri", known),
        "song_of_uri": np.array([uris[uri] for uri in known], np.int32),
        "imitation": np.array(imitation, bool),
        "pid": np.asarray(pids, np.int64),
        **pack_texts("playlist_title", titles),
    }


class ServedSequences:
    """Answers from an artifact's arrays; for one thread at a time."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        # Views as plain arrays: each look into a memory map costs three times as much, and a request takes thousands.
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        models = SequenceModels.from_arrays(arrays)
        self.index: SequenceIndex = models.index
        self._answerers: dict[str, Answerer] = {task: models.answerer(task) for task in models.rankers}
        self._texts = {
            name: TextColumn(arrays[f"{name}_offsets"], arrays[f"{name}_bytes"])
            for name in ("song_key", "song_uri", "song_title", "song_artist", "artist_key", "known_uri")
        }
        self._song_of_uri = arrays["song_of_uri"]
        self._imitation = arrays["imitation"]
        # An artifact of an older version knows no playlists by their ids.
        self._pids = arrays.get("pid", np.empty(0, np.int64))
        self._titles = (
            TextColumn(arrays["playlist_title_offsets"], arrays["playlist_title_bytes"]) if len(self._pids) else None
        )

    @property
    def tasks(self) -> frozenset[str]:
        """What it can answer: it ranks for these."""
        return frozenset(self._answerers)

    def song(self, track: str | tuple[str, str]) -> int | None:
        """A song by any of its URIs, or by title and artist."""
        if isinstance(track, str):
            row = self._texts["known_uri"].find(_LINK.sub(r"spotify:track:\1", track))
            return None if row is None else int(self._song_of_uri[row])
        return self._texts["song_key"].find(song_key(track[0], track[1], "canonical") or "")

    def artist(self, track: str | tuple[str, str]) -> int | None:
        """The artist of a song that need not be known itself, by name."""
        if isinstance(track, str):
            song = self.song(track)
            return None if song is None else int(self.index.artist_of[song])
        key = song_key(track[0], track[1], "canonical") or ""
        return self._texts["artist_key"].find(key.rpartition("\t")[2])

    def playlist(self, pid: int) -> tuple[list[str], str] | None:
        """URIs, in order, and title of a playlist that the models were fitted on; None for any other."""
        row = int(np.searchsorted(self._pids, pid))
        if self._titles is None or row == len(self._pids) or self._pids[row] != pid:
            return None
        songs = self.index.playlist_songs[self.index.playlist_ptr[row] : self.index.playlist_ptr[row + 1]]
        return [self.uri(int(song)) for song in songs if song < self.index.n_songs], self._titles[row]

    def uri(self, song: int) -> str:
        """The most common URI of a song."""
        return self._texts["song_uri"][song]

    def text(self, song: int) -> tuple[str, str]:
        """Title and artist of a song."""
        return self._texts["song_title"][song], self._texts["song_artist"][song]

    def key_of(self, song: int) -> str:
        """The canonical key of a song, which lasts from model to model."""
        return self._texts["song_key"][song]

    def title_of(self, uri: str) -> str:
        """Title of the song of a URI; "" where there is none."""
        song = self.song(uri) if uri else None
        return "" if song is None else self.text(song)[0]

    def by_popularity(self) -> list[int]:
        """All songs that some playlist holds, the most popular first."""
        order = np.argsort(-self.index.popularity, kind="stable")
        return order[self.index.popularity[order] > 0].tolist()

    def neighbours(self, song: int, n: int) -> list[Named]:
        """Songs that stand near a song, the nearest first."""
        part = slice(self.index.near_ptr[song], self.index.near_ptr[song + 1])
        index, own = self.index, self.uri(song)
        rows = zip(index.near_songs[part][:n], index.near_weights[part][:n], index.near_counts[part][:n], strict=True)
        return [
            Named(self.uri(int(other)), *self.text(int(other)), float(weight), Reason("together", own, int(count)))
            for other, weight, count in rows
        ]

    def answer(self, task: str, wish: Wish) -> tuple[list[bool], list[Named]]:
        """Which of the tracks are known, and the songs named, best first or as they flow."""
        found = [self.song(track) for track in wish.tracks]
        once = _last_places(found, wish.tracks)
        artists = [self.artist(wish.tracks[place]) for place in once]
        beyond, beyond_artists = self.index.n_songs, self.index.n_artists
        songs = np.array([beyond if found[place] is None else found[place] for place in once], np.int64)
        query = Query(songs, np.array([beyond_artists if a is None else a for a in artists], np.int64), wish.title)
        candidates, scores = self._answerers[task].ranked(query)
        asked = wish.odds or wish.threshold is not None
        odds = self._answerers[task].probabilities(candidates) if asked else None
        barred = [song for song in map(self.song, wish.exclude) if song is not None]
        barred += [song for song in found if song is not None]
        kept = ~(np.isin(candidates.songs, barred) | self._imitation[candidates.songs])
        ids, scores = candidates.songs[kept], _standard(scores[kept])
        if wish.popularity:
            scores = scores + np.float32(wish.popularity) * _standard(self.index.popularity[ids])
        order = np.lexsort((ids, -scores))
        if odds is not None and wish.threshold is not None:
            order = order[odds[kept][order] >= wish.threshold]
            draw = np.array([_noise(wish.fresh or 0, self.uri(song)) for song in ids[order].tolist()])
            order = order[np.lexsort((ids[order], -draw))] if len(order) else order
        elif wish.fresh is not None:
            first = order[: FRESH_OF * wish.n]
            noise = np.array([_noise(wish.fresh, self.uri(song)) for song in ids[first].tolist()])
            order = np.concatenate([first[np.lexsort((ids[first], -(scores[first] + noise)))], order[len(first) :]])
        best: Iterable[int] = ids[order].tolist()
        if wish.max_per_artist:
            artists_of = self.index.artist_of[ids[order]].tolist()
            best = in_turns(zip(best, artists_of, strict=True), wish.max_per_artist, fills=True)
        chosen = list(islice(best, wish.n))
        score_of = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        known = [song for song in found if song is not None]
        if wish.flow:
            chosen = self._flowing(chosen, known[-1] if known else None)
        odds_of = {} if odds is None else dict(zip(candidates.songs.tolist(), odds.tolist(), strict=True))
        named = [Named(self.uri(s), *self.text(s), score_of[s], self._reason(s, known), odds_of.get(s)) for s in chosen]
        return [song is not None for song in found], named

    def _flowing(self, chosen: list[int], last: int | None) -> list[int]:
        """The same songs, each followed by the one that stands nearest to it in playlists."""
        left, ordered = list(chosen), list[int]()
        while left:
            near: list[int] = []
            if last is not None:
                near = self.index.near_songs[self.index.near_ptr[last] : self.index.near_ptr[last + 1]].tolist()
            following = next((song for song in near if song in left), left[0])
            left.remove(following)
            ordered.append(following)
            last = following
        return ordered

    def _reason(self, song: int, known: list[int]) -> Reason:
        index = self.index
        if known:
            part = slice(index.next_ptr[known[-1]], index.next_ptr[known[-1] + 1])
            place = np.flatnonzero(index.next_songs[part] == song)
            if len(place):
                return Reason("follows", self.uri(known[-1]), int(index.next_counts[part][place[0]]))
        seeds = np.array(known[-50:], np.int64)
        if len(seeds):
            entries, owner = rows_of(index.posting_ptr, seeds)
            own = index.posting_playlists[index.posting_ptr[song] : index.posting_ptr[song + 1]]
            shared = np.isin(index.posting_playlists[entries], own)
            if shared.any():
                most = int(np.bincount(owner[shared]).argmax())
                playlists = len(np.unique(index.posting_playlists[entries][shared]))
                return Reason("together", self.uri(int(seeds[most])), playlists)
            same = seeds[index.artist_of[seeds] == index.artist_of[song]]
            if len(same):
                return Reason("artist", self.uri(int(same[-1])))
            return Reason("similar", self.uri(int(seeds[-1])))
        return Reason("filler")


def _last_places(found: Sequence[int | None], tracks: Sequence[str | tuple[str, str]]) -> list[int]:
    """Places of the distinct songs, in order: one sent twice, in whatever version, stands where it was last."""
    last: dict[int | str | tuple[str, str], int] = {}
    for place, (song, track) in enumerate(zip(found, tracks, strict=True)):
        last[track if song is None else song] = place
    return sorted(last.values())


def _standard(values: np.ndarray) -> np.ndarray:
    """Values with mean 0 and deviation 1."""
    values = values.astype(np.float32)
    return (values - values.mean()) / max(float(values.std()), 1e-9) if len(values) else values


def _noise(fresh: int, uri: str) -> float:
    """A draw of Gumbel's distribution for a song, by the seed and the song's own URI; scaled to half a deviation."""
    bits = int.from_bytes(blake2b(f"{fresh} {uri}".encode(), digest_size=8).digest(), "little")
    return -0.5 * math.log(-math.log((bits + 0.5) * 2.0**-64))
