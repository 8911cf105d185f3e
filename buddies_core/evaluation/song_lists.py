"""Metrics of long lists of songs by the rules of the Million Song Dataset Challenge: mAP@500 beside what ten show.

A listener who holds something out is judged, one without a list counts 0, and songs that nobody in training has stay in
every divisor. Intervals are 95 %, bootstrap over listeners, 2,000 draws; differences are paired on the same draws.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from buddies_core.evaluation.lists import DRAWS, Figure

SHOWN, MOST = 10, 500
METRICS = ("map500", "precision", "recall", "ndcg", "recall100", "recall500", "hit")
_GAINS = 1 / np.log2(np.arange(2, SHOWN + 2))
_IDEAL = np.cumsum(_GAINS)


@dataclass(frozen=True)
class SongReport:
    """What lists are worth: `figures` by metric, listeners judged in order, and their own values in `each`."""

    users: list[str]
    figures: dict[str, Figure]
    each: dict[str, np.ndarray] = field(repr=False)


def evaluate_songs(lists: Mapping[str, Sequence[str]], held_out: Mapping[str, Iterable[str]]) -> SongReport:
    """The report of lists, best first; a song that comes twice in a list counts where it comes first."""
    wanted = {user: set(songs) for user, songs in held_out.items()}
    users = sorted(user for user, songs in wanted.items() if songs)
    each = {name: np.zeros(len(users)) for name in METRICS}
    for place, user in enumerate(users):
        listed = list(dict.fromkeys(lists.get(user, ())))[:MOST]
        for name, value in of_list(listed, wanted[user]).items():
            each[name][place] = value
    weights = _draws(len(users))
    figures = {
        name: _figure(float(values.mean()), weights @ values / max(len(users), 1)) for name, values in each.items()
    }
    return SongReport(users, figures, each)


def of_list(listed: Sequence[str], wanted: set[str]) -> dict[str, float]:
    """The metrics of one list of different songs."""
    got = np.zeros(MOST, bool)
    got[: len(listed)] = [song in wanted for song in listed]
    hits = np.cumsum(got)
    return {
        "map500": float((got * hits / np.arange(1, MOST + 1)).sum() / min(MOST, len(wanted))),
        "precision": float(hits[SHOWN - 1] / SHOWN),
        "recall": float(hits[SHOWN - 1] / len(wanted)),
        "ndcg": float((got[:SHOWN] * _GAINS).sum() / _IDEAL[min(SHOWN, len(wanted)) - 1]),
        "recall100": float(hits[99] / len(wanted)),
        "recall500": float(hits[-1] / len(wanted)),
        "hit": float(hits[SHOWN - 1] > 0),
    }


def paired_songs(left: SongReport, right: SongReport, rows: np.ndarray | None = None) -> dict[str, Figure]:
    """Left less right by metric on the same listeners, with the interval of the paired bootstrap.

    Args:
        rows: places of the listeners compared; unset: all.

    Raises:
        ValueError: the reports judge different listeners.
    """
    if left.users != right.users:
        raise ValueError("the two reports judge different listeners; evaluate both on the same held-out plays")
    chosen = np.arange(len(left.users)) if rows is None else rows
    weights = _draws(len(chosen))
    found = {}
    for name in METRICS:
        apart = (left.each[name] - right.each[name])[chosen]
        found[name] = _figure(float(apart.mean()) if len(apart) else 0.0, weights @ apart / max(len(apart), 1))
    return found


def of_segment(report: SongReport, rows: np.ndarray) -> dict[str, Figure]:
    """The figures of some of the listeners, by place."""
    weights = _draws(len(rows))
    return {
        name: _figure(float(values[rows].mean()) if len(rows) else 0.0, weights @ values[rows] / max(len(rows), 1))
        for name, values in report.each.items()
    }


@dataclass(frozen=True, slots=True)
class Beyond:
    """What accuracy does not say of lists.

    Attributes:
        coverage_item: different songs among the first ten / catalogue. coverage_user: judged listeners with a list.
        novelty: share of recommended pairs that the listener does not have in training; must be 1.
        novelty_by_text: the same where songs of one text are one song.
        ceiling: mean share of what is held out that training knows at all.
        mean_popularity: listeners in training of a song among the first ten.
        artists: different artists in ten, mean over lists, of songs whose artist is known.
        duplicates: songs that come twice in a list.
    """

    coverage_item: float
    coverage_user: float
    novelty: float
    novelty_by_text: float
    ceiling: float
    mean_popularity: float
    artists: float
    duplicates: int


def beyond(
    lists: Mapping[str, Sequence[str]],
    train: Mapping[str, set[str]],
    held_out: Mapping[str, set[str]],
    *,
    text: Mapping[str, str] | None = None,
    artist: Mapping[str, str] | None = None,
) -> Beyond:
    """Figures beyond accuracy.

    Args:
        train, held_out: songs by listener.
        text, artist: canonical key and artist of songs whose text is known.
    """
    texts, artists = text or {}, artist or {}
    catalogue = set().union(*train.values()) if train else set()
    shown = {user: list(listed)[:SHOWN] for user, listed in lists.items()}
    popularity: dict[str, int] = {}
    for songs in train.values():
        for song in songs:
            popularity[song] = popularity.get(song, 0) + 1
    pairs = fresh = fresh_text = 0
    for user, listed in lists.items():
        known = train.get(user, set())
        known_texts = {texts[song] for song in known if song in texts}
        pairs += len(listed)
        fresh += sum(song not in known for song in listed)
        fresh_text += sum(song not in known and texts.get(song) not in known_texts for song in listed)
    shares = [len(songs & catalogue) / len(songs) for songs in held_out.values() if songs]
    judged = [user for user, songs in held_out.items() if songs]
    distinct = {song for listed in shown.values() for song in listed}
    counts = [popularity.get(song, 0) for listed in shown.values() for song in listed]
    by_artist = [len({artists[song] for song in listed if song in artists}) for listed in shown.values() if listed]
    return Beyond(
        coverage_item=len(distinct) / max(len(catalogue), 1),
        coverage_user=sum(bool(lists.get(user)) for user in judged) / max(len(judged), 1),
        novelty=fresh / max(pairs, 1),
        novelty_by_text=fresh_text / max(pairs, 1),
        ceiling=float(np.mean([0.0, *shares][bool(shares) :])),
        mean_popularity=float(np.mean(counts or [0])),
        artists=float(np.mean(by_artist or [0])),
        duplicates=sum(len(listed) - len(set(listed)) for listed in lists.values()),
    )


def _draws(n: int) -> np.ndarray:
    if not n:
        return np.zeros((DRAWS, 0))
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(np.float64)


def _figure(value: float, drawn: np.ndarray) -> Figure:
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return Figure(value, low, high)
