"""MPD slices of the synthetic world: JSON with every original field, made slice by slice."""

from functools import cached_property

import numpy as np
import orjson

from buddies_assets.sources.synthetic import draws, text
from buddies_assets.sources.synthetic.world import SyntheticWorld
from buddies_core.kernels.distinct import distinct
from buddies_core.kernels.randomness import hash_pairs, uniform

SLICE_PLAYLISTS = 1_000
_MOST_KEPT_FRAGMENTS = 300_000
_DAY, _LAST_DAY = 86_400, 17_470
_FOLLOWERS = ([0.0, 0.754, 0.904, 0.951, 0.97, 0.99, 0.999, 0.99999, 1.0], [1, 1.99, 2.99, 3.99, 5, 8, 30, 900, 30_000])


class SliceWriter:
    """Writes slices of a world; the JSON of the most popular tracks is kept between slices.

    Args:
        world: whose playlists are written.
    """

    def __init__(self, world: SyntheticWorld) -> None:
        self._world = world
        self._fragments: dict[int, bytes] = {}

    @property
    def slices(self) -> int:
        """How many slices the world has."""
        return -(-self._world.playlists // SLICE_PLAYLISTS)

    def name(self, k: int) -> str:
        """File name of slice k."""
        start = k * SLICE_PLAYLISTS
        return f"mpd.slice.{start}-{start + SLICE_PLAYLISTS - 1}.json"

    @cached_property
    def _positions(self) -> list[bytes]:
        return [b'                {\n                    "pos": %d,\n' % pos for pos in range(400)]

    def slice_bytes(self, k: int) -> bytes:
        """JSON of slice k, the same whatever was written before."""
        world = self._world
        start = k * SLICE_PLAYLISTS
        stop = min(start + SLICE_PLAYLISTS, world.playlists)
        held = world.playlist_tracks(start, stop)
        tracks = held.values.astype(np.int64)
        fragments = self._fragments_of(tracks)
        heads = self._heads(np.arange(start, stop), held.offsets, tracks)
        parts = [
            b'{\n    "info": {\n        "generated_on": "2017-12-03 08:41:42.057563",\n        "slice": "%d-%d",\n'
            b'        "version": "v1"\n    },\n    "playlists": [\n' % (start, start + SLICE_PLAYLISTS - 1)
        ]
        defective = self._defective(start, held.offsets) if world.defects > 0 else None
        positions = self._positions
        numbers, bounds = tracks.tolist(), held.offsets.tolist()
        for head, first, last in zip(heads, bounds[:-1], bounds[1:], strict=True):
            rows = [
                position + fragments[track] for position, track in zip(positions, numbers[first:last], strict=False)
            ]
            if defective is not None:
                for place in np.flatnonzero(defective[first:last]).tolist():
                    rows[place] = rows[place].replace(b'"track_uri"', b'"no_uri"')
            parts.append(head + b",\n".join(rows) + b"\n            ]\n        }")
            parts.append(b",\n")
        parts[-1] = b"\n    ]\n}\n"
        return b"".join(parts)

    def _defective(self, start: int, indptr: np.ndarray) -> np.ndarray:
        row = np.repeat(np.arange(start, start + len(indptr) - 1), np.diff(indptr))
        place = np.arange(len(row)) - np.repeat(indptr[:-1], np.diff(indptr))
        return uniform(self._world.seed, draws.DEFECT, row, place) < self._world.defects

    def _albums(self, tracks: np.ndarray) -> np.ndarray:
        """Album of each track: one of six of its artist; a second URI is of another album."""
        works = self._world.work_of_tracks(tracks)
        second = self._world.artists_of(works) * 7 + 6
        return np.where(tracks < self._world.mpd_works, self._world.albums_of(works), second)

    def _durations(self, tracks: np.ndarray) -> np.ndarray:
        """Milliseconds: log-normal about 3:45."""
        u = uniform(self._world.seed, draws.DURATION, tracks)
        return (225_000 * (u / (1 - u)) ** 0.16).astype(np.int64)

    def _fragments_of(self, tracks: np.ndarray) -> dict[int, bytes]:
        """JSON of each distinct track behind its "pos"; fragments of popular tracks are kept for later slices."""
        different = distinct(tracks)
        kept = self._fragments
        missing = np.array([track for track in different.tolist() if track not in kept], np.int64)
        made = dict(zip(missing.tolist(), self._json(missing), strict=True)) if len(missing) else {}
        room = _MOST_KEPT_FRAGMENTS - len(kept)
        popular = [track for track in made if self._rank(track) < _MOST_KEPT_FRAGMENTS * 2][: max(room, 0)]
        kept.update((track, made[track]) for track in popular)
        return kept | made if len(kept) < 4 * len(made) else _Chained(made, kept)

    def _rank(self, track: int) -> int:
        return track if track < self._world.mpd_works else (track - self._world.mpd_works) * 7

    def _json(self, tracks: np.ndarray) -> list[bytes]:
        seed, world = self._world.seed, self._world
        artists = world.artists_of(world.work_of_tracks(tracks))
        albums = self._albums(tracks)
        names, artist_names = text.mpd_text(world, tracks)
        album_names = text.titles(world, albums + (1 << 40))
        columns = (
            artist_names,
            text.base_62(seed, draws.TRACK_ID, tracks),
            text.base_62(seed, draws.ARTIST_ID, artists),
            names,
            text.base_62(seed, draws.ALBUM_ID, albums),
            self._durations(tracks).tolist(),
            album_names,
        )
        return [
            f'                    "artist_name": "{artist}",\n'
            f'                    "track_uri": "spotify:track:{uri}",\n'
            f'                    "artist_uri": "spotify:artist:{artist_uri}",\n'
            f'                    "track_name": "{name}",\n'
            f'                    "album_uri": "spotify:album:{album_uri}",\n'
            f'                    "duration_ms": {duration},\n'
            f'                    "album_name": "{album}"\n                }}'.encode()
            for artist, uri, artist_uri, name, album_uri, duration, album in zip(*columns, strict=True)
        ]

    def _heads(self, pids: np.ndarray, indptr: np.ndarray, tracks: np.ndarray) -> list[bytes]:
        world, seed = self._world, self._world.seed
        lengths = np.diff(indptr)
        row = np.repeat(np.arange(len(pids)), lengths)
        artists = world.artists_of(world.work_of_tracks(tracks))
        num_albums, num_artists = (
            _distinct_per_row(row, items, len(pids)) for items in (self._albums(tracks), artists)
        )
        durations = np.add.reduceat(self._durations(tracks), indptr[:-1])
        niches = world.playlist_niches(pids)
        u = [uniform(seed, draws.HEADER, pids, slot) for slot in range(5)]
        bits = hash_pairs(seed, draws.NAME, pids).tolist()
        modified = (_LAST_DAY - (2_400 * u[0] ** 3).astype(np.int64)) * _DAY
        followers = np.interp(u[1], *_FOLLOWERS).astype(np.int64)
        edits = 1 + np.minimum((lengths * u[2] ** 2 * 0.9).astype(np.int64), 200)
        columns = (
            pids,
            niches,
            bits,
            u[3],
            u[4],
            modified,
            lengths,
            num_albums,
            followers,
            edits,
            durations,
            num_artists,
        )
        heads = []
        for pid, niche, draw, shared, told, day, size, albums, follow, edit, duration, artist in zip(
            *(column.tolist() if isinstance(column, np.ndarray) else column for column in columns), strict=True
        ):
            name = text.playlist_name(niche, draw)
            fields = {
                "name": name,
                "collaborative": "true" if shared < 0.022 else "false",
                "pid": pid,
                "modified_at": day,
            }
            fields |= {"num_tracks": size, "num_albums": albums, "num_followers": follow, "num_edits": edit}
            fields |= {"duration_ms": duration, "num_artists": artist}
            if told < 0.019:
                fields["description"] = f"what {name} sounds like to me"
            inner = orjson.dumps(fields, option=orjson.OPT_INDENT_2)[2:-2].replace(b"\n  ", b"\n            ")
            heads.append(b"        {\n          " + inner + b',\n            "tracks": [\n')
        return heads


class _Chained(dict):
    """What is not among the new fragments is among the kept ones."""

    def __init__(self, made: dict[int, bytes], kept: dict[int, bytes]) -> None:
        super().__init__(made)
        self._kept = kept

    def __missing__(self, track: int) -> bytes:
        return self._kept[track]


def _distinct_per_row(row: np.ndarray, items: np.ndarray, rows: int) -> np.ndarray:
    return np.bincount(distinct(row.astype(np.int64) << 40 | items) >> 40, minlength=rows)
