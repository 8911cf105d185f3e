"""Rules of a trained checkpoint and of what it ranks: finite, not permuted, not stale.

A checkpoint is judged by its arrays and by a few thousand triplets: a model that orders the pairs it was trained on
no better than chance has lost its rows' meaning, whatever its loss said.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from quality.rules.members import with_equal_members
from quality.rules.shapes import as_lists, exploded, members_that_are, repeated_members, with_partner
from quality.rules.verdict import Finding, Severity, offending_rows, rule, within

PROBES = 20_000
LEAST_TRAIN_AUC = 0.60
LEAST_LENGTH = 1e-6
SHOWN = 5


def _unsound(values: np.ndarray, name: str) -> Finding:
    bad = np.flatnonzero(~np.isfinite(np.asarray(values)).all(axis=1))
    sample = pl.DataFrame({name: bad[:10]})
    return Finding(float(len(bad)), None, 0.0, len(bad), len(values), sample, counts_rows=True)


@rule(asset="bpr_checkpoint", blocking=True)
def user_vectors_are_finite(user_vectors: np.ndarray) -> Finding:
    """No user vector holds a NaN or an infinity: a NaN score would rank first."""
    return _unsound(user_vectors, "user")


@rule(asset="bpr_checkpoint", blocking=True)
def playlist_vectors_are_finite(user_vectors: np.ndarray, playlist_vectors: np.ndarray) -> Finding:
    """No playlist vector holds a NaN or an infinity."""
    return _unsound(playlist_vectors, "playlist")


@rule(asset="bpr_checkpoint", blocking=True)
def there_is_a_vector_for_each_row(
    user_vectors: np.ndarray, playlist_vectors: np.ndarray, n_users: int, n_playlists: int
) -> Finding:
    """Vectors are users × d and playlists × d, one for each row of the libraries."""
    wrong = [
        {"what": what, "found": found, "expected": expected}
        for what, found, expected in (
            ("users", len(user_vectors), n_users),
            ("playlists", len(playlist_vectors), n_playlists),
            ("dimension", user_vectors.shape[1], playlist_vectors.shape[1]),
        )
        if found != expected
    ]
    return offending_rows(pl.DataFrame(wrong), 3)


@rule(asset="bpr_checkpoint", blocking=True)
def vectors_tell_users_apart(user_vectors: np.ndarray) -> Finding:
    """User vectors are neither all zero nor all the same: their spread is above 10⁻⁶."""
    spread = float(np.std(np.asarray(user_vectors, np.float64), axis=0).max()) if len(user_vectors) else 0.0
    return within(spread, LEAST_LENGTH, None, len(user_vectors))


@rule(asset="bpr_checkpoint", blocking=True)
def playlist_vectors_tell_playlists_apart(user_vectors: np.ndarray, playlist_vectors: np.ndarray) -> Finding:
    """Playlist vectors are neither all zero nor all the same: their spread is above 10⁻⁶."""
    spread = float(np.std(np.asarray(playlist_vectors, np.float64), axis=0).max()) if len(playlist_vectors) else 0.0
    return within(spread, LEAST_LENGTH, None, len(playlist_vectors))


@rule(asset="bpr_checkpoint", blocking=True)
def the_model_knows_its_training_pairs(
    user_vectors: np.ndarray, playlist_vectors: np.ndarray, triplets: pl.DataFrame
) -> Finding:
    """In at least 60 % of trained triplets the positive scores higher: with permuted rows it is 50 %."""
    probe = triplets.head(PROBES)
    users, ups, downs = (probe[c].to_numpy() for c in ("user", "positive", "negative"))
    known = (users < len(user_vectors)) & (np.maximum(ups, downs) < len(playlist_vectors))
    if not known.any() or user_vectors.shape[1] != playlist_vectors.shape[1]:
        return within(None, LEAST_TRAIN_AUC, None, probe.height)
    u = np.asarray(user_vectors)[users[known]]
    gap = (u * (np.asarray(playlist_vectors)[ups[known]] - np.asarray(playlist_vectors)[downs[known]])).sum(axis=1)
    return within(float((gap > 0).mean()), LEAST_TRAIN_AUC, None, int(known.sum()))


@rule(asset="bpr_checkpoint", blocking=True)
def the_model_is_of_these_data(model_card: Mapping[str, Any], current_inputs: Mapping[str, str]) -> Finding:
    """The fingerprints of the data that the model was trained on are those of the data that are stored now."""
    trained_on = model_card.get("inputs", {})
    wrong = [
        {"dataset": name, "trained_on": str(trained_on.get(name)), "stored": fingerprint}
        for name, fingerprint in sorted(current_inputs.items())
        if trained_on.get(name) != fingerprint
    ]
    return offending_rows(pl.DataFrame(wrong), len(current_inputs))


@rule(asset="bpr_checkpoint", severity=Severity.WARN)
def the_loss_fell(model_card: Mapping[str, Any]) -> Finding:
    """The last epoch's loss is finite and not above the first's."""
    losses = [float(loss) for loss in model_card["losses"]]
    if not losses:
        # Nothing was trained, or of its training nothing is known: either should be looked at.
        return within(None, None, None)
    return within(losses[-1], None, losses[0], len(losses), pl.DataFrame({"loss": losses}))


@rule(blocking=True)
def ranked_lists_are_as_long_as_their_scores(ranked_candidates: pl.DataFrame) -> Finding:
    """A user has as many scores as playlists."""
    wrong = pl.col("playlists").list.len() != pl.col("scores").list.len()
    return offending_rows(ranked_candidates.filter(wrong), ranked_candidates.height)


@rule(blocking=True)
def ranked_scores_are_finite(ranked_candidates: pl.DataFrame) -> Finding:
    """No ranked score is NaN or infinite."""
    bad = pl.col("scores").list.eval(~pl.element().is_finite()).list.any()
    return offending_rows(ranked_candidates.filter(bad.fill_null(False)), ranked_candidates.height)


@rule(blocking=True)
def ranked_scores_fall(ranked_candidates: pl.DataFrame) -> Finding:
    """Scores never rise along a user's list: the best comes first."""
    falls = pl.col("scores").list.eval(pl.element().diff().fill_null(0) <= 0).list.all()
    return offending_rows(ranked_candidates.filter(~falls.fill_null(True)), ranked_candidates.height)


