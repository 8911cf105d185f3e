"""The order of a synthetic playlist: artists that return, albums heard on, successors, and a theme that drifts.

Each song is drawn given the songs before it, as real playlists read (3,574 of them: the next song is by the same
artist 22.8 % of the time, 5.7 % when they are shuffled; a pair of neighbours that recurs does so 1.4 times as often in
the same direction as in the other). A playlist's draws depend on the seed and its own pid alone.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from buddies_assets.sources.synthetic import draws
from buddies_assets.sources.synthetic.draws import GENRES, NICHES
from buddies_core.kernels.randomness import hash_member, stream_key, uniform

ALBUM, ARTIST, RETURN, SUCCESSOR = 0.25, 0.05, 0.13, 0.32
FOLLOWING = ALBUM + ARTIST + RETURN + SUCCESSOR
"""Shares of songs that go on with the album, stay with the artist, return to an earlier artist, or follow on."""
FORWARD = 0.7
"""Of steps along an album or to a successor, those in its direction."""
STAY = 0.98
"""Chance that the next song is of the same taste as the last."""
SUCCESSORS, BLOCK = 3, 32
BY_ARTIST, NEWEST = 0.05, 0.15
"""Below the first share a playlist is sorted by artist, from there to the second by year; a third of them reversed."""
_PATIENCE = 40


@dataclass(frozen=True)
class Discography:
    """The works of each artist, by album and by popularity.

    Attributes:
        artist_of: int64 [works].
        album_of: int64 [works], unique across artists.
        indptr: int64 [artists + 1].
        by_popularity: int64 [works], those of one artist together, the most popular first.
        by_album: int64 [works], those of one album together, the most popular first.
        place: int64 [works], where each work stands in `by_album`.
    """

    artist_of: np.ndarray
    album_of: np.ndarray
    indptr: np.ndarray
    by_popularity: np.ndarray
    by_album: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, artist_of: np.ndarray, album_of: np.ndarray, artists: int) -> "Discography":
        """From the artist and the album of each work."""
        by_album = np.lexsort((album_of, artist_of))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(artist_of, minlength=artists))]).astype(np.int64)
        place = np.empty(len(by_album), np.int64)
        place[by_album] = np.arange(len(by_album))
        return cls(artist_of, album_of, indptr, np.argsort(artist_of, kind="stable"), by_album, place)


def ordered_playlists(
    seed: int,
    rows: np.ndarray,
    counts: np.ndarray,
    tastes: tuple[np.ndarray, np.ndarray],
    shares: tuple[float, float],
    offset: float,
    discography: Discography,
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct works of each playlist, in order.

    Args:
        seed: of the world.
        rows: pids, which alone determine what is drawn.
        counts: works of each, at most a third of the catalogue.
        tastes: niches and cumulative weights, both [rows, tastes].
        shares: of free draws from the whole catalogue and from a genre; the rest comes from the taste's niche.
        offset: flatness of the head of the popularity.
        discography: of the catalogue.

    Returns:
        CSR: indptr int64 [rows + 1], works int64.
    """
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    works = np.empty(indptr[-1], np.int64)
    niches, weights = tastes[0].astype(np.int64), tastes[1]
    _walk(
        np.uint64(seed), np.uint64(draws.PLAYLIST_DRAW), rows.astype(np.int64), indptr, niches, weights,
        shares[0], shares[1], offset, discography.artist_of, discography.album_of, discography.indptr,
        discography.by_popularity, discography.by_album, discography.place, works,
    )  # fmt: skip
    return indptr, _sorted_some(seed, rows, indptr, works, discography.artist_of)


def _sorted_some(
    seed: int, rows: np.ndarray, indptr: np.ndarray, works: np.ndarray, artist_of: np.ndarray
) -> np.ndarray:
    """The same playlists, a few of them sorted as people sort: by artist, or by year with the newest first."""
    how = uniform(seed, draws.PLAYLIST_ORDER, rows)
    if not (how < NEWEST).any():
        return works
    row = np.repeat(np.arange(len(rows)), np.diff(indptr))
    place = np.arange(len(works), dtype=np.float64)
    year = -uniform(seed, draws.YEAR, works)
    own = np.where(how[row] < BY_ARTIST, artist_of[works] + uniform(seed, draws.TITLE, works), year)
    backwards = uniform(seed, draws.PLAYLIST_ORDER, rows, 1)[row] < 1 / 3
    key = np.where(how[row] < NEWEST, np.where(backwards, -own, own), place)
    return works[np.lexsort((key, row))]


