"""What both systems of sequences are held to: findings on their evaluations, and the rules of their answers."""

from dataclasses import replace

import polars as pl

from quality.rules.shapes import duplicates
from quality.rules.verdict import Finding, Rule, offending_rows, rule, within

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


@rule()
def are_new(answers: pl.DataFrame) -> Finding:
    """No list names a song that was shown, by whatever URI, nor one twice."""
    shown = answers.filter(pl.col("shown"))
    return offending_rows(shown, answers.height) if shown.height else duplicates(answers, "request", "song")


@rule()
def are_no_imitations(answers: pl.DataFrame) -> Finding:
    """No list names karaoke, a tribute or a lullaby version."""
    return offending_rows(answers.filter(pl.col("imitation")), answers.height)


@rule()
def vary_artists(answers: pl.DataFrame) -> Finding:
    """At most two of ten songs in a row are by one artist, while others are left.

    The value is the share of lists in which an artist has more.
    """
    over = 0
    for (_,), rows in answers.sort("place").group_by("request", maintain_order=True):
        artists = rows["artist"].to_list()
        over += any(
            artists[max(0, i - IN_A_ROW + 1) : i + 1].count(artist) > PER_ARTIST for i, artist in enumerate(artists)
        )
    lists = answers["request"].n_unique()
    return within(over / max(lists, 1), None, MOST_OVER, lists)


@rule()
def have_true_reasons(answers: pl.DataFrame) -> Finding:
    """What `follows` a song or stands `together` with it does so in a stored playlist."""
    return offending_rows(answers.filter(~pl.col("true_reason")), answers.height)


@rule()
def differ(answers: pl.DataFrame) -> Finding:
    """Playlists get lists of their own.

    The value is the number of distinct songs, as a multiple of one list's length: one list for everybody has 1.
    """
    lists = max(answers["request"].n_unique(), 1)
    return within(answers["song"].n_unique() / max(answers.height / lists, 1), min(1.5, lists), None, lists)


_OF_ANSWERS = (are_new, are_no_imitations, vary_artists, have_true_reasons, differ)


def answer_rules(asset: str, answers: str, prefix: str) -> tuple[Rule, ...]:
    """The rules of a system's answers, judged as its published asset: `prefix` begins each rule's name."""
    own = (shared.on(asset, answers=answers) for shared in _OF_ANSWERS)
    return tuple(replace(shared, name=f"{prefix}_{shared.name}") for shared in own)
