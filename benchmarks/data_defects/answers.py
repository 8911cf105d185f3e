"""Defects of checkpoints, evaluations, rankings, and of what listeners send."""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.planting import Defect, World, cell, repeated, with_cells, with_members


def _vectors(name: str, change):
    def plant(world: World) -> dict[str, Any]:
        values = world[name].copy()
        return {name: change(values)}

    return plant


def _nan(values: np.ndarray) -> np.ndarray:
    values[7, 3] = np.nan
    return values


def _trained_on(world: World, likes: pl.DataFrame) -> dict[str, Any]:
    """The window with the first of these likes in its first train session."""
    window = world["training_window"].with_row_index("place")
    place = window.filter(pl.col("split") == "train")["place"][0]
    user, playlist = likes.select("user", "playlist").row(0)
    return {"training_window": with_cells(window.drop("place"), place, user=user, positive=playlist)}


def _sessions(world: World, rows: list[dict[str, Any]]) -> dict[str, Any]:
    added = pl.DataFrame(rows, schema=world["user_feedback"].schema)
    return {"user_feedback": pl.concat([world["user_feedback"], added]).sort("created_at"), "feedback_scores": None}


def _event_of_tomorrow(world: World) -> dict[str, Any]:
    events = world["listener_events"]
    return {"listener_events": with_cells(events, 0, created_at=world["now_at"] + timedelta(days=1))}


def _playing_program(world: World) -> dict[str, Any]:
    events = world["listener_events"]
    return {"listener_events": with_plays(events, 70, seconds=1.0)}


def _endless_day(world: World) -> dict[str, Any]:
    return {"listener_events": with_plays(world["listener_events"], 30, seconds=3600.0)}


def _one_listens(world: World) -> dict[str, Any]:
    events = world["listener_events"]
    one = pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit(events["user_key"][0])).otherwise("user_key")
    return {"listener_events": events.with_columns(user_key=one)}


def with_plays(events: pl.DataFrame, count: int, *, seconds: float) -> pl.DataFrame:
    """The events with so many more plays of the first listener, all in the minute of the first play."""
    first = events.filter(pl.col("kind") == "play").head(1)
    more = pl.concat([first.with_columns(event_id=pl.lit(f"more-{n}"), seconds=pl.lit(seconds)) for n in range(count)])
    return pl.concat([events, more])


def _answer(world: World, row: int = 0, **cells: Any) -> dict[str, Any]:
    return world["user_feedback"].row(row, named=True) | {"recommendation_id": None} | cells


def _again_at_once(world: World) -> dict[str, Any]:
    return _sessions(world, [_answer(world, created_at=world["user_feedback"]["created_at"][0] + timedelta(seconds=2))])


def _replay(world: World) -> dict[str, Any]:
    last = world["user_feedback"].row(-1, named=True)
    return _sessions(world, [last | {"created_at": last["created_at"] - timedelta(days=2)}])


def _tomorrow(world: World) -> dict[str, Any]:
    return _sessions(world, [_answer(world, created_at=world["now_at"] + timedelta(days=1))])


def _bot(world: World) -> dict[str, Any]:
    begin = world["user_feedback"]["created_at"][-1] - timedelta(hours=3)
    shown = world["user_feedback"]["shown"].to_list()
    made = [
        _answer(world, user_id=3, created_at=begin + timedelta(seconds=s), shown=shown[s], liked=shown[s][s % 5])
        for s in range(40)
    ]
    return _sessions(world, made)


def _habit(world: World) -> dict[str, Any]:
    begin = world["user_feedback"]["created_at"][0]
    shown = world["user_feedback"]["shown"].to_list()
    rows = [
        _answer(world, user_id=4, created_at=begin + timedelta(hours=9 * n), shown=shown[n], liked=shown[n][0])
        for n in range(60)
    ]
    others = world["user_feedback"].filter(pl.col("user_id") != 4)
    return _sessions({**world, "user_feedback": others}, rows)


