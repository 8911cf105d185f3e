"""The synthetic world: a catalogue of songs, and users and playlists of a few latent tastes who draw from it.

Nothing is stored but the catalogue: what a user plays and what a playlist holds is a function of (seed, index) and of
the size of the world, whatever block is asked for. It is calibrated to the published distributions of songs per user,
tracks per playlist, the popularity of the most played song, the share of playlists that hold a song of a user, and
the number of songs that both sources share under either key.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from buddies_assets.sources.synthetic import draws
from buddies_assets.sources.synthetic.draws import NICHES, TasteSampler, interpolated
from buddies_assets.sources.synthetic.loyalty import come_back
from buddies_assets.sources.synthetic.order import Discography, ordered_playlists
from buddies_core.interactions.ragged import Ragged
from buddies_core.kernels.distinct import distinct
from buddies_core.kernels.randomness import uniform

FULL_USERS, FULL_PLAYLISTS = 1_019_318, 1_000_000
FULL_TRACKS, FULL_SONGS, FULL_ARTISTS = 2_262_292, 384_546, 295_860

USER_SHARES = [0.0, 0.01, 0.12, 0.25, 0.38, 0.5, 0.75, 0.93, 0.99, 0.9999, 1.0]
USER_SONGS = [7, 10.5, 12.2, 16.3, 20.5, 27.3, 56.3, 104, 286, 700, 4400]
PLAYLIST_SHARES = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]
PLAYLIST_TRACKS = [5, 6.5, 10.5, 26.5, 49.5, 92.5, 178, 230, 251]

ALTERNATE_TRACK_EVERY, ALTERNATE_SONG_EVERY = 7, 37
MISMATCHED_SHARE = 0.067
RECENT_EVERY = 4
"""One niche in four came up after the plays were recorded, and holds few songs that were played."""

_GOLDEN, _SILVER = 0.6180339887498949, 0.41421356237309515
_USER_OFFSET, _PLAYLIST_OFFSET = 6.0, 60.0
_PLAYLIST_LEVELS = (0.42, 0.25)
_PLACE = (0.17, 0.71)
"""Where in MPD's popularity a work of ENTP stands, on average: intercept and slope over its place in ENTP's."""
_ORDERED_OFFSET = 28.0
"""Flatter than it looks: a song that goes on from another is drawn less often than one drawn freely."""


@dataclass(frozen=True)
class SyntheticWorld:
    """A world of users and playlists, of the size asked for.

    Indices: a *work* is a recording; works 0..mpd_works-1 are those on MPD, most popular first. A *track* is a URI:
    `track < mpd_works` is the first URI of that work, the others are second URIs of popular works. A *song* is an
    ENTP song id: `song < entp_works` is the first id of that ENTP work, the others are second ids.

    Attributes:
        users, playlists: how many there are.
        seed: of all randomness.
        defects: share of MPD track rows and ENTP lines that are written broken; natural dirt is there anyway.
    """

    users: int
    playlists: int
    seed: int = 0
    defects: float = 0.0

    @cached_property
    def scale(self) -> float:
        """Size of the catalogue relative to the published one: the 0.35th power of the share of rows."""
        return min(1.0, (self.users / FULL_USERS + self.playlists / FULL_PLAYLISTS) / 2) ** 0.35

    @cached_property
    def entp_works(self) -> int:
        """Works of ENTP."""
        return max(NICHES * 40, int(FULL_SONGS * self.scale * ALTERNATE_SONG_EVERY / (ALTERNATE_SONG_EVERY + 1)))

    @cached_property
    def songs(self) -> int:
        """ENTP song ids, second ids among them."""
        return self.entp_works + self.entp_works // ALTERNATE_SONG_EVERY

    @cached_property
    def mpd_works(self) -> int:
        """Works of MPD."""
        return max(NICHES * 160, int(FULL_TRACKS * self.scale / 1.07))

    @cached_property
    def tracks(self) -> int:
        """MPD track URIs, second URIs among them."""
        return int(self.mpd_works * 1.07)

    @cached_property
    def artists(self) -> int:
        """Artists."""
        return max(NICHES * 20, int(FULL_ARTISTS * self.scale))

    @cached_property
    def _users(self) -> TasteSampler:
        return TasteSampler(
            seed=self.seed,
            size=self.entp_works,
            offset=_USER_OFFSET,
            niche_stream=draws.USER_NICHE,
            draw_stream=draws.USER_DRAW,
            tastes=4,
            shares=(0.22, 0.28),
            returning=lambda row, nth, works: come_back(
                self.seed, row, nth, works, _USER_OFFSET, self.entp_discography
            ),
        )

    @cached_property
    def _playlists(self) -> TasteSampler:
        return TasteSampler(
            seed=self.seed,
            size=self.mpd_works,
            offset=_PLAYLIST_OFFSET,
            niche_stream=draws.PLAYLIST_NICHE,
            draw_stream=draws.PLAYLIST_DRAW,
            tastes=2,
            shares=_PLAYLIST_LEVELS,
        )

    def artists_of(self, works: np.ndarray) -> np.ndarray:
        """Artist of each recording, of the same niche; a few artists of a niche have most of its songs."""
        niche = np.where(works < self.mpd_works, works, works - self.mpd_works) % NICHES
        per_niche = self.artists // NICHES
        return (per_niche * uniform(self.seed, draws.ARTIST, works) ** 4.0).astype(np.int64) * NICHES + niche

    def albums_of(self, works: np.ndarray) -> np.ndarray:
        """Album of each work: one of six of its artist."""
        nth = (6 * uniform(self.seed, draws.ALBUM, works) ** 1.5).astype(np.int64)
        return self.artists_of(works) * 7 + nth

    @cached_property
    def discography(self) -> Discography:
        """The MPD works of each artist."""
        works = np.arange(self.mpd_works)
        return Discography.of(self.artists_of(works), self.albums_of(works), self.artists + NICHES)

    @cached_property
    def entp_discography(self) -> Discography:
        """The ENTP works of each artist; albums are not told apart."""
        artists = self.artists_of(self.recordings(np.arange(self.entp_works)))
        return Discography.of(artists, artists, self.artists + NICHES)

    def recordings(self, entp_works: np.ndarray) -> np.ndarray:
        """The common index of recordings for ENTP works: the MPD work, or one beyond them all."""
        work = self.work_of_entp[entp_works]
        return np.where(work >= 0, work, self.mpd_works + entp_works)

    @cached_property
    def work_of_entp(self) -> np.ndarray:
        """MPD work of each ENTP work, int64 [entp_works]; -1 where MPD does not hold it.

        A popular ENTP work is likelier to be on MPD, at a popularity there that follows its own loosely: the two
        data sets are six years apart. Niches are kept. Chance is spread evenly over the ranks (multiples of an
        irrational number), or a handful of songs at the top would decide how many playlists meet a user.
        """
        works = np.arange(self.entp_works)
        mass = np.log1p(works / _USER_OFFSET) / np.log1p(self.entp_works / _USER_OFFSET)
        newer = np.where(works % NICHES % RECENT_EVERY == 1, 0.1, 1.0)
        turn = uniform(self.seed, draws.RANK_NOISE, np.arange(2))
        shared = np.flatnonzero((works * _SILVER + turn[0]) % 1.0 < (0.96 - 0.42 * mass**4) * newer)
        u = ((shared * _GOLDEN + turn[1]) % 1.0).clip(1e-6, 1 - 1e-6)
        noise = np.log(u / (1 - u)) / 1.7
        place = _PLACE[0] + _PLACE[1] * mass[shared] + 0.09 * noise
        place = np.where(place > 1, 2 - place, np.abs(place)).clip(0, 1)
        levels = self.mpd_works // NICHES
        level = (_PLAYLIST_OFFSET * ((1 + self.mpd_works / _PLAYLIST_OFFSET) ** place - 1) / NICHES).astype(np.int64)
        niche = shared % NICHES
        order = np.lexsort((shared, level, niche))
        nth = np.arange(len(order))
        room = np.int64(4 * levels)
        spread = np.maximum.accumulate(level[order] + niche[order] * room - nth) + nth - niche[order] * room
        result = np.full(self.entp_works, -1, np.int64)
        fits = spread < levels
        result[shared[order][fits]] = spread[fits] * NICHES + niche[order][fits]
        return result

    @cached_property
    def entp_of_work(self) -> np.ndarray:
        """ENTP work of each MPD work, int64 [mpd_works]; -1 where ENTP does not hold it."""
        result = np.full(self.mpd_works, -1, np.int64)
        held = np.flatnonzero(self.work_of_entp >= 0)
        result[self.work_of_entp[held]] = held
        return result

    def work_of_tracks(self, tracks: np.ndarray) -> np.ndarray:
        """Work of each track."""
        tracks = np.asarray(tracks, np.int64)
        return np.where(tracks < self.mpd_works, tracks, (tracks - self.mpd_works) * ALTERNATE_TRACK_EVERY)

    def entp_of_songs(self, songs: np.ndarray) -> np.ndarray:
        """ENTP work of each song id."""
        songs = np.asarray(songs, np.int64)
        return np.where(songs < self.entp_works, songs, (songs - self.entp_works) * ALTERNATE_SONG_EVERY)

    def is_mismatched(self, songs: np.ndarray) -> np.ndarray:
        """Whether the text on file of each song id is that of another song."""
        return uniform(self.seed, draws.MISMATCH, songs) < MISMATCHED_SHARE

    def user_songs(self, start: int, stop: int) -> tuple[Ragged, np.ndarray]:
        """Song ids played by users start..stop-1, ascending in each row, and play counts uint32."""
        rows = np.arange(start, stop)
        u = uniform(self.seed, draws.USER_SIZE, rows)
        counts = np.minimum(interpolated(u, USER_SHARES, USER_SONGS), self.entp_works // 6)
        indptr, works = self._users.draw(rows, counts)
        row = np.repeat(rows, np.diff(indptr))
        songs = works.copy()
        alternate = works // ALTERNATE_SONG_EVERY
        has = (works % ALTERNATE_SONG_EVERY == 0) & (alternate < self.songs - self.entp_works)
        takes = has & (uniform(self.seed, draws.USER_ALTERNATE, row, works) < 0.4)
        songs[takes] = self.entp_works + alternate[takes]
        order = np.lexsort((songs, row))
        songs = songs[order]
        plays = np.minimum(uniform(self.seed, draws.USER_PLAYS, row, songs) ** -0.7, 9_667)
        return Ragged(indptr, songs.astype(np.uint32)), plays.astype(np.uint32)

    def user_niches(self, users: np.ndarray) -> np.ndarray:
        """The first niche of each user, the one that weighs most on average."""
        return self._users.tastes(users)[0][:, 0]

    def playlist_niches(self, playlists: np.ndarray) -> np.ndarray:
        """The first niche of each playlist: its theme."""
        return self._playlists.tastes(playlists)[0][:, 0]

    def user_tastes(self, users: np.ndarray) -> np.ndarray:
        """Weight of each niche in what users play, float64 [len(users), NICHES]; the weights of a user add up to 1."""
        return _by_niche(*self._users.tastes(users))

    def playlist_tastes(self, playlists: np.ndarray) -> np.ndarray:
        """Weight of each niche in playlists, float64 [len(playlists), NICHES]; those of a playlist add up to 1."""
        return _by_niche(*self._playlists.tastes(playlists))

    def playlist_tracks(self, start: int, stop: int) -> Ragged:
        """Tracks of playlists start..stop-1, in playlist order; one row in a hundred repeats an earlier track."""
        rows = np.arange(start, stop)
        counts = interpolated(uniform(self.seed, draws.PLAYLIST_SIZE, rows), PLAYLIST_SHARES, PLAYLIST_TRACKS)
        indptr, works = ordered_playlists(
            self.seed, rows, counts, self._playlists.tastes(rows), _PLAYLIST_LEVELS, _ORDERED_OFFSET, self.discography
        )
        row = np.repeat(rows, np.diff(indptr))
        tracks = works.copy()
        alternate = works // ALTERNATE_TRACK_EVERY
        has = (works % ALTERNATE_TRACK_EVERY == 0) & (alternate < self.tracks - self.mpd_works)
        takes = has & (uniform(self.seed, draws.PLAYLIST_ALTERNATE, row, works) < 0.4)
        tracks[takes] = self.mpd_works + alternate[takes]
        place = np.arange(len(row)) - np.repeat(indptr[:-1], np.diff(indptr))
        again = uniform(self.seed, draws.REPEAT, row, place)
        source = np.arange(len(row)) - place + (place * (again * 100 % 1.0)).astype(np.int64)
        return Ragged(indptr, np.where(again < 0.01, tracks[source], tracks).astype(np.uint32))

    @cached_property
    def shared_of_work(self) -> np.ndarray:
        """Row of each MPD work in the index of shared works, int64 [mpd_works]; -1 where it is not shared.

        A work is shared when ENTP holds it under a song id whose text is right.
        """
        right = np.zeros(self.entp_works, bool)
        songs = np.arange(self.songs)
        right[self.entp_of_songs(songs)[~self.is_mismatched(songs)]] = True
        entp = self.entp_of_work
        shared = (entp >= 0) & right[np.maximum(entp, 0)]
        return np.where(shared, np.cumsum(shared) - 1, -1)

    def user_library(self, start: int, stop: int) -> Ragged:
        """Shared works in the libraries of users start..stop-1, as binary CSR over `shared_of_work`, without files."""
        played, _ = self.user_songs(start, stop)
        work = self.work_of_entp[self.entp_of_songs(played.values)]
        item = np.where(work >= 0, self.shared_of_work[np.maximum(work, 0)], -1)
        return _distinct_rows(played.offsets, np.where(self.is_mismatched(played.values), -1, item))

    def playlist_library(self, start: int, stop: int) -> Ragged:
        """Shared works in playlists start..stop-1, as binary CSR over `shared_of_work`, without files."""
        held = self.playlist_tracks(start, stop)
        return _distinct_rows(held.offsets, self.shared_of_work[self.work_of_tracks(held.values)])


def _by_niche(niches: np.ndarray, cumulative: np.ndarray) -> np.ndarray:
    weights = np.zeros((len(niches), NICHES))
    np.add.at(weights, (np.arange(len(niches))[:, None], niches), np.diff(cumulative, axis=1, prepend=0.0))
    return weights


def _distinct_rows(indptr: np.ndarray, items: np.ndarray) -> Ragged:
    """Rows sorted, without repeats and without items below zero."""
    rows = len(indptr) - 1
    row = np.repeat(np.arange(rows, dtype=np.int64), np.diff(indptr))
    kept = items >= 0
    keys = distinct(row[kept] << 32 | items[kept])
    lengths = np.bincount(keys >> 32, minlength=rows)
    return Ragged(np.concatenate([[0], np.cumsum(lengths)]), keys & 0xFFFFFFFF)
