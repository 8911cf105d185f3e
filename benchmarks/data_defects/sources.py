"""Defects of the parsed sources, the song index, the libraries and the coefficients."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.planting import (
    Defect,
    World,
    again,
    cell,
    column,
    extended,
    lost,
    with_cells,
    with_members,
)


def _mojibake(world: World) -> dict[str, Any]:
    spoiled = pl.when(pl.int_range(pl.len()) % 20 == 0).then(pl.lit("CafÃ© del Mar")).otherwise(pl.col("track_name"))
    return {"mpd_tracks": world["mpd_tracks"].with_columns(spoiled.alias("track_name"))}


def _csr(name: str, change):
    def plant(world: World) -> dict[str, Any]:
        library = world[name]
        indptr, indices = library.indptr.copy(), library.indices.copy()
        change(indptr, indices)
        return {name: replace(library, indptr=indptr, indices=indices)}

    return plant


def _swap_songs(indptr: np.ndarray, indices: np.ndarray) -> None:
    indices[[0, 1]] = indices[[1, 0]]


def _repeat_song(indptr: np.ndarray, indices: np.ndarray) -> None:
    indices[1] = indices[0]


def _unknown_song(indptr: np.ndarray, indices: np.ndarray) -> None:
    indices[indptr[1] - 1] = 1_000_000


def _cut_pointer(indptr: np.ndarray, indices: np.ndarray) -> None:
    indptr[-1] -= 1


def _empty_row(indptr: np.ndarray, indices: np.ndarray) -> None:
    indptr[1] = indptr[0]


def _uniform_coefficients(world: World) -> dict[str, Any]:
    users = world["exploration_coefficients"].height
    spread = (np.arange(users) + 0.5) / users
    return {
        "exploration_coefficients": world["exploration_coefficients"].with_columns(pl.Series("exploration", spread))
    }


def _unsorted_users(world: World) -> dict[str, Any]:
    ids = world["user_rows"]["user_id"].to_list()
    ids[0], ids[1] = ids[1], ids[0]
    return {"user_rows": world["user_rows"].with_columns(user_id=pl.Series(ids))}


def _one_number_twice(world: World) -> dict[str, Any]:
    return {"user_rows": with_cells(world["user_rows"], 7, number=world["user_rows"]["number"][3])}


def _lost_rows(world: World) -> dict[str, Any]:
    return {"raw_counts": with_cells(world["raw_counts"], 1, read=world["raw_counts"]["read"][1] + 5)}


def _swallowed_lines(world: World) -> dict[str, Any]:
    return {"raw_counts": with_cells(world["raw_counts"], 1, lines=world["raw_counts"]["lines"][1] + 500)}


def _unread_slices(world: World) -> dict[str, Any]:
    return {"raw_counts": with_cells(world["raw_counts"], 0, unread_bytes=660_000)}


def _garbled_titles(world: World) -> dict[str, Any]:
    spoiled = pl.when(pl.int_range(pl.len()) % 20 == 0).then(pl.lit("BeyoncÃ©")).otherwise(pl.col("title"))
    return {"msd_songs": world["msd_songs"].with_columns(spoiled.alias("title"))}


def _one_more(column: str, value: str):
    return lambda world: {"songs": with_members(world["songs"], column, lambda ids: [*ids, value])}


def _empty_third(indptr: np.ndarray, indices: np.ndarray) -> None:
    """The songs of the first third of the rows all go to the row after them."""
    indptr[1 : len(indptr) // 3] = 0


DEFECTS: tuple[Defect, ...] = (
    Defect("a slice read twice", "mpd_playlists.playlists_have_one_row_each", again("mpd_playlists")),
    Defect(
        "modified_at in milliseconds",
        "mpd_playlists.playlists_were_edited_in_the_past",
        cell("mpd_playlists", modified_at=1_500_000_000_000),
    ),
    Defect(
        "a playlist cut short",
        "mpd_tracks.playlists_agree_with_their_tracks",
        lost("mpd_tracks"),
    ),
    Defect("a track row twice", "mpd_tracks.tracks_have_one_row_per_position", again("mpd_tracks")),
    Defect(
        "tracks of a playlist that is not there",
        "mpd_tracks.tracks_belong_to_a_playlist",
        cell("mpd_tracks", pid=999_999),
    ),
    Defect("a blank track name", "mpd_tracks.tracks_are_named", cell("mpd_tracks", track_name="  ")),
    Defect("text in a wrong encoding", "mpd_tracks.track_texts_are_readable", _mojibake),
    Defect(
        "half of what was to be hidden is learnt from",
        "hidden_plays.the_stated_share_of_plays_is_hidden",
        lambda w: {"hidden_plays": w["hidden_plays"][::2]},
    ),
    Defect("plays counted twice", "entp_plays.plays_are_unique", again("entp_plays")),
    Defect("a shortened user id", "entp_plays.plays_name_a_user", cell("entp_plays", user_id="abc123")),
    Defect(
        "a track id for a song id", "entp_plays.plays_name_a_song", cell("entp_plays", song_id="TRAAAAA128F9000000")
    ),
    Defect("a play count of 0", "entp_plays.plays_were_heard", cell("entp_plays", plays=0)),
    Defect("year 0 for unknown", "msd_songs.song_years_are_plausible", cell("msd_songs", year=0)),
    Defect("a song without an artist", "msd_songs.song_texts_are_filled", cell("msd_songs", artist="")),
    Defect(
        "the mismatch list taken for all songs",
        "msd_songs.mismatched_texts_are_few",
        column("msd_songs", mismatched=True),
    ),
    Defect("rows lost without a trace", "quarantined_raw.raw_counts_reconcile", _lost_rows),
    Defect("lines swallowed by the parser", "quarantined_raw.raw_counts_reconcile", _swallowed_lines),
    Defect("two of three slices refused", "quarantined_raw.few_rows_are_quarantined", _unread_slices),
    Defect(
        "an archive cut short",
        "quarantined_raw.input_files_are_whole",
        cell("quarantined_raw", reason="undecodable_file"),
    ),
    Defect(
        "a slice passed over by its name",
        "quarantined_raw.input_files_are_read",
        cell("quarantined_raw", reason="unread_file"),
    ),
    Defect(
        "a quarantined row without a reason",
        "quarantined_raw.quarantined_rows_say_why",
        cell("quarantined_raw", reason=""),
    ),
    Defect(
        "two songs exchanged in the index",
        "songs.songs_are_numbered_in_key_order",
        lambda w: {"songs": pl.concat([w["songs"][1:2], w["songs"][0:1], w["songs"][2:]])},
    ),
    Defect(
        "a song id in two songs",
        "songs.song_ids_lead_to_one_song",
        lambda w: {"songs": with_members(w["songs"], "song_ids", lambda ids: [*ids, w["songs"]["song_ids"][1][0]])},
    ),
    Defect(
        "a track URI in two songs",
        "songs.track_uris_lead_to_one_song",
        lambda w: {"songs": with_members(w["songs"], "track_uris", lambda ids: [*ids, w["songs"]["track_uris"][1][0]])},
    ),
    Defect("a song of one source only", "songs.songs_are_shared", cell("songs", track_uris=[])),
    Defect(
        "a song matched by a text known to be wrong",
        "songs.songs_are_not_mismatched",
        lambda w: {"msd_songs": with_cells(w["msd_songs"], 0, mismatched=True)},
    ),
    Defect(
        "a library's songs out of order",
        "user_library.user_songs_are_distinct_and_sorted",
        _csr("user_library", _swap_songs),
    ),
    Defect(
        "a song twice in a library",
        "user_library.user_songs_are_distinct_and_sorted",
        _csr("user_library", _repeat_song),
    ),
    Defect("a song beyond the index", "user_library.user_songs_exist", _csr("user_library", _unknown_song)),
    Defect(
        "a truncated matrix", "playlist_library.playlist_library_is_well_formed", _csr("playlist_library", _cut_pointer)
    ),
    Defect(
        "a playlist without a shared song",
        "playlist_library.playlists_hold_a_shared_song",
        _csr("playlist_library", _empty_row),
    ),
    Defect("user rows not sorted by id", "user_library.user_rows_are_sorted_ids", _unsorted_users),
    Defect(
        "a user who counts fewer songs than are held",
        "user_library.user_lengths_count_all_that_is_held",
        lambda w: {"user_sizes": with_cells(w["user_sizes"], 5, length=w["user_sizes"]["songs"][5] - 1)},
    ),
    Defect(
        "a playlist that counts fewer songs than are held",
        "playlist_library.playlist_lengths_count_all_that_is_held",
        lambda w: {"playlist_sizes": with_cells(w["playlist_sizes"], 5, length=w["playlist_sizes"]["songs"][5] - 1)},
    ),
    Defect("two users with one number", "user_library.users_have_numbers_of_their_own", _one_number_twice),
    Defect(
        "a coefficient of NaN",
        "exploration_coefficients.coefficients_are_shares",
        cell("exploration_coefficients", exploration=float("nan")),
    ),
    Defect(
        "coefficients drawn evenly",
        "exploration_coefficients.coefficients_follow_their_distribution",
        _uniform_coefficients,
    ),
    Defect(
        "a user without a coefficient",
        "exploration_coefficients.coefficients_have_one_row_per_user",
        lambda w: {"exploration_coefficients": w["exploration_coefficients"][:-1]},
    ),
    Defect(
        "a null where none may be",
        "entp_plays.matches_its_schema",
        lambda w: {"entp_plays": extended(w["entp_plays"], song_id=None)},
    ),
    Defect(
        "a column of another type",
        "exploration_coefficients.matches_its_schema",
        lambda w: {"exploration_coefficients": w["exploration_coefficients"].cast({"exploration": pl.Float32})},
    ),
    Defect(
        "a text with a track's id for a song's",
        "msd_songs.song_texts_have_an_id",
        cell("msd_songs", song_id="TRAAAAA128F9000000"),
    ),
    Defect("song texts in a wrong encoding", "msd_songs.song_texts_are_readable", _garbled_titles),
    Defect("a song with a blank title", "songs.songs_are_named", cell("songs", title=" ")),
    Defect("a song id that no text file holds", "songs.songs_were_played", _one_more("song_ids", "SOZZZZZ128F9000000")),
    Defect(
        "a track URI that no playlist lists",
        "songs.song_uris_were_listed",
        _one_more("track_uris", "spotify:track:nowhere"),
    ),
    Defect(
        "a truncated matrix of users", "user_library.user_library_is_well_formed", _csr("user_library", _cut_pointer)
    ),
    Defect(
        "a third of the users without songs",
        "user_library.most_users_know_a_shared_song",
        _csr("user_library", _empty_third),
    ),
    Defect(
        "a playlist's songs out of order",
        "playlist_library.playlist_songs_are_distinct_and_sorted",
        _csr("playlist_library", _swap_songs),
    ),
    Defect(
        "a playlist's song beyond the index",
        "playlist_library.playlist_songs_exist",
        _csr("playlist_library", _unknown_song),
    ),
    Defect(
        "playlist rows not sorted by pid",
        "playlist_library.playlist_rows_are_sorted_pids",
        lambda w: {"playlist_rows": w["playlist_rows"].reverse()},
    ),
    Defect(
        "coefficients drawn twice as large",
        "exploration_coefficients.coefficients_average_as_drawn",
        lambda w: {
            "exploration_coefficients": w["exploration_coefficients"].with_columns(pl.col("exploration").sqrt())
        },
    ),
    Defect(
        "playlists that lost their names",
        "mpd_playlists.playlists_are_named",
        column("mpd_playlists", name=" "),
    ),
)
