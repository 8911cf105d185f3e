"""The asset graph as the dashboard draws it: which asset is made of which, and how old each may grow."""

from datetime import timedelta

UPSTREAM: dict[str, tuple[str, ...]] = {
    "mpd_playlists": (),
    "mpd_tracks": (),
    "entp_plays": (),
    "msd_songs": (),
    "quarantined_raw": ("mpd_playlists", "mpd_tracks", "entp_plays", "msd_songs"),
    "hidden_plays": ("entp_plays",),
    "songs": ("mpd_tracks", "entp_plays", "hidden_plays", "msd_songs"),
    "user_library": ("songs", "entp_plays", "hidden_plays"),
    "playlist_library": ("songs", "mpd_tracks"),
    "exploration_coefficients": ("user_library",),
    "scores": ("user_library", "playlist_library", "exploration_coefficients"),
    "liked_playlists": ("scores",),
    "cold_users": ("scores", "user_library"),
    "splits": ("liked_playlists", "cold_users"),
    "playlist_ownership": ("splits", "user_library", "liked_playlists"),
    "user_blocks": ("splits", "scores"),
    "triplets": ("user_blocks",),
    "validation_batches": ("splits",),
    "test_batches": ("splits",),
    "user_pairings": ("user_library", "playlist_ownership"),
    "candidates": ("user_pairings", "playlist_ownership", "splits"),
    "als_factors": ("splits",),
    "bpr_search": ("user_blocks", "validation_batches"),
    "bpr_checkpoint": ("user_blocks", "taste_positives", "validation_batches", "als_factors", "training_window"),
    "bpr_evaluation": ("bpr_checkpoint", "validation_batches", "test_batches"),
    "cold_user_evaluation": ("bpr_checkpoint", "cold_users"),
    "song_taste": ("user_library", "playlist_library", "songs"),
    "taste_candidates": ("song_taste", "playlist_ownership"),
    "taste_positives": ("song_taste", "playlist_ownership", "cold_users"),
    "ranked_candidates": ("taste_candidates", "candidates", "bpr_checkpoint"),
    "listener_evaluation": ("ranked_candidates", "hidden_plays"),
    "served_model": ("ranked_candidates", "bpr_evaluation", "listener_evaluation"),
    "daily_recommendations": ("served_model",),
    "user_feedback": ("served_model",),
    "feedback_blocks": ("user_feedback",),
    "quarantined_feedback": ("user_feedback",),
    "training_window": ("feedback_blocks", "splits"),
}
"""What each asset is drawn behind. Dagster's own graph has more edges (an index table feeds nearly everything); these
are the ones along which data flow. The edge from served models to feedback is made by listeners, not by a run."""

MAXIMUM_AGE: dict[str, timedelta] = {
    "candidates": timedelta(days=14),
    "ranked_candidates": timedelta(days=14),
    "served_model": timedelta(days=14),
    "feedback_blocks": timedelta(days=2),
    "training_window": timedelta(days=14),
}
"""Age from which an asset is stale. Assets made from files of years ago do not age."""


def layers() -> dict[str, int]:
    """Column of each asset in a drawing from left to right: one more than its furthest upstream asset."""
    placed: dict[str, int] = {}

    def place(asset: str, path: tuple[str, ...]) -> int:
        if asset not in placed and asset not in path:
            before = [place(up, (*path, asset)) for up in UPSTREAM.get(asset, ()) if not _by_people(asset, up)]
            placed[asset] = max(before, default=-1) + 1
        return placed.get(asset, 0)

    for asset in UPSTREAM:
        place(asset, ())
    return placed


def data_upstream() -> dict[str, tuple[str, ...]]:
    """What each asset is made of by runs: the graph without the edge that listeners close."""
    return {
        asset: tuple(up for up in ups if (asset, up) != ("user_feedback", "served_model"))
        for asset, ups in UPSTREAM.items()
    }


def _by_people(asset: str, upstream: str) -> bool:
    return (asset, upstream) == ("user_feedback", "served_model") or (asset, upstream) == (
        "bpr_checkpoint",
        "training_window",
    )
