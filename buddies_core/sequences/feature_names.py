"""What stands in each column that the rankers read, in the order in which it is stored."""

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
"""What else differs from song to song."""
WHOLE = (
    "log_length", "known", "mean_log_popularity", "run_of_artist", "repeats_of_artist", "artists_a_song",
    "title_playlists", "best_knn", "best_near", "sorted_by_artist", "sorted_by_title",
)  # fmt: skip
"""What is said of the playlist, the same for all its candidates."""
FEATURES = (*SCORES, *(f"{name}_relative" for name in SCORES), *OWN, *WHOLE)