@rule(blocking=True)
def ranked_playlists_are_distinct(ranked_candidates: pl.DataFrame) -> Finding:
    """A playlist is ranked once for a user."""
    return repeated_members(ranked_candidates, "playlists")


@rule(blocking=True)
def ranked_playlists_are_candidates(
    ranked_candidates: pl.DataFrame, candidates: pl.DataFrame, taste_candidates: pl.DataFrame
) -> Finding:
    """The ranked playlists of a user are all that one source offers them and no other: of taste, or of neighbours."""
    keys = ["user", "playlist"]
    lists = [
        as_lists(f.select("user", "playlists"), "playlists") for f in (ranked_candidates, candidates, taste_candidates)
    ]
    total = max(frame["playlists"].explode().drop_nulls().len() for frame in lists[:2])
    # Nearly all users have just what one source offers: only the others' lists are compared member by member.
    equal = pl.concat([with_equal_members(lists[0], offered, "user", "playlists") for offered in lists[1:]])
    ranked, neighbours, taste = (
        exploded(frame.join(equal, on="user", how="anti"), "playlists", "playlist").select(keys) for frame in lists
    )

    def differing(offered: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([ranked.join(offered, on=keys, how="anti"), offered.join(ranked, on=keys, how="anti")])

    of_neighbours, of_taste = differing(neighbours), differing(taste)
    wrong = of_taste.join(of_neighbours.select("user").unique(), on="user", how="semi")
    return offending_rows(wrong, total)


@rule(blocking=True)
def taste_offers_nothing_that_the_user_owns(
    taste_candidates: pl.DataFrame, playlist_ownership: pl.DataFrame
) -> Finding:
    """No playlist that taste chose is one that the user owns."""
    owned = playlist_ownership.select(pl.col("owner").alias("user"), "playlist")
    return members_that_are(taste_candidates, "playlists", owned, "user", "playlist")


@rule(blocking=True)
def taste_offers_playlists_that_exist(taste_candidates: pl.DataFrame, n_playlists: int) -> Finding:
    """Every playlist that taste chose is a row of the playlist library, and a user's only once."""
    listed = as_lists(taste_candidates, "playlists")
    outside = listed.filter(pl.col("playlists").list.max() >= n_playlists)
    twice = listed.filter(pl.col("playlists").list.n_unique() != pl.col("playlists").list.len())
    return offending_rows(pl.concat([outside, twice]), taste_candidates.height)


@rule(blocking=True)
def gains_of_taste_never_rise(taste_candidates: pl.DataFrame) -> Finding:
    """A list of taste has a finite gain for each playlist, and what a playlist adds falls along the list."""
    gains = pl.col("scores")
    falls = gains.list.eval(pl.element().is_finite() & (pl.element().diff().fill_null(0) <= 0)).list.all()
    wrong = (gains.list.len() != pl.col("playlists").list.len()) | ~falls.fill_null(True)
    return offending_rows(taste_candidates.filter(wrong), taste_candidates.height)


@rule(blocking=True)
def nobody_is_taught_a_playlist_of_their_own(
    taste_positives: pl.DataFrame, playlist_ownership: pl.DataFrame
) -> Finding:
    """No positive of taste is a playlist that the user owns."""
    owned = playlist_ownership.select(pl.col("owner").alias("user"), positive="playlist")
    return with_partner(taste_positives, owned, "user", "positive")


@rule(blocking=True)
def cold_users_are_not_taught(taste_positives: pl.DataFrame, cold_users: pl.DataFrame) -> Finding:
    """The positives marked as cold are those of the users who were set aside, and no others."""
    set_aside = pl.col("user").is_in(cold_users["user"].implode())
    return offending_rows(taste_positives.filter(set_aside != pl.col("cold")), taste_positives.height)


@rule(blocking=True)
def positives_are_best_first(taste_positives: pl.DataFrame) -> Finding:
    """A user's gains are finite and never rise: the first positives are those that taste is surest of."""
    gain = pl.col("gain")
    wrong = ~gain.is_finite() | (gain > gain.shift(1).over("user")).fill_null(False)
    return offending_rows(taste_positives.filter(wrong), taste_positives.height)


@rule(severity=Severity.WARN)
def taste_learns_from_plays(song_taste: pl.DataFrame) -> Finding:
    """What listeners play tells something of what they play besides: its weight in the blend is above zero."""
    plays = song_taste.filter(pl.col("source") == "plays")["weight"].sum()
    return within(float(plays), 1e-9, None, song_taste.height, song_taste)


@rule(asset="ranked_candidates", severity=Severity.WARN)
def no_playlist_is_on_half_of_the_lists(places_by_playlist: pl.DataFrame) -> Finding:
    """The playlist that is shown most is among the first five of fewer than half of all lists.

    The figure is its share of the lists, of five places each. Lists by taste have much in common where much is played
    by all, but what half of the listeners see is no choice made for them.
    """
    lists = int(places_by_playlist["shown"].sum()) / SHOWN
    most = int(places_by_playlist["shown"].max() or 0)  # type: ignore[arg-type]
    return within(most / max(lists, 1.0), None, 0.5, round(lists))
