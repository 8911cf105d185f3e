"""The files of a synthetic world as the readers would have parsed them."""

from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.world.sizes import PLAYLISTS, SONGS, USERS


def sources(rng: np.random.Generator, heard: np.ndarray, held: np.ndarray) -> dict[str, Any]:
    """The parsed files, what was set aside of them, and the song index."""
    song_ids = [f"SO{n:016X}" for n in range(SONGS + 20)]
    uris = [f"spotify:track:{n:022d}" for n in range(SONGS + 40)]
    user_ids = sorted({f"{int(v):040x}" for v in rng.integers(1, 2**62, USERS)})
    pids = np.sort(rng.choice(100_000, PLAYLISTS, replace=False)).astype(np.uint32)
    names = [f"song {n:05d}" for n in range(SONGS + 40)]
    artists = [f"artist {n % 90:03d}" for n in range(SONGS + 40)]
    users, songs = np.nonzero(heard)
    playlists, tracks = np.nonzero(held)
    first = np.concatenate([[0], np.cumsum(held.sum(axis=1))])[:-1]
    counts = held.sum(axis=1).astype(np.uint32)
    quarantined = pl.DataFrame(
        {
            "source": ["mpd", "entp", "entp"],
            "file": ["mpd.slice.0-999.json", "train_triplets.txt", "train_triplets.txt"],
            "position": [17, 4, 9],
            "field": ["tracks", "plays", "user"],
            "reason": ["no track_name", "not a number", "not 40 hexadecimal digits"],
            "excerpt": ["{}", "many", "xyz"],
        }
    )
    kept = {"mpd": len(playlists), "entp": len(users), "msd": SONGS + 20}
    set_aside = {"mpd": 1, "entp": 2, "msd": 0}
    return {
        "mpd_playlists": pl.DataFrame(
            {
                "pid": pids,
                "name": [f"playlist {n}" for n in range(PLAYLISTS)],
                "collaborative": [False] * PLAYLISTS,
                "modified_at": rng.integers(1_300_000_000, 1_509_000_000, PLAYLISTS),
                "num_tracks": counts,
                "duration_ms": counts.astype(np.int64) * 200_000,
                "tracks": counts,
            }
        ),
        "mpd_tracks": pl.DataFrame(
            {
                "pid": pids[playlists],
                "pos": (np.arange(len(playlists)) - first[playlists]).astype(np.uint32),
                "track_uri": [uris[t] for t in tracks],
                "track_name": [names[t] for t in tracks],
                "artist_name": [artists[t] for t in tracks],
            }
        ),
        "hidden_plays": pl.DataFrame(
            {"user_id": [user_ids[u] for u in users[::20]], "song_id": [song_ids[s] for s in songs[::20]]}
        ),
        "entp_plays": pl.DataFrame(
            {
                "user_id": [user_ids[u] for u in users],
                "song_id": [song_ids[s] for s in songs],
                "plays": rng.geometric(0.4, len(users)).astype(np.uint32),
            }
        ),
        "msd_songs": pl.DataFrame(
            {
                "song_id": song_ids,
                "title": names[: len(song_ids)],
                "artist": artists[: len(song_ids)],
                "release": [None] * len(song_ids),
                "year": rng.integers(1950, 2011, len(song_ids)).astype(np.uint16),
                "mismatched": [n >= SONGS and n % 2 == 0 for n in range(len(song_ids))],
            },
            schema_overrides={"release": pl.String},
        ),
        "quarantined_raw": quarantined,
        "raw_counts": pl.DataFrame(
            [
                {
                    "dataset": dataset,
                    "source": s,
                    "read": kept[s] + set_aside[s],
                    "kept": kept[s],
                    "quarantined": set_aside[s],
                    "repeats": 0,
                    "left_out": 0,
                    "lines": (kept[s] + set_aside[s]) * (s == "entp"),
                    "parsed_lines": (kept[s] + set_aside[s]) * (s == "entp"),
                    "bytes": 1_000_000,
                    "unread_bytes": 0,
                    "stored": kept[s],
                }
                for dataset, s in (("mpd_tracks", "mpd"), ("entp_plays", "entp"), ("msd_songs", "msd"))
            ]
        ),
        "songs": pl.DataFrame(
            {
                "song": np.arange(SONGS, dtype=np.uint32),
                "key": [f"{names[n]}\t{artists[n]}" for n in range(SONGS)],
                "title": names[:SONGS],
                "artist": artists[:SONGS],
                "song_ids": [[s] for s in song_ids[:SONGS]],
                "track_uris": [[u] for u in uris[:SONGS]],
            }
        ),
        "user_rows": pl.DataFrame({"user_id": user_ids}).with_row_index("number"),
        "playlist_rows": pl.DataFrame({"pid": pids}),
    }
