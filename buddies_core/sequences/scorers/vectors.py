"""What factor models say: the playlist folded into ALS, of songs and of artists, and the mean of skip-gram vectors."""

from collections.abc import Mapping

import numpy as np

from buddies_core.sequences.index import SequenceIndex
from buddies_core.sequences.scorers.scorer import Found, Shown

COMMON = 10_000
"""Songs, the most popular, among which a factor model is asked for candidates of its own."""
_ARTISTS, _OF_AN_ARTIST = 60, 8
_LAST, _FALL = 5, 0.8
"""Songs at the end that the skip-gram goes by, and what each step back is worth."""


class Vectors:
    """By vectors of the playlist: products with those of songs and artists, 0 where nothing points to a vector."""

    def __init__(self, index: SequenceIndex, per_scorer: int, word_idf: np.ndarray) -> None:
        self._index, self._per_scorer, self._word_idf = index, per_scorer, word_idf
        common = np.argsort(-index.popularity, kind="stable")[:COMMON]
        self._common = common[index.popularity[common] > 1]
        self._common_factors = np.ascontiguousarray(index.song_factors[self._common])
        self._common_wide = np.ascontiguousarray(index.wide_factors[self._common])
        self._of: Mapping[str, np.ndarray] = {}

    def propose(self, shown: Shown) -> list[np.ndarray]:
        """The best of the common songs by each vector of ALS, and songs of the best artists."""
        self._of = self._vectors(shown)
        pools: list[np.ndarray] = []
        if len(self._common):
            most = min(self._per_scorer, len(self._common) - 1)
            for factors, names in (
                (self._common_factors, ("als_recent", "als_all", "title_als")),
                (self._common_wide, ("wide_all", "wide_recent")),
            ):
                own = [self._of[name] for name in names if name in self._of]
                columns = np.ascontiguousarray((factors @ np.column_stack(own)).T) if own else ()
                pools += [self._common[np.argpartition(-column, most)[: self._per_scorer]] for column in columns]
        if "artist_als" in self._of:
            scores = self._index.artist_factors @ self._of["artist_als"]
            best = np.argpartition(-scores, min(_ARTISTS, len(scores) - 1))[:_ARTISTS]
            pools.append(self._index.top_songs(best, _OF_AN_ARTIST))
        return pools

    def _vectors(self, shown: Shown) -> dict[str, np.ndarray]:
        """Vectors of the playlist by the feature that they make; those that nothing points to are missing."""
        index, songs, words = self._index, shown.known, shown.words
        vectors = {}
        heard, named = index.song_factors[songs], index.word_factors[words]
        if len(songs):
            even = np.ones(len(songs), np.float32)
            newer = shown.recent * (len(songs) / max(shown.recent.sum(), 1e-9)) ** 0.5
            vectors["als_recent"] = _folded(heard, newer, index.gram, index.alphas[0])
            wide = index.wide_factors[songs]
            vectors["wide_all"] = _folded(wide, even, index.wide_gram, index.alphas[1])
            vectors["wide_recent"] = _folded(wide, newer, index.wide_gram, index.alphas[1])
            last = songs[-_LAST:]
            fall = _FALL ** np.arange(len(last) - 1, -1, -1)
            vectors["skip_gram"] = np.average(index.inputs[last], axis=0, weights=fall).astype(np.float32)
            vectors["skip_all"] = index.inputs[songs].mean(0)
        if len(songs) or len(words):
            both = np.concatenate([heard, named])
            vectors["als_all"] = _folded(both, np.ones(len(both), np.float32), index.gram, index.alphas[0])
        if len(words):
            vectors["title_als"] = _folded(named, self._word_idf[words] / 4, index.gram, index.alphas[0])
        if len(shown.singers):
            singers = index.artist_factors[np.unique(shown.singers)]
            even = np.ones(len(singers), np.float32)
            vectors["artist_als"] = _folded(singers, even, index.artist_gram, index.alphas[2])
        return vectors

    def scores(self, found: Found) -> dict[str, np.ndarray]:
        """Products of vectors, by feature."""
        index = self._index
        rows = {
            **dict.fromkeys(("als_recent", "als_all", "title_als"), index.song_factors[found.songs]),
            **dict.fromkeys(("wide_all", "wide_recent"), index.wide_factors[found.songs]),
            **dict.fromkeys(("skip_gram", "skip_all"), index.outputs[found.songs]),
            "artist_als": index.artist_factors[found.artist],
        }
        nothing = np.zeros(len(found.songs), np.float32)
        said = {name: factors @ self._of[name] if name in self._of else nothing for name, factors in rows.items()}
        return said | {"artist_als_share": said["artist_als"] * found.share}

    def clear(self) -> None:
        """Forget the playlist."""
        self._of = {}


def _folded(factors: np.ndarray, weights: np.ndarray, gram: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The factor of a playlist that holds these rows: one weighted least-squares system."""
    weighted = factors * (alpha * weights)[:, None]
    return np.linalg.solve(gram + weighted.T @ factors, weighted.sum(0)).astype(np.float32)