def _power_user(world: World) -> dict[str, Any]:
    begin = world["user_feedback"]["created_at"][0]
    shown = world["user_feedback"]["shown"].to_list()
    made = [
        _answer(world, user_id=5, created_at=begin + timedelta(minutes=61 * n), shown=shown[n], liked=shown[n][n % 5])
        for n in range(600)
    ]
    return _sessions(world, made)


def _several_likes(world: World) -> dict[str, Any]:
    scores = world["feedback_scores"]
    return {
        "feedback_scores": scores.with_columns(
            score=pl.when(pl.col("session") == 8).then(1).otherwise("score").cast(pl.Int8)
        )
    }


def _no_like(world: World) -> dict[str, Any]:
    scores = world["feedback_scores"]
    return {
        "feedback_scores": scores.with_columns(
            score=pl.when(pl.col("session") == 8).then(0).otherwise("score").cast(pl.Int8)
        )
    }


def _outage(world: World) -> dict[str, Any]:
    last_full = (world["now_at"] - timedelta(days=1)).date()
    kept = world["user_feedback"].filter(
        (pl.col("created_at").dt.date() != last_full) | (pl.int_range(pl.len()) % 15 == 0)
    )
    today = kept.row(-1, named=True) | {"created_at": world["now_at"], "recommendation_id": None}
    return _sessions({**world, "user_feedback": kept}, [today])


def _feedback(row: int = 0, **cells: Any):
    return lambda world: {"user_feedback": with_cells(world["user_feedback"], row, **cells), "feedback_scores": None}


def _ranked(column: str, change, name: str = "ranked_candidates"):
    def plant(world: World) -> dict[str, Any]:
        ranked = world[name]
        row = next(i for i, members in enumerate(ranked["playlists"].to_list()) if len(members) > 3)
        return {name: with_members(ranked, column, change, row)}

    return plant


def _own_playlist_of_taste(world: World) -> dict[str, Any]:
    playlist, owner = world["playlist_ownership"].select("playlist", "owner").row(0)
    row = {"user": [owner], "playlists": [[playlist]], "scores": [[1.0]]}
    lists = world["taste_candidates"].filter(pl.col("user") != owner)
    return {"taste_candidates": pl.concat([lists, pl.DataFrame(row, schema=lists.schema)])}


def _by_listeners(system: str, precision: float):
    """The world with another precision of one system, its interval with it."""

    def plant(world: World) -> dict[str, Any]:
        mine = pl.col("system") == system
        changed = {
            f"precision{end}": pl.when(mine).then(precision * factor).otherwise(pl.col(f"precision{end}"))
            for end, factor in (("", 1.0), ("_low", 0.9), ("_high", 1.1))
        }
        return {"listener_evaluation": world["listener_evaluation"].with_columns(**changed)}

    return plant


def _own_playlist_taught(world: World) -> dict[str, Any]:
    positives = world["taste_positives"]
    owned = world["playlist_ownership"].filter(pl.col("owner").is_in(positives["user"].implode()))
    playlist, owner = owned.select("playlist", "owner").row(0)
    row = positives.filter(pl.col("user") == owner)[-1].with_columns(positive=pl.lit(playlist, pl.UInt32))
    return {"taste_positives": pl.concat([positives, row]).sort("user", maintain_order=True)}


def _short_sessions(world: World) -> dict[str, Any]:
    tenth = pl.int_range(pl.len()) % 10 == 0
    shown = pl.when(tenth).then(pl.col("shown").list.head(3)).otherwise("shown")
    return {"user_feedback": world["user_feedback"].with_columns(shown=shown), "feedback_scores": None}


def _power_users(world: World) -> dict[str, Any]:
    begin = world["user_feedback"]["created_at"][0]
    shown = world["user_feedback"]["shown"].to_list()
    made = [
        _answer(world, user_id=u, created_at=begin + timedelta(hours=4 * n), shown=shown[n], liked=shown[n][n % 5])
        for u in (5, 6)
        for n in range(160)
    ]
    return _sessions(world, made)


