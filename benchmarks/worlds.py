"""Two worlds whose answer is known, to tune and judge ranking on: likes made of song overlap, and likes made of taste.

Songs belong to genres, users and playlists to mixtures of genres; libraries are drawn from the mixtures. In the
`overlap` world likes are the product's own labels (1.5 % of the pairs of highest score). In the `noisy` world a user
likes as many playlists, but by taste, the playlist's quality and chance; the overlap only suggests the taste.
Everything after the likes (cold users, splits, ownership, blocks, batches) is the product's own code.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from buddies_assets.sources.entp import read_triplets
from buddies_assets.sources.mpd import find_slices, read_slices
from buddies_assets.sources.msd import read_songs
from buddies_assets.sources.synthetic.world import SyntheticWorld
from buddies_assets.systems.playlists.ownership import Ownership, assign_owners
from buddies_assets.systems.playlists.scoring.exploration import exploration_coefficients
from buddies_assets.systems.playlists.scoring.playlist_index import index_playlists
from buddies_assets.systems.playlists.scoring.score import ScoreShard, score_shard
from buddies_assets.systems.playlists.user_blocks import user_blocks
from buddies_core.evaluation.sampled_negatives import evaluation_batches
from buddies_core.evaluation.splitting import TEST, TRAIN, VALIDATION, cold_users, split_likes
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.interactions.song_index import song_index
from buddies_core.kernels.drawing import Catalogue
from buddies_core.recommenders.bpr.data import Blocks, EvaluationCases, TrainingData
from buddies_core.recommenders.fold_in import select
from buddies_core.settings import Settings

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_GENRES = 48
_STRAY = 0.15
_CHUNK = 1 << 18
_TASTE, _QUALITY = 9.0, 0.7

SMALL_OVERLAP = (5_000, 8_000, 4_000)
"""Users, playlists and songs of the overlap world that trainings are compared on."""


@dataclass(frozen=True)
class World:
    """A data set with everything that evaluation asks for. `likes` are all splits of users who are not cold."""

    name: str
    user_songs: Library
    playlist_songs: Library
    likes: Library
    train: Library
    test: Library
    cold: np.ndarray
    cold_likes: Library
    ownership: Ownership
    data: TrainingData
    test_cases: EvaluationCases


def overlap_world(n_users: int, n_playlists: int, n_songs: int, *, seed: int = 1) -> World:
    """World whose likes are the product's labels."""
    users, playlists, _, _ = _libraries(n_users, n_playlists, n_songs, seed)
    return world_of("overlap", users, playlists, seed=seed)


def noisy_world(n_users: int, n_playlists: int, n_songs: int, *, seed: int = 1) -> World:
    """World whose likes come from taste, quality and chance."""
    users, playlists, tastes, styles = _libraries(n_users, n_playlists, n_songs, seed)
    scores = _scores(users, playlists, seed)
    generator = np.random.default_rng(seed + 1)
    quality = generator.standard_normal(n_playlists) * _QUALITY
    counts = np.diff(scores.liked_offsets)
    rows, columns = [], []
    for user in range(n_users):
        wish = _TASTE * (styles @ tastes[user]) + quality + generator.gumbel(size=n_playlists)
        liked = np.argpartition(-wish, counts[user])[: counts[user]]
        rows.append(np.full(counts[user], user))
        columns.append(liked)
    likes = Library.from_pairs(np.concatenate(rows), np.concatenate(columns), n_users, n_playlists)
    return _world("noisy", users, playlists, scores, likes, np.ones(len(likes.indices), np.float32), seed)


def synthetic_world(n_users: int, n_playlists: int, *, seed: int = 1) -> World:
    """The product's own synthetic sample, labelled as the product does; no files are written."""
    sample = SyntheticWorld(n_users, n_playlists, seed)
    n_songs = int(sample.shared_of_work.max()) + 1
    users, playlists = sample.user_library(0, n_users), sample.playlist_library(0, n_playlists)
    return world_of(
        "synthetic",
        Library(users.offsets, users.values, n_songs),
        _not_empty(Library(playlists.offsets, playlists.values, n_songs)),
        seed=seed,
    )