@njit(nogil=True, cache=True)
def _unit(bits):
    return np.float64(bits >> np.uint64(11)) * 2.0**-53


@njit(nogil=True, cache=True)
def _skewed(u, size, offset):
    return min(np.int64(offset * ((1.0 + size / offset) ** u - 1.0)), size - 1)


@njit(nogil=True, cache=True)
def _successor(work, which, forward, size):
    """A successor of a work in its niche, or the work that it is the successor of: a turn within a block of levels."""
    level, niche = work // NICHES, work % NICHES
    levels = (size - niche + NICHES - 1) // NICHES
    block = level // BLOCK
    length = min(np.int64(BLOCK), levels - block * BLOCK)
    step = (1 + 2 * which + (block * 7 + niche * 5) % 11) % length
    turned = (level - block * BLOCK + (step if forward else length - step)) % length
    return (block * BLOCK + turned) * NICHES + niche


@njit(nogil=True, cache=True)
def _of_artist(work, u, offset, artist_of, artist_ptr, by_popularity):
    """A work of the same artist, by popularity: as likely as a free draw would make it among the artist's works."""
    first = artist_ptr[artist_of[work]]
    length = artist_ptr[artist_of[work] + 1] - first
    return by_popularity[first + _skewed(u, length, max(offset * length / len(artist_of), 1.0))]


@njit(nogil=True, cache=True)
def _walk(
    seed, stream, rows, indptr, niches, weights, whole, genre, offset, artist_of, album_of, artist_ptr, by_popularity,
    by_album, place_of, out,
):  # fmt: skip
    size = len(artist_of)
    tastes = niches.shape[1]
    for r in range(len(rows)):
        key = stream_key(seed, stream, np.uint64(rows[r]))
        counter = np.uint64(0)
        start, stop = indptr[r], indptr[r + 1]
        taste, filled, misses = np.int64(-1), start, 0
        while filled < stop:
            first, second = hash_member(key, counter), hash_member(key, counter + np.uint64(1))
            counter += np.uint64(2)
            u, v = _unit(first), _unit(second)
            chosen = np.float64(first & np.uint64(0x7FF)) / 2048.0
            if taste < 0 or chosen >= STAY:
                aim = np.float64(second & np.uint64(0x7FF)) / 2048.0
                taste = np.int64(0)
                while taste < tastes - 1 and aim >= weights[r, taste]:
                    taste += 1
            last = out[filled - 1] if filled > start else np.int64(-1)
            work = np.int64(-1)
            if misses >= _PATIENCE:
                work = _skewed(v, size, offset * 40.0)
            elif last >= 0 and u < ALBUM:
                step = 1 if u < ALBUM * FORWARD else -1
                place = place_of[last] + step
                if 0 <= place < size and album_of[by_album[place]] == album_of[last]:
                    work = by_album[place]
                else:
                    work = _of_artist(last, v, offset, artist_of, artist_ptr, by_popularity)
            elif last >= 0 and u < ALBUM + ARTIST:
                work = _of_artist(last, v, offset, artist_of, artist_ptr, by_popularity)
            elif last >= 0 and u < ALBUM + ARTIST + RETURN:
                earlier = out[start + np.int64(chosen * (filled - start))]
                work = _of_artist(earlier, v, offset, artist_of, artist_ptr, by_popularity)
            elif last >= 0 and u < FOLLOWING:
                forward = u < ALBUM + ARTIST + RETURN + SUCCESSOR * FORWARD
                work = _successor(last, np.int64(v * SUCCESSORS), forward, size)
            else:
                level = _unit(hash_member(key, counter))
                counter += np.uint64(1)
                step = 1 if level < whole else (GENRES if level < whole + genre else NICHES)
                inside = niches[r, taste] % step if step > 1 else 0
                work = _skewed(v, (size - inside + step - 1) // step, max(offset / step, 4.0)) * step + inside
            if misses < _PATIENCE and last >= 0 and (u < ALBUM or ALBUM + ARTIST + RETURN <= u < FOLLOWING):
                # A step to a rarer work is taken as much more rarely, or each pair would be heard in one direction:
                # from the more popular on, whatever FORWARD says (the rule of Metropolis).
                if _unit(hash_member(key, counter)) * (work + offset) > last + offset:
                    counter += np.uint64(1)
                    continue
                counter += np.uint64(1)
            fresh = True
            for i in range(start, filled):
                if out[i] == work:
                    fresh = False
                    break
            if fresh:
                out[filled] = work
                filled, misses = filled + 1, 0
            else:
                misses += 1
