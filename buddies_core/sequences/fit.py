"""Fitting everything of sequences at once: counts, factors and vectors of some playlists, as a `SequenceIndex`."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from buddies_core.interactions.csr import Library
from buddies_core.kernels.randomness import SHUFFLE, hash_pairs
from buddies_core.recommenders.als import als_factors
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.sequences.catalogue import Catalogue
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.index import SequenceIndex
from buddies_core.sequences.neighbours import Neighbours, Postings, near, postings
from buddies_core.sequences.skipgram import SkipGramConfig, train_skip_gram
from buddies_core.sequences.titles import title_hashes


class SequenceConfig(BaseModel):
    """Everything that decides a `SequenceIndex`, given the playlists; defaults were chosen on validation playlists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(default=20, ge=1, le=200, description="Steps within which two songs are near.")
    decay: float = Field(default=0.85, gt=0, le=1, description="Factor on a neighbour's weight for each step.")
    backward: float = Field(default=0.8, ge=0, le=1, description="Weight of what stands before, beside 1 after.")
    norm: float = Field(default=0.25, ge=0, le=1, description="Exponent of popularity on both sides of a pair.")
    most: int = Field(default=200, ge=1, description="Neighbours kept of a song.")
    most_postings: int = Field(default=2_000, ge=1, description="Playlists of a song that a request looks at.")
    factors: int = Field(default=64, ge=2, le=512, description="Columns of ALS.")
    alpha: float = Field(default=40.0, gt=0, description="Weight of a song in a playlist beyond another's 1, in ALS.")
    l2: float = Field(default=10.0, gt=0, description="Ridge of ALS.")
    wide_factors: int = Field(default=128, ge=2, le=512, description="Columns of the second ALS.")
    wide_alpha: float = Field(default=10.0, gt=0, description="Alpha of the second ALS.")
    iterations: int = Field(default=8, ge=1, le=50, description="Sweeps of ALS.")
    artist_factors: int = Field(default=64, ge=2, le=512, description="Columns of the ALS of artists.")
    artist_alpha: float = Field(default=20.0, gt=0, description="Alpha of the ALS of artists.")
    least_word: int = Field(default=2, ge=1, description="Titles that must hold a word for it to count.")
    skip_gram: SkipGramConfig = Field(default_factory=SkipGramConfig)
    seed: int = Field(default=20_250_514, ge=0)
    threads: int = Field(default=1, ge=1, description="Of ALS, which gives the same on any number.")


def fit_index(sequences: Sequences, catalogue: Catalogue, config: SequenceConfig) -> SequenceIndex:
    """Learn from playlists.

    Args:
        sequences: the playlists to learn from, and they alone.
        catalogue: artists and names of the songs of the vocabulary.
    """
    artist_of = catalogue.artist_of
    n, indptr, songs = sequences.n_known, sequences.indptr, sequences.songs
    n_artists, artists = sequences.n_known_artists, sequences.artists
    where = postings(indptr, songs, n)
    popularity = np.diff(where.indptr).astype(np.int32)
    close = near(
        indptr, songs, n, window=config.window, decay=config.decay, backward=config.backward, norm=config.norm,
        most=config.most,
    )  # fmt: skip
    following = near(indptr, songs, n, window=1, decay=1.0, backward=0.0, norm=0.25, most=config.most)
    forward = near(indptr, songs, n, window=3, decay=0.7, backward=0.0, norm=0.25, most=config.most)
    artist_next = near(indptr, artists, n_artists, window=1, decay=1.0, backward=0.0, norm=0.25, most=config.most)
    artist_near = near(indptr, artists, n_artists, window=8, decay=0.85, backward=0.8, norm=0.25, most=config.most)
    artist_with = near(indptr, artists, n_artists, window=60, decay=1.0, backward=1.0, norm=0.4, most=config.most)
    artist_ptr, artist_songs = _by_artist(artist_of, popularity, n_artists)
    words, word_ptr, word_playlists = _title_index(sequences.titles, config.least_word)
    song_factors, word_factors, gram = _factors(
        sequences, word_ptr, word_playlists, config, columns=config.factors, alpha=config.alpha
    )
    wide_factors, _, wide_gram = _factors(
        sequences, word_ptr[:1], word_playlists[:0], config, columns=config.wide_factors, alpha=config.wide_alpha
    )
    holder, held = _artists_in_playlists(sequences)
    artist_factors, artist_gram = _als(
        [(holder, held)], len(sequences), n_artists, config, columns=config.artist_factors, alpha=config.artist_alpha
    )
    order = np.argsort(held, kind="stable")
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(held, minlength=n_artists))])
    of_artists = _sampled(Postings(starts, holder[order], holder[order]), config.most_postings, config.seed)
    name_words, name_ptr, name_songs = catalogue.words_of_songs(popularity)
    by_name = np.argsort(catalogue.artist_names, kind="stable").astype(np.int32)
    vectors = train_skip_gram(indptr, songs, n, config.skip_gram)
    sampled = _sampled(where, config.most_postings, config.seed)
    return SequenceIndex(
        playlist_ptr=indptr,
        playlist_songs=songs.astype(np.int32),
        posting_ptr=sampled.indptr,
        posting_playlists=sampled.playlists,
        posting_places=sampled.places,
        popularity=popularity,
        artist_of=artist_of.astype(np.int32),
        artist_ptr=artist_ptr,
        artist_songs=artist_songs,
        **_named("near", close, "songs", counts=True),
        **_named("next", following, "songs", counts=True),
        **_named("artist_next", artist_next, "items"),
        **_named("artist_near", artist_near, "items"),
        **_named("artist_with", artist_with, "items"),
        song_factors=song_factors,
        gram=gram,
        wide_factors=wide_factors,
        wide_gram=wide_gram,
        alphas=np.array([config.alpha, config.wide_alpha, config.artist_alpha], np.float32),
        forward_ptr=forward.indptr,
        forward_songs=forward.items,
        forward_weights=forward.weights,
        artist_factors=artist_factors,
        artist_gram=artist_gram,
        artist_posting_ptr=of_artists.indptr,
        artist_posting_playlists=of_artists.playlists,
        inputs=vectors.inputs,
        outputs=vectors.outputs,
        words=words,
        word_ptr=word_ptr,
        word_playlists=word_playlists,
        word_factors=word_factors,
        name_words=name_words,
        name_ptr=name_ptr,
        name_songs=name_songs,
        artist_names=catalogue.artist_names[by_name],
        artist_of_name=by_name,
    )


