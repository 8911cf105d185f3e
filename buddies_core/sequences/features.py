"""Candidates for a playlist as it stands, and what every scorer says of each: the input of the rankers.

Every scorer is cheap and looks only at rows that the playlist's songs, artists or title point to. A scorer adds up its
weights in a table with one number a song, of which only the places touched are read and cleared: a request costs what
it looks at, not the size of the vocabulary. Candidates are the union of what each scorer puts first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from buddies_core.sequences.index import SequenceIndex, rows_of
from buddies_core.sequences.titles import plain_words, title_hashes, word_hash

RECENT = 10.0
"""Steps back after which a song of the playlist counts 1/e, for scorers that go by what came last."""
REACH = 15.0
"""Steps from the match after which a song of a like playlist counts 1/e."""
LOOKED_BACK, LOOKED_AT = 60, 500
"""Songs at the end of a playlist that the scorers by recency see, and that any scorer sees."""
LIKE_PLAYLISTS = 500
PER_ARTIST, ARTISTS = 60, 60
RIDGE_PLAYLISTS, RIDGE = 128, 100.0
COMMON = 30_000
"""Songs, the most popular, among which a factor model is asked for candidates of its own."""

SCORES = (
    "near_recent", "near_all", "next_last", "next_last_count", "stan", "knn", "als_recent", "als_all",
    "artist_next", "artist_near", "artist_with", "artist_near_share", "artist_with_share", "skip_gram",
    "title_knn", "title_als", "title_artist", "near_last", "knn_count", "ridge", "near_songs",
    "wide_recent", "wide_all", "forward", "near_best", "artist_als", "artist_als_share", "artist_knn", "skip_all",
    "named_song", "artist_next_share",
)  # fmt: skip
"""What scorers say of a song; each enters as it is and divided by the greatest of the request."""
OWN = (
    "log_popularity", "log_artist", "log_share", "artist_is_last", "artist_is_second", "artist_recent", "artist_all",
    "log_place_in_artist", "named_artist", "after_in_artists", "after_in_titles", "step_in_artists", "step_in_titles",
)  # fmt: skip
WHOLE = (
    "log_length", "known", "mean_log_popularity", "run_of_artist", "repeats_of_artist", "artists_a_song",
    "title_playlists", "best_knn", "best_near", "sorted_by_artist", "sorted_by_title",
)  # fmt: skip
FEATURES = (*SCORES, *(f"{name}_relative" for name in SCORES), *OWN, *WHOLE)


@dataclass(frozen=True)
class Query:
    """A playlist as it stands.

    Attributes:
        songs, artists: int arrays of one length, in order; ids behind the vocabulary are unknown.
        title: "" where there is none.
    """

    songs: np.ndarray
    artists: np.ndarray
    title: str = ""


@dataclass(frozen=True)
class Candidates:
    """Songs that could follow, none of them in the playlist.

    Attributes:
        songs: int64 [n], ascending.
        features: float32 [n, len(FEATURES)].
    """

    songs: np.ndarray
    features: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """One feature of all candidates."""
        return self.features[:, FEATURES.index(name)]


class _Table:
    """Sums by item, of which only what was touched is read and cleared."""

    def __init__(self, n: int) -> None:
        self.values = np.zeros(n, np.float32)
        self._touched: list[np.ndarray] = []

    def add(self, items: np.ndarray, weights: np.ndarray) -> None:
        np.add.at(self.values, items, weights.astype(np.float32, copy=False))
        self._touched.append(items)

    def touched(self) -> np.ndarray:
        """Distinct items with a sum, ascending."""
        if not self._touched:
            return np.empty(0, np.int32)
        items = np.sort(np.concatenate(self._touched))
        return items[np.append(True, items[1:] != items[:-1])] if len(items) else items

    def best(self, most: int) -> np.ndarray:
        """The `most` items of greatest sums, in no order."""
        items = self.touched()
        if len(items) <= most:
            return items
        return items[np.argpartition(-self.values[items], most)[:most]]

    def clear(self) -> None:
        for items in self._touched:
            self.values[items] = 0
        self._touched = []


class Featuriser:
    """Makes candidates and their features from an index; keeps tables between requests, so one thread at a time.

    Args:
        index: what was fitted.
        per_scorer: candidates that each scorer names.
    """

    def __init__(self, index: SequenceIndex, per_scorer: int = 300) -> None:
        self.index = index
        self._per_scorer = per_scorer
        n, artists = index.n_songs, index.n_artists
        self._songs = {
            name: _Table(n)
            for name in (
                "near_recent",
                "near_all",
                "stan",
                "knn",
                "title_knn",
                "knn_count",
                "ridge",
                "near_songs",
                "forward",
                "artist_knn",
                "named",
            )
        }
        self._artists = {
            name: _Table(artists) for name in ("next", "near", "with", "recent", "all", "title_artist", "named")
        }
        self._playlists = {name: _Table(index.n_playlists) for name in ("recent", "all", "title", "artist")}
        self._match = np.zeros(index.n_playlists, np.int32)
        self._last_value, self._last_count = np.zeros(n, np.float32), np.zeros(n, np.float32)
        self._near_last = np.zeros(n, np.float32)
        self._near_best = np.zeros(n, np.float32)
        self._idf = np.log(index.n_playlists / np.maximum(index.popularity, 1)).astype(np.float32) + np.float32(0.1)
        self._log_popularity = np.log1p(index.popularity).astype(np.float32)
        rows = np.bincount(index.artist_of, weights=index.popularity, minlength=artists)
        self._artist_rows = np.maximum(rows, 1).astype(np.float32)
        self._share = index.popularity / self._artist_rows[index.artist_of]
        place = np.zeros(n, np.float32)
        place[index.artist_songs] = np.arange(len(index.artist_songs)) - np.repeat(
            index.artist_ptr[:-1], np.diff(index.artist_ptr)
        )
        self._place = np.log1p(place)
        self._lengths = np.diff(index.playlist_ptr).astype(np.float32)
        common = np.argsort(-index.popularity, kind="stable")[:COMMON]
        self._common = common[index.popularity[common] > 1]
        self._common_factors = np.ascontiguousarray(index.song_factors[self._common])
        self._common_wide = np.ascontiguousarray(index.wide_factors[self._common])
        self._popular = common[: self._per_scorer]
        holders = np.maximum(np.diff(index.artist_posting_ptr), 1)
        self._artist_idf = np.log(max(index.n_playlists, 2) / holders).astype(np.float32) + np.float32(0.1)
        self._word_idf = np.log(max(index.n_playlists, 2) / np.maximum(np.diff(index.word_ptr), 1)).astype(np.float32)

    def candidates(self, query: Query) -> Candidates:
        """What could follow a playlist, with features."""
        index = self.index
        songs, artists = query.songs[-LOOKED_AT:], query.artists[-LOOKED_AT:]
        age = np.arange(len(songs) - 1, -1, -1)
        known = songs < index.n_songs
        known_songs, known_age = songs[known].astype(np.int64), age[known]
        recent = np.exp(-known_age / RECENT).astype(np.float32)
        pools = [self._popular]
        pools += self._near(known_songs, known_age, recent)
        pools += self._playlists_like(known_songs, recent)
        words = self._title(query.title)
        pools += words[1]
        pools += self._named(query.title)
        pools += self._by_artist(artists, age)
        vectors = self._vectors(known_songs, recent, words[0], artists)
        pools += self._by_vectors(vectors)
        found = np.unique(np.concatenate(pools).astype(np.int64))
        found = found[~np.isin(found, known_songs)]
        found = found[index.popularity[found] > 0]
        features = self._features(found, known_songs, songs, artists, vectors)
        self._clear()
        return Candidates(found, features)

    def _near(self, songs: np.ndarray, age: np.ndarray, recent: np.ndarray) -> list[np.ndarray]:
        index = self.index
        pools: list[np.ndarray] = []
        if not len(songs):
            return pools
        entries, owner = rows_of(index.near_ptr, songs)
        items, weights = index.near_songs[entries], index.near_weights[entries]
        self._songs["near_recent"].add(items, weights * recent[owner])
        self._songs["near_all"].add(items, weights)
        self._songs["near_songs"].add(items, np.ones(len(items), np.float32))
        np.maximum.at(self._near_best, items, weights)
        self._near_items = items
        late = songs[-3:]
        steps, turn = rows_of(index.forward_ptr, late)
        fall = np.float32(0.6) ** np.arange(len(late) - 1, -1, -1, dtype=np.float32)
        self._songs["forward"].add(index.forward_songs[steps], index.forward_weights[steps] * fall[turn])
        pools += [self._songs[name].best(self._per_scorer) for name in ("near_recent", "near_all", "forward")]
        if age[-1] == 0:
            last = slice(index.next_ptr[songs[-1]], index.next_ptr[songs[-1] + 1])
            self._last = index.next_songs[last]
            self._last_value[self._last] = index.next_weights[last]
            self._last_count[self._last] = index.next_counts[last]
            pools.append(self._last)
            close = slice(index.near_ptr[songs[-1]], index.near_ptr[songs[-1] + 1])
            self._close = index.near_songs[close]
            self._near_last[self._close] = index.near_weights[close]
            pools.append(self._close[: self._per_scorer])
        return pools

    def _playlists_like(self, songs: np.ndarray, recent: np.ndarray) -> list[np.ndarray]:
        """Songs of the playlists that share most with this one: near the match, and anywhere."""
        index = self.index
        if not len(songs):
            return []
        entries, owner = rows_of(index.posting_ptr, songs)
        playlists, idf = index.posting_playlists[entries], self._idf[songs][owner]
        self._match[playlists] = index.posting_places[entries]
        norm = 1 / np.sqrt(self._lengths[playlists] + 10)
        for name, weights in (("recent", idf * recent[owner] * norm), ("all", idf * norm)):
            self._playlists[name].add(playlists, weights)
        best = self._playlists["recent"].best(LIKE_PLAYLISTS)
        rows, owner = rows_of(index.playlist_ptr, best)
        items = index.playlist_songs[rows]
        gap = rows - index.playlist_ptr[best][owner] - self._match[best][owner]
        weights = np.exp(-np.abs(gap) / REACH) * self._playlists["recent"].values[best][owner]
        known = items < index.n_songs
        self._songs["stan"].add(items[known], np.where(gap > 0, weights, 0.8 * weights)[known])
        best = self._playlists["all"].best(LIKE_PLAYLISTS)
        rows, owner = rows_of(index.playlist_ptr, best)
        items = index.playlist_songs[rows]
        known = items < index.n_songs
        self._songs["knn"].add(items[known], (self._playlists["all"].values[best] ** 1.5)[owner][known])
        self._songs["knn_count"].add(items[known], np.ones(int(known.sum()), np.float32))
        self._ridge(songs)
        return [self._songs[name].best(self._per_scorer) for name in ("stan", "knn", "ridge")]

    def _playlists_by_artists(self, ids: np.ndarray) -> list[np.ndarray]:
        """Songs of the playlists that share most artists with this one."""
        index = self.index
        entries, owner = rows_of(index.artist_posting_ptr, ids)
        playlists = index.artist_posting_playlists[entries]
        norm = 1 / np.sqrt(self._lengths[playlists] + 10)
        self._playlists["artist"].add(playlists, self._artist_idf[ids][owner] * norm)
        best = self._playlists["artist"].best(LIKE_PLAYLISTS // 2)
        rows, owner = rows_of(index.playlist_ptr, best)
        items = index.playlist_songs[rows]
        known = items < index.n_songs
        self._songs["artist_knn"].add(items[known], (self._playlists["artist"].values[best] ** 2)[owner][known])
        return [self._songs["artist_knn"].best(self._per_scorer)]

    def _named(self, title: str) -> list[np.ndarray]:
        """Artists that the title names, and songs whose own titles share its words."""
        index = self.index
        words = plain_words(title)
        phrases = [" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, min(i + 5, len(words) + 1))]
        artists = _found(index.artist_names, phrases)
        artists = index.artist_of_name[artists].astype(np.int64)
        self._artists["named"].add(artists, np.ones(len(artists), np.float32))
        places = _found(index.name_words, words)
        entries, owner = rows_of(index.name_ptr, places)
        rare = np.log1p(np.float32(index.n_songs)) - np.log1p(np.diff(index.name_ptr)[places]).astype(np.float32)
        self._songs["named"].add(index.name_songs[entries], rare[owner])
        return [self._top_songs(artists, 4 * PER_ARTIST), self._songs["named"].best(self._per_scorer)]

    def _by_vectors(self, vectors: tuple[Any, ...]) -> list[np.ndarray]:
        """The best of the common songs by each vector of ALS, and songs of the best artists."""
        pools: list[np.ndarray] = []
        own = [vector for vector in vectors[:3] if vector is not None]
        if len(self._common):
            most = min(self._per_scorer, len(self._common) - 1)
            scores = [self._common_factors @ np.column_stack(own)] if own else []
            if vectors[3] is not None:
                scores.append(self._common_wide @ np.column_stack(vectors[3:5]))
            columns = [column for matrix in scores for column in np.ascontiguousarray(matrix.T)]
            pools += [self._common[np.argpartition(-column, most)[: self._per_scorer]] for column in columns]
        if vectors[7] is not None:
            scores = self.index.artist_factors @ vectors[7]
            best = np.argpartition(-scores, min(ARTISTS, len(scores) - 1))[:ARTISTS]
            pools.append(self._top_songs(best, 8))
        return pools

    def _ridge(self, songs: np.ndarray) -> None:
        """Ridge regression on the most like playlists: EASE in its dual form, on what matters to this request."""
        index = self.index
        best = self._playlists["all"].best(RIDGE_PLAYLISTS)
        rows, owner = rows_of(index.playlist_ptr, best)
        items = index.playlist_songs[rows]
        rows, owner, items = rows[items < index.n_songs], owner[items < index.n_songs], items[items < index.n_songs]
        distinct, column, held = np.unique(items, return_inverse=True, return_counts=True)
        shared = held[column] > 1
        number = np.cumsum(held > 1) - 1
        matrix = np.zeros((len(best), int((held > 1).sum())), np.float32)
        matrix[owner[shared], number[column[shared]]] = 1
        gram = matrix @ matrix.T
        np.fill_diagonal(gram, self._lengths[best] + np.float32(RIDGE))
        overlap = np.bincount(owner, weights=np.isin(distinct, songs)[column], minlength=len(best))
        weights = np.linalg.solve(gram.astype(np.float64), overlap)
        self._songs["ridge"].add(items, weights[owner])

    def _title(self, title: str) -> tuple[np.ndarray, list[np.ndarray]]:
        """Words of the title that are known, and songs of the playlists that share them."""
        index = self.index
        hashes = title_hashes(title)
        place = np.searchsorted(index.words, hashes)
        fits = place < len(index.words)
        words = place[fits][index.words[place[fits]] == hashes[fits]]
        if not len(words):
            return words, []
        entries, owner = rows_of(index.word_ptr, words)
        self._playlists["title"].add(index.word_playlists[entries], self._word_idf[words][owner] ** 2)
        best = self._playlists["title"].best(LIKE_PLAYLISTS)
        rows, owner = rows_of(index.playlist_ptr, best)
        items = index.playlist_songs[rows]
        known = items < index.n_songs
        items = items[known]
        weights = (self._playlists["title"].values[best] ** 2 / np.sqrt(self._lengths[best] + 10))[owner][known]
        self._songs["title_knn"].add(items, weights)
        self._artists["title_artist"].add(index.artist_of[items], weights)
        artists = self._artists["title_artist"].best(ARTISTS)
        return words, [self._songs["title_knn"].best(2 * self._per_scorer), self._top_songs(artists, 10)]

    def _by_artist(self, artists: np.ndarray, age: np.ndarray) -> list[np.ndarray]:
        index = self.index
        known = artists < index.n_artists
        ids, recent = artists[known].astype(np.int64), np.exp(-age[known] / RECENT).astype(np.float32)
        if not len(ids):
            return []
        self._artists["recent"].add(ids, recent)
        self._artists["all"].add(ids, np.ones(len(ids), np.float32))
        for name, weights in (("near", recent), ("with", np.ones(len(ids), np.float32))):
            pointer = getattr(index, f"artist_{name}_ptr")
            entries, owner = rows_of(pointer, ids)
            found, value = (getattr(index, f"artist_{name}_{part}")[entries] for part in ("items", "weights"))
            self._artists[name].add(found, value * weights[owner])
        entries, _ = rows_of(index.artist_next_ptr, ids[-1:])
        self._artists["next"].add(index.artist_next_items[entries], index.artist_next_weights[entries])
        pools = [self._top_songs(self._artists[name].best(ARTISTS), 8) for name in ("next", "near", "with")]
        own = self._artists["recent"].best(ARTISTS)
        pools += self._playlists_by_artists(np.unique(ids[-LOOKED_BACK:]))
        return [*pools, self._top_songs(own, PER_ARTIST), self._top_songs(ids[-1:], 4 * PER_ARTIST)]

    def _top_songs(self, artists: np.ndarray, most: int) -> np.ndarray:
        pointer = self.index.artist_ptr
        entries, owner = rows_of(pointer, artists.astype(np.int64))
        place = entries - pointer[artists][owner]
        return self.index.artist_songs[entries[place < most]]

    def _vectors(
        self, songs: np.ndarray, recent: np.ndarray, words: np.ndarray, artists: np.ndarray
    ) -> tuple[np.ndarray | None, ...]:
        """Vectors of the playlist, None where nothing points to one.

        Of ALS by recency, by all songs and words, by the title; of the wide ALS by all songs, by recency; and of
        skip-gram, by the last songs.
        """
        index = self.index
        last, even = songs[-5:], np.ones(len(songs), np.float32)
        singers = index.artist_factors[np.unique(artists[artists < index.n_artists])]
        heard, wide = index.song_factors[songs], index.wide_factors[songs]
        both = np.concatenate([heard, index.word_factors[words]])
        shown = len(songs) > 0
        newer = recent * (len(recent) / max(recent.sum(), 1e-9)) ** 0.5
        fall = 0.8 ** np.arange(len(last) - 1, -1, -1)
        return (
            _folded(heard, newer, index.gram, index.alphas[0]) if shown else None,
            _folded(both, np.ones(len(both), np.float32), index.gram, index.alphas[0]) if len(both) else None,
            _folded(index.word_factors[words], self._word_idf[words] / 4, index.gram, index.alphas[0])
            if len(words)
            else None,
            _folded(wide, even, index.wide_gram, index.alphas[1]) if shown else None,
            _folded(wide, newer, index.wide_gram, index.alphas[1]) if shown else None,
            np.average(index.inputs[last], axis=0, weights=fall).astype(np.float32) if shown else None,
            index.inputs[songs].mean(0) if shown else None,
            _folded(singers, np.ones(len(singers), np.float32), index.artist_gram, index.alphas[2])
            if len(singers)
            else None,
        )

    def _features(
        self, found: np.ndarray, known: np.ndarray, songs: np.ndarray, artists: np.ndarray, vectors: tuple[Any, ...]
    ) -> np.ndarray:
        index, table, artist_table = self.index, self._songs, self._artists
        artist = index.artist_of[found]
        share = self._share[found].astype(np.float32)
        nothing = np.zeros(len(found), np.float32)
        factors = index.song_factors[found]
        als_recent, als_all, title_als = (nothing if vector is None else factors @ vector for vector in vectors[:3])
        wide = index.wide_factors[found]
        wide_all, wide_recent = (nothing if vector is None else wide @ vector for vector in vectors[3:5])
        skip_gram = nothing if vectors[5] is None else index.outputs[found] @ vectors[5]
        skip_all = nothing if vectors[6] is None else index.outputs[found] @ vectors[6]
        artist_als = nothing if vectors[7] is None else index.artist_factors[artist] @ vectors[7]
        artist_near, artist_with = (artist_table[name].values[artist] for name in ("near", "with"))
        scores = [
            table["near_recent"].values[found], table["near_all"].values[found], self._last_value[found],
            self._last_count[found], table["stan"].values[found], table["knn"].values[found], als_recent, als_all,
            artist_table["next"].values[artist], artist_near, artist_with, artist_near * share, artist_with * share,
            skip_gram, table["title_knn"].values[found], title_als, artist_table["title_artist"].values[artist],
            self._near_last[found], table["knn_count"].values[found], table["ridge"].values[found],
            table["near_songs"].values[found] / max(len(known), 1), wide_recent, wide_all,
            table["forward"].values[found], self._near_best[found], artist_als, artist_als * share,
            table["artist_knn"].values[found], skip_all, table["named"].values[found],
            artist_table["next"].values[artist] * share,
        ]  # fmt: skip
        relative = [score / max(float(score.max(initial=0)), 1e-9) for score in scores]
        own = [
            self._log_popularity[found], np.log1p(self._artist_rows[artist]), np.log(np.maximum(share, 1e-6)),
            (artist == artists[-1]).astype(np.float32) if len(artists) else nothing,
            (artist == artists[-2]).astype(np.float32) if len(artists) > 1 else nothing,
            artist_table["recent"].values[artist], artist_table["all"].values[artist] / max(len(artists), 1),
            self._place[found], artist_table["named"].values[artist], *self._sorted(found, known, artists),
        ]  # fmt: skip
        return np.column_stack([*scores, *relative, *own, *self._whole(found, known, songs, artists, scores)]).astype(
            np.float32
        )

    def _whole(self, found: Any, known: Any, songs: np.ndarray, artists: np.ndarray, scores: Any) -> list[np.ndarray]:
        run = 0
        while run < len(artists) and artists[-1 - run] == artists[-1]:
            run += 1
        repeats = float((artists[1:] == artists[:-1]).mean()) if len(artists) > 1 else 0.0
        whole = (
            np.log1p(len(songs)), len(known) / max(len(songs), 1),
            float(self._log_popularity[known].mean()) if len(known) else 0.0, run, repeats,
            len(np.unique(artists)) / max(len(artists), 1),
            np.log1p(len(np.unique(self._playlists["title"].touched()))),
            float(scores[5].max(initial=0)), float(scores[0].max(initial=0)),
            _direction(artists[artists < self.index.n_artists][-12:]), _direction(known[-12:]),
        )  # fmt: skip
        return [np.full(len(found), value, np.float32) for value in whole]

    def _sorted(self, found: np.ndarray, known: np.ndarray, artists: np.ndarray) -> list[np.ndarray]:
        """Where a song stands after the last one by the names of artists and of songs, by which some are sorted.

        Ids of a vocabulary ascend by name. A step is a share of all names, in the direction in which the playlist is
        sorted so far.
        """
        places = []
        last = artists[artists < self.index.n_artists][-12:]
        for ids, shown, of in (
            (self.index.artist_of[found], last, self.index.n_artists), (found, known[-12:], self.index.n_songs),
        ):  # fmt: skip
            trend = _direction(shown)
            step = (ids - (shown[-1] if len(shown) else ids)).astype(np.float32) / of * np.float32(np.sign(trend))
            places.append((np.sign(step) * np.float32(abs(trend)) ** 2, np.abs(step) * np.float32(trend**2)))
        return [places[0][0], places[1][0], places[0][1], places[1][1]]

    _near_items = np.empty(0, np.int32)
    _last = _close = np.empty(0, np.int32)

    def _clear(self) -> None:
        for tables in (self._songs, self._artists, self._playlists):
            for table in tables.values():
                table.clear()
        self._last_value[self._last] = 0
        self._last_count[self._last] = 0
        self._near_last[self._close] = 0
        self._near_best[self._near_items] = 0
        self._near_items = np.empty(0, np.int32)
        self._last = self._close = np.empty(0, np.int32)


def _direction(ids: np.ndarray) -> float:
    """How far ids ascend (1) or descend (-1) from one to the next; equal ones say nothing."""
    steps = np.sign(np.diff(ids.astype(np.int64)))
    moving = np.abs(steps).sum()
    return float(steps.sum() / moving) if moving > 1 else 0.0


def _found(hashes: np.ndarray, words: list[str]) -> np.ndarray:
    """Places, among ascending hashes, of those words that are there."""
    wanted = np.array([word_hash(word) for word in dict.fromkeys(words)], np.uint64)
    place = np.searchsorted(hashes, wanted)
    there = place < len(hashes)
    there[there] = hashes[place[there]] == wanted[there]
    return place[there]


def _folded(factors: np.ndarray, weights: np.ndarray, gram: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The factor of a playlist that holds these rows: one weighted least-squares system."""
    weighted = factors * (alpha * weights)[:, None]
    return np.linalg.solve(gram + weighted.T @ factors, weighted.sum(0)).astype(np.float32)