def real_world(*, seed: int = 1) -> World:
    """The real files named by BUDDIES_MPD_DIR, BUDDIES_ENTP_FILE, BUDDIES_MSD_FILE (and its mismatches)."""
    settings = Settings()
    mpd, entp = Path(settings.mpd_dir or ""), Path(settings.entp_file or "")
    if not settings.sources_are_real:
        raise SystemExit("--scale real reads real files: set BUDDIES_MPD_DIR, BUDDIES_ENTP_FILE and BUDDIES_MSD_FILE")
    wrong = Path(settings.msd_mismatches_file) if settings.msd_mismatches_file else None
    tracks = pl.concat([group.tracks for group in read_slices(find_slices(mpd), strict=False)])
    plays = pl.concat([batch.plays for batch in read_triplets(entp, strict=False)])
    text = read_songs([Path(settings.msd_file or "")], wrong, strict=False).songs
    played = text.join(plays.select("song_id").unique(), on="song_id", how="semi")
    songs = song_index(tracks, played, plays["song_id"].unique(), "canonical").songs
    users = _joined(plays, "user_id", songs, "song_id", "song_ids")
    return world_of("real", users, _joined(tracks, "pid", songs, "track_uri", "track_uris"), seed=seed)


def _joined(rows: pl.DataFrame, key: str, songs: pl.DataFrame, column: str, lists: str) -> Library:
    """Rows that hold a shared song, as a library."""
    song_of = songs.select("song", pl.col(lists).alias(column)).explode(column)
    pairs = rows.join(song_of, on=column).select(pl.col(key).rank("dense").cast(pl.Int64) - 1, "song")
    n_rows = pairs[key].n_unique()
    return Library.from_pairs(pairs[key].to_numpy(), pairs["song"].to_numpy(), n_rows, songs.height)


def _not_empty(library: Library) -> Library:
    return select(library, np.flatnonzero(library.lengths > 0))


def world_of(name: str, users: Library, playlists: Library, *, seed: int = 1) -> World:
    """World of given libraries, labelled as the product does."""
    scores = _scores(users, playlists, seed)
    rows = np.repeat(np.arange(users.n_rows), np.diff(scores.liked_offsets))
    order = np.lexsort((scores.liked_playlists, rows))
    likes = Library.from_pairs(rows, scores.liked_playlists, users.n_rows, playlists.n_rows)
    return _world(name, users, playlists, scores, likes, scores.liked_scores[order], seed)


def _scores(users: Library, playlists: Library, seed: int) -> ScoreShard:
    keys = np.arange(users.n_rows, dtype=np.uint64)
    index = index_playlists(playlists, np.arange(playlists.n_rows), playlists.lengths)
    coefficients = exploration_coefficients(keys, seed)
    return score_shard(users, index, coefficients, 0, users.n_rows, keys=keys, songs=users.lengths, seed=seed)


def _world(
    name: str, users: Library, playlists: Library, scores: ScoreShard, liked: Library, values: np.ndarray, seed: int
) -> World:
    n_users, n_playlists = liked.n_rows, liked.n_columns
    # A world is given as matrices, without ids: its rows are all there is to know users and playlists by.
    everyone, catalogue = np.arange(n_users), Catalogue.of(np.arange(n_playlists))
    cold = cold_users(everyone, seed)
    split = split_likes(everyone, liked.indptr, liked.indices, seed)
    owner_of = np.repeat(everyone, liked.lengths)
    known = ~cold[owner_of]

    def part(mask: np.ndarray) -> Library:
        return Library.from_pairs(owner_of[mask], liked.indices[mask], n_users, n_playlists)

    likes, train = part(known), part(known & (split == TRAIN))
    validation, test = part(known & (split == VALIDATION)), part(known & (split == TEST))
    kept = known & (split == TRAIN)
    pairs = (owner_of[kept].astype(np.uint32), liked.indices[kept], values[kept])
    ownership = assign_owners(lambda: [pairs], users.lengths, n_playlists)
    hard, easy = (
        _without(Library(offsets, pool, n_playlists), likes)
        for offsets, pool in ((scores.hard_offsets, scores.hard), (scores.easy_offsets, scores.easy))
    )
    excluded = _ragged(likes)
    drawn = user_blocks(
        everyone,
        _ragged(train),
        _ragged(hard),
        _ragged(easy),
        excluded,
        keys=everyone,
        catalogue=catalogue,
        seed=seed,
    )
    cases = [
        EvaluationCases(found.user, found.positive, found.negatives)
        for found in (
            evaluation_batches(everyone, _ragged(held), excluded, keys=everyone, catalogue=catalogue, seed=seed)
            for held in (validation, test)
        )
    ]
    data = TrainingData.from_blocks(
        Blocks(drawn.user, drawn.positive, drawn.negatives),
        n_users=n_users,
        n_playlists=n_playlists,
        validation=cases[0],
        hard=hard,
        easy=easy,
        fingerprint=f"{name}-{n_users}-{n_playlists}-{seed}",
        user_songs=users,
    )
    return World(name, users, playlists, likes, train, test, cold, part(~known), ownership, data, cases[1])