def _few_listeners(world: World) -> dict[str, Any]:
    first = pl.int_range(pl.len()).over("user_id") == 0
    user = pl.when(first).then(pl.col("user_id")).otherwise(3).cast(pl.Int64)
    return {"user_feedback": world["user_feedback"].with_columns(user_id=user), "feedback_scores": None}


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "lists that listeners play less of than of the most liked",
        "listener_evaluation.what_is_served_is_above_the_most_liked",
        _by_listeners("served", 0.0167),
    ),
    Defect(
        "likes that tell nothing of plays",
        "listener_evaluation.likes_tell_of_hidden_plays",
        _by_listeners("song overlap", 0.0039),
    ),
    Defect(
        "a precision outside its interval",
        "listener_evaluation.listeners_figures_lie_in_their_intervals",
        cell("listener_evaluation", precision=0.5),
    ),
    Defect("a NaN in a user vector", "bpr_checkpoint.user_vectors_are_finite", _vectors("user_vectors", _nan)),
    Defect(
        "a NaN in a playlist vector", "bpr_checkpoint.playlist_vectors_are_finite", _vectors("playlist_vectors", _nan)
    ),
    Defect(
        "user rows permuted",
        "bpr_checkpoint.the_model_knows_its_training_pairs",
        _vectors("user_vectors", lambda v: v[np.random.default_rng(5).permutation(len(v))]),
    ),
    Defect(
        "playlist rows permuted",
        "bpr_checkpoint.the_model_knows_its_training_pairs",
        _vectors("playlist_vectors", lambda v: v[np.random.default_rng(5).permutation(len(v))]),
    ),
    Defect(
        "a checkpoint of older data",
        "bpr_checkpoint.the_model_is_of_these_data",
        lambda w: {"model_card": w["model_card"] | {"inputs": {"splits": "0" * 16, "triplets": "0" * 16}}},
    ),
    Defect("a collapsed model", "bpr_checkpoint.vectors_tell_users_apart", _vectors("user_vectors", lambda v: v * 0)),
    Defect(
        "a vector missing", "bpr_checkpoint.there_is_a_vector_for_each_row", _vectors("user_vectors", lambda v: v[:-1])
    ),
    Defect(
        "a training that diverged",
        "bpr_checkpoint.the_loss_fell",
        lambda w: {"model_card": w["model_card"] | {"losses": [0.6, 0.9]}},
    ),
    Defect("a metric above 1", "bpr_evaluation.metrics_are_shares", cell("bpr_evaluation", mrr=1.2)),
    Defect("Hit@5 below Hit@1", "bpr_evaluation.hits_grow_with_the_list", cell("bpr_evaluation", hit_5=0.1)),
    Defect(
        "more ties than batches", "bpr_evaluation.shares_of_the_evaluation_are_shares", cell("bpr_evaluation", ties=1.5)
    ),
    Defect(
        "a model no better than a guess", "bpr_evaluation.the_model_beats_a_guess", cell("bpr_evaluation", hit_10=0.19)
    ),
    Defect(
        "an own playlist chosen by taste",
        "taste_candidates.taste_offers_nothing_that_the_user_owns",
        _own_playlist_of_taste,
    ),
    Defect(
        "a playlist chosen by taste that does not exist",
        "taste_candidates.taste_offers_playlists_that_exist",
        _ranked("playlists", lambda m: [*m[:-1], 10**6], "taste_candidates"),
    ),
    Defect(
        "the least of taste first",
        "taste_candidates.gains_of_taste_never_rise",
        _ranked("scores", lambda m: m[::-1], "taste_candidates"),
    ),
    Defect(
        "a model taught taste that listeners play less of than of the most liked",
        "listener_evaluation.a_model_taught_taste_is_above_the_most_liked",
        _by_listeners("bpr, all playlists", 0.0167),
    ),
    Defect(
        "an own playlist taught",
        "taste_positives.nobody_is_taught_a_playlist_of_their_own",
        _own_playlist_taught,
    ),
    Defect(
        "a cold user taught",
        "taste_positives.cold_users_are_not_taught",
        lambda w: {"taste_positives": w["taste_positives"].with_columns(cold=pl.lit(False))},
    ),
    Defect(
        "the least gain first",
        "taste_positives.positives_are_best_first",
        lambda w: {"taste_positives": w["taste_positives"].reverse().sort("user", maintain_order=True)},
    ),
    Defect(
        "a taste that learns nothing from plays",
        "song_taste.taste_learns_from_plays",
        cell("song_taste", weight=0.0),
    ),
    Defect("worst candidate first", "ranked_candidates.ranked_scores_fall", _ranked("scores", lambda m: m[::-1])),
    Defect(
        "a NaN ranked",
        "ranked_candidates.ranked_scores_are_finite",
        _ranked("scores", lambda m: [float("nan"), *m[1:]]),
    ),
    Defect(
        "a playlist ranked that was no candidate",
        "ranked_candidates.ranked_playlists_are_candidates",
        _ranked("playlists", lambda m: [next(p for p in range(9999) if p not in m), *m[1:]]),
    ),
    Defect("a session sent twice", "user_feedback.sessions_are_not_sent_twice", _again_at_once),
    Defect("a recommendation answered again", "user_feedback.recommendations_are_answered_once", _replay),
    Defect("a session of tomorrow", "user_feedback.sessions_are_in_the_past", _tomorrow),
    Defect("a bot", "user_feedback.listeners_answer_at_human_speed", _bot),
    Defect("a listener who always likes the first", "user_feedback.listeners_look_beyond_one_position", _habit),
    Defect("a power user", "user_feedback.no_listener_dominates", _power_user),
    Defect("several likes in a session", "user_feedback.sessions_have_one_like", _several_likes),
    Defect("no like in a session", "user_feedback.sessions_have_one_like", _no_like),
    Defect("a like of what was not shown", "user_feedback.the_liked_was_shown", _feedback(liked=999_999_999)),
    Defect(
        "a playlist shown twice",
        "user_feedback.shown_playlists_are_distinct",
        lambda w: {
            "user_feedback": with_members(w["user_feedback"], "shown", lambda m: [m[0], m[0], *m[2:]]),
            "feedback_scores": None,
        },
    ),
    Defect("feedback of an unknown user", "user_feedback.feedback_users_exist", _feedback(user_id=4_000_000)),
    Defect(
        "feedback on an unpublished model",
        "user_feedback.feedback_names_a_published_model",
        _feedback(model_version="v9"),
    ),
    Defect("a day almost without feedback", "user_feedback.daily_volume_is_as_usual", _outage),
    Defect(
        "feedback that stopped coming",
        "user_feedback.feedback_is_fresh",
        lambda w: {"now_at": w["now_at"] + timedelta(days=9)},
    ),
    Defect(
        "a feedback block with its positive as negative",
        "feedback_blocks.positive_is_not_among_the_negatives",
        lambda w: {
            "feedback_blocks": with_members(
                w["feedback_blocks"], "negatives", lambda m: [w["feedback_blocks"]["positive"][0], *m[1:]]
            )
        },
    ),
    Defect(
        "a feedback block without negatives",
        "feedback_blocks.feedback_negatives_are_one_to_four",
        cell("feedback_blocks", negatives=[]),
    ),
    Defect(
        "a session set aside without a reason",
        "quarantined_feedback.quarantined_feedback_says_why",
        cell("quarantined_feedback", reason=""),
    ),
    Defect("an event of tomorrow", "listener_events.events_are_in_the_past", _event_of_tomorrow),
    Defect(
        "an event of a song and of a playlist",
        "listener_events.events_are_of_one_thing",
        cell("listener_events", song_id="SO0", pid=1),
    ),
    Defect(
        "an event stored twice",
        "listener_events.events_are_stored_once",
        lambda w: {"listener_events": repeated(w["listener_events"])},
    ),
    Defect("a program that plays songs", "listener_events.listeners_listen_at_human_speed", _playing_program),
    Defect("a day of thirty hours", "listener_events.a_day_has_no_more_seconds_than_it_has", _endless_day),
    Defect("a listener with most of the events", "listener_events.no_listener_makes_most_events", _one_listens),
    Defect(
        "songs that everybody skips",
        "listener_events.most_of_what_is_offered_is_not_skipped",
        lambda w: {"listener_events": w["listener_events"].with_columns(kind=pl.lit("skip"))},
    ),
    Defect(
        "a skip that counts as a like",
        "listener_event_days.grades_are_those_of_the_deeds",
        lambda w: {
            "listener_event_days": w["listener_event_days"].with_columns(
                grade=pl.when(pl.col("kind") == "skip").then(1.0).otherwise("grade")
            )
        },
    ),
    Defect(
        "an event set aside without a reason",
        "quarantined_events.quarantined_events_say_why",
        cell("quarantined_events", reason=""),
    ),
    Defect(
        "a play of nobody who listened",
        "listener_plays.plays_since_are_of_listeners_who_sent_them",
        cell("listener_plays", user_id="f" * 40),
    ),
    Defect(
        "a session twice in the window",
        "training_window.window_sessions_are_unique",
        lambda w: {"training_window": repeated(w["training_window"])},
    ),
    Defect(
        "an old session in the window",
        "training_window.window_sessions_are_recent",
        lambda w: {"window_from": w["window_from"] + timedelta(days=3)},
    ),
    Defect(
        "a test like trained on",
        "training_window.window_trains_on_no_held_out_like",
        lambda w: _trained_on(w, w["splits"].filter(pl.col("split").cast(pl.String) == "test")),
    ),
    Defect(
        "a like of a cold user trained on",
        "training_window.window_trains_on_no_like_of_a_cold_user",
        lambda w: _trained_on(w, w["liked_playlists"].join(w["cold_users"].select("user"), on="user", how="semi")),
    ),
    Defect(
        "a window trained on whole",
        "training_window.window_train_share_is_as_set",
        lambda w: {"training_window": w["training_window"].with_columns(split=pl.lit("train"))},
    ),
    Defect(
        "an evaluation twice",
        "bpr_evaluation.systems_are_evaluated_once",
        lambda w: {"bpr_evaluation": repeated(w["bpr_evaluation"])},
    ),
    Defect(
        "playlist vectors all alike",
        "bpr_checkpoint.playlist_vectors_tell_playlists_apart",
        _vectors("playlist_vectors", lambda v: v * 0),
    ),
    Defect(
        "a playlist ranked without a score",
        "ranked_candidates.ranked_lists_are_as_long_as_their_scores",
        _ranked("scores", lambda m: m[:-1]),
    ),
    Defect(
        "a playlist ranked twice",
        "ranked_candidates.ranked_playlists_are_distinct",
        _ranked("playlists", lambda m: [m[0], m[0], *m[2:]]),
    ),
    Defect("sessions that show three", "user_feedback.sessions_show_five", _short_sessions),
    Defect(
        "feedback on an unknown playlist",
        "user_feedback.feedback_playlists_exist",
        lambda w: {
            "user_feedback": with_members(w["user_feedback"], "shown", lambda m: [999_999_999, *m[1:]]),
            "feedback_scores": None,
        },
    ),
    Defect("two listeners with a sixth of the sessions", "user_feedback.power_users_are_no_majority", _power_users),
    Defect("nearly all feedback of a few", "user_feedback.feedback_is_spread", _few_listeners),
    Defect(
        "a session of tomorrow in the window",
        "training_window.window_sessions_are_in_the_past",
        lambda w: cell("training_window", created_at=w["now_at"] + timedelta(days=1))(w),
    ),
    Defect(
        "a session that counts for nothing",
        "training_window.window_trains_on_what_counts",
        lambda w: {"training_window": w["training_window"].with_columns(copies=pl.lit(0, pl.UInt8))},
    ),
)
