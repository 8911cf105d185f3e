"""Findings on evaluations and answers of models of sequences, which the rules of both systems share."""

import polars as pl

from quality.rules.shapes import duplicates
from quality.rules.verdict import Finding, offending_rows, within

SERVED = {"next_track": "blend (served)", "continuation": "two stages (served)"}
"""What evaluations call the model that is served, by system."""
ROOM = 0.03
"""How far a new model may fall short of the one served: chance does so on a few hundred playlists."""
PER_ARTIST, IN_A_ROW = 2, 10
MOST_OVER = 0.1
"""Share of requests in which an artist may stand more often: where too few others are left."""


def beats_popularity(evaluation: pl.DataFrame, served: str, metric: str, kinds: tuple[str, ...]) -> Finding:
    """The least gap between the lower end of the model's interval and the most-popular list."""
    gaps = []
    for kind in kinds:
        rows = evaluation.filter(pl.col("kind") == kind)
        own, popular = (rows.filter(pl.col("model") == name) for name in (served, "most popular"))
        gaps.append(own[f"{metric}_low"][0] - popular[metric][0])
    return within(min(gaps), 0.0, None, len(kinds), evaluation.select("model", "kind", metric))


def keeps_up(evaluation: pl.DataFrame, served: str, metric: str, kind: str, last: float) -> Finding:
    """The model beside the one that is served; 0 stands for none."""
    own = evaluation.filter((pl.col("model") == served) & (pl.col("kind") == kind))[metric][0]
    return within(own, last - ROOM, None, 1)


def plausible(evaluation: pl.DataFrame, metric: str, highest: float) -> Finding:
    """Models that are so good that they must have seen what they are judged by."""
    return offending_rows(evaluation.filter(pl.col(metric) > highest), evaluation.height)


def named_anew(answers: pl.DataFrame) -> Finding:
    """Songs that were shown, or stand twice in a list."""
    shown = answers.filter(pl.col("shown"))
    return offending_rows(shown, answers.height) if shown.height else duplicates(answers, "request", "song")


def imitations(answers: pl.DataFrame) -> Finding:
    """Karaoke, tributes and lullaby versions."""
    return offending_rows(answers.filter(pl.col("imitation")), answers.height)


def capped(answers: pl.DataFrame) -> Finding:
    """Share of lists in which an artist has more than two of ten songs in a row."""
    over = 0
    for (_,), rows in answers.sort("place").group_by("request", maintain_order=True):
        artists = rows["artist"].to_list()
        over += any(
            artists[max(0, i - IN_A_ROW + 1) : i + 1].count(artist) > PER_ARTIST for i, artist in enumerate(artists)
        )
    lists = answers["request"].n_unique()
    return within(over / max(lists, 1), None, MOST_OVER, lists)


def true_reasons(answers: pl.DataFrame) -> Finding:
    """Reasons that name playlists which do not hold both songs so."""
    return offending_rows(answers.filter(~pl.col("true_reason")), answers.height)


def differing(answers: pl.DataFrame) -> Finding:
    """Distinct songs, as a multiple of one list's length: one list for everybody has 1."""
    lists = max(answers["request"].n_unique(), 1)
    return within(answers["song"].n_unique() / max(answers.height / lists, 1), min(1.5, lists), None, lists)