def _named(name: str, found: Neighbours, items: str, *, counts: bool = False) -> dict[str, np.ndarray]:
    arrays = {f"{name}_ptr": found.indptr, f"{name}_{items}": found.items, f"{name}_weights": found.weights}
    return arrays | ({f"{name}_counts": found.counts} if counts else {})


def _by_artist(artist_of: np.ndarray, popularity: np.ndarray, n_artists: int) -> tuple[np.ndarray, np.ndarray]:
    """Songs of each artist that some playlist holds, the most popular first."""
    held = np.flatnonzero(popularity > 0)
    order = held[np.lexsort((held, -popularity[held], artist_of[held]))]
    starts = np.zeros(n_artists + 1, np.int64)
    np.cumsum(np.bincount(artist_of[held], minlength=n_artists), out=starts[1:])
    return starts, order.astype(np.int32)


def _title_index(titles: list[str], least: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hashes of the words that `least` titles hold, ascending, and the playlists of each as CSR."""
    found = [title_hashes(title) for title in titles]
    playlists = np.repeat(np.arange(len(found), dtype=np.int32), [len(one) for one in found])
    hashes = np.concatenate([*found, np.empty(0, np.uint64)])
    words, word, held = np.unique(hashes, return_inverse=True, return_counts=True)
    kept = held >= least
    number = np.cumsum(kept) - 1
    rows = kept[word]
    order = np.argsort(number[word[rows]], kind="stable")
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(held[kept])])
    return words[kept], starts, playlists[rows][order]


def _factors(
    sequences: Sequences,
    word_ptr: np.ndarray,
    word_playlists: np.ndarray,
    config: SequenceConfig,
    *,
    columns: int,
    alpha: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ALS of playlists by songs and title words together: a title alone then has a place among the songs."""
    n = sequences.n_known
    row = np.repeat(np.arange(len(sequences)), sequences.lengths)
    known = sequences.songs < n
    word = np.repeat(np.arange(len(word_ptr) - 1), np.diff(word_ptr))
    cells = [(row[known], sequences.songs[known]), (word_playlists, word + n)]
    found, gram = _als(cells, len(sequences), n + len(word_ptr) - 1, config, columns=columns, alpha=alpha)
    return found[:n].copy(), found[n:].copy(), gram


def _als(
    cells: list[tuple[np.ndarray, np.ndarray]],
    playlists: int,
    items: int,
    config: SequenceConfig,
    *,
    columns: int,
    alpha: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Factors of items by the playlists that hold them, and their Gram matrix with the ridge."""
    als = TrainingConfig(
        dimension=columns, als_alpha=alpha, als_l2=config.l2, als_iterations=config.iterations,
        threads=config.threads, seed=config.seed,
    )  # fmt: skip
    found = np.ascontiguousarray(als_factors(Library.from_parts(cells, playlists, items), als).playlists)
    return found, found.T @ found + np.float32(config.l2) * np.eye(columns, dtype=np.float32)


def _artists_in_playlists(sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """Playlist and artist of each distinct pair, by playlist; artists behind the vocabulary are left out."""
    row = np.repeat(np.arange(len(sequences), dtype=np.int64), sequences.lengths)
    known = sequences.artists < sequences.n_known_artists
    pairs = np.unique(row[known] << 32 | sequences.artists[known])
    return (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)


def _sampled(where: Postings, most: int, seed: int) -> Postings:
    """Postings of which no item has more than `most`: those of the smallest hash of (item, playlist)."""
    lengths = np.diff(where.indptr)
    if not len(lengths) or lengths.max() <= most:
        return where
    item = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((hash_pairs(seed, SHUFFLE, item, where.playlists), item))
    place = np.arange(len(item)) - np.repeat(where.indptr[:-1], lengths)
    kept = np.sort(order[place < most])
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.minimum(lengths, most))])
    return Postings(indptr, where.playlists[kept], where.places[kept])