def likes_matrix(likes: Library) -> "csr_matrix":
    """Likes as the sparse matrix of ones that other libraries take."""
    from scipy.sparse import csr_matrix

    ones = np.ones(len(likes.indices), np.float32)
    return csr_matrix((ones, likes.indices.astype(np.int32), likes.indptr), (likes.n_rows, likes.n_columns))


def _ragged(library: Library) -> Ragged:
    return Ragged(library.indptr, library.indices)


def _without(pool: Library, likes: Library) -> Library:
    """The pool less each user's likes: in the noisy world the scores do not know them."""

    def packed(library: Library) -> np.ndarray:
        rows = np.repeat(np.arange(library.n_rows, dtype=np.uint64), library.lengths)
        return rows << np.uint64(32) | library.indices

    kept = np.setdiff1d(packed(pool), packed(likes))
    return Library.from_pairs(kept >> np.uint64(32), kept & np.uint64(0xFFFFFFFF), pool.n_rows, pool.n_columns)


def _libraries(n_users: int, n_playlists: int, n_songs: int, seed: int):
    generator = np.random.default_rng(seed)
    popularity = (np.arange(n_songs) + 20.0) ** -0.75
    generator.shuffle(popularity)
    genre = generator.integers(0, _GENRES, n_songs)
    tastes = generator.dirichlet(np.full(_GENRES, 0.06), n_users)
    styles = generator.dirichlet(np.full(_GENRES, 0.03), n_playlists)
    user_lengths = np.clip(np.rint(27 * np.exp(generator.standard_normal(n_users))), 7, n_songs // 8).astype(int)
    playlist_lengths = np.clip(np.rint(20 * np.exp(0.95 * generator.standard_normal(n_playlists))), 1, 250).astype(int)
    users = _drawn(generator, tastes, user_lengths, popularity, genre)
    playlists = _drawn(generator, styles, playlist_lengths, popularity, genre)
    norm = np.linalg.norm
    return users, playlists, tastes / norm(tastes, axis=1)[:, None], styles / norm(styles, axis=1)[:, None]


def _drawn(generator, mixtures: np.ndarray, lengths: np.ndarray, popularity: np.ndarray, genre: np.ndarray) -> Library:
    rows = np.repeat(np.arange(len(lengths)), lengths)
    cumulative = mixtures.cumsum(axis=1)
    chosen = np.empty(len(rows), np.int64)
    for first in range(0, len(rows), _CHUNK):
        part = rows[first : first + _CHUNK]
        dice = generator.random(len(part))[:, None]
        chosen[first : first + _CHUNK] = (dice > cumulative[part]).sum(axis=1).clip(max=_GENRES - 1)
    chosen[generator.random(len(rows)) < _STRAY] = -1
    songs = np.empty(len(rows), np.int64)
    for g in range(-1, _GENRES):
        members = np.flatnonzero(genre == g) if g >= 0 else np.arange(len(genre))
        here = np.flatnonzero(chosen == g)
        weights = popularity[members] / popularity[members].sum()
        songs[here] = generator.choice(members, len(here), p=weights)
    return Library.from_pairs(rows, songs, len(lengths), len(genre))
