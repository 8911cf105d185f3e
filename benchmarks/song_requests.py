"""Requests for songs: the offline list by the reference's call and by ours, and with events of minutes ago.

In the process itself, from the bytes of a request to the bytes of its answer, without HTTP: lists of drawn songs, since
how long a look-up takes does not hang on what is looked up. Half of the requests name a listener who was not asked for
yet. Processor time is the figure; `p99` is of single requests.

At 60 % of saturation requests come at random times (Poisson) to one thread, which answers one after the other: how long
the slowest hundredth takes from its arrival on, once by the clock, and once by the processor time that each request
took, which is what the clock would say of a machine that nothing else runs on (Lindley's recursion).
"""

import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.measure import Report, Row
from buddies_core.artifact.served_songs import LISTED, NEAREST, NEAREST_OF_SOURCE, TASTE, publish_songs
from buddies_serving.model.song_lists import song_list
from buddies_serving.model.song_shelf import shelves
from buddies_serving.routes.songs_for import who_is
from buddies_serving.service import Service
from buddies_serving.settings import ServingSettings
from buddies_serving.systems import songs as router
from buddies_serving.types.feedback import Deed, SongName

SIZES = {"small": (2_000, 5_000), "real": (1_630, 83_000), "tenth": (101_932, 384_546), "full": (1_019_318, 384_546)}
SOURCES = ("als", "bpr", "item-kNN", "EASE")
REQUESTS, KNOWN, EVENTS, MOST_WRITTEN = 20_000, 47, 10, 101_932
AIM_REQUESTS, AIM_SECONDS, AIM_SLOWEST = 10_000, 0.001, 0.005
BUSY = 0.6
"""Share of the time in which the thread answers when p99 is measured."""


def run(scale: str) -> Report:
    """Requests a second of one thread; the aims are 10,000 offline lists and a millisecond with fresh events."""
    users, songs = SIZES[scale]
    users = min(users, MOST_WRITTEN)
    report = Report("song_requests")
    with tempfile.TemporaryDirectory(prefix="buddies-songs-") as folder:
        _publish(Path(folder), users, songs)
        service = Service(ServingSettings(_env_file=None, home=folder, postgres_url=None))  # type: ignore[call-arg]
        rng = np.random.default_rng(0)
        names = [f"{user:040x}" for user in rng.integers(0, users, REQUESTS // 2).tolist()]
        asked = names + [names[place] for place in rng.integers(0, len(names), REQUESTS - len(names)).tolist()]
        plain = rng.permutation(np.array(asked)).tolist()
        bodies = [b'{"user_id":"%b","k":10}' % name.encode() for name in plain]
        ours = router.service_routes(service)[("POST", router.PATH)][1]
        shelf = shelves(service.settings).get(None)

        def ids(name: str) -> list[str]:
            made = song_list(shelf.served, shelf.served.find_user(name), count=10)
            return [shelf.song(listed.song).id for listed in made.songs]

        offline = _measured(report, "offline list, ids as the reference answers", ids, plain)
        cards = _measured(report, "offline list, titles and reasons", lambda body: ours(body, {}), bodies)
        for place, name in enumerate(plain):
            number = who_is(service, shelf, name).number
            for event in range(EVENTS):
                song = SongName(f"SO{(place * 31 + event * 977) % songs:016d}", None)
                service.remembered.note(Deed(number, name, float(event), "play", song=song))
        fresh = _measured(report, f"with {EVENTS} events of minutes ago", lambda body: ours(body, {}), bodies)
        slowest = _at_random_times(report, lambda body: ours(body, {}), bodies[: REQUESTS // 4], fresh.rate)
    report.ratios["offline_ids_vs_10_000_a_second"] = offline.rate / AIM_REQUESTS
    report.ratios["offline_with_reasons_vs_10_000_a_second"] = cards.rate / AIM_REQUESTS
    report.ratios["one_ms_vs_request_with_events"] = AIM_SECONDS * fresh.rate
    report.ratios["five_ms_vs_p99_at_60_percent_by_processor"] = AIM_SLOWEST / slowest
    report.notes.append(f"{users:,} listeners, {songs:,} songs, {REQUESTS:,} requests; rates are by processor time")
    return report


T = TypeVar("T")


def _measured(report: Report, step: str, call: Callable[[T], object], requests: Sequence[T]) -> Row:
    seconds = np.empty(len(requests))
    started, cpu = time.perf_counter(), _processor()
    for place, request in enumerate(requests):
        began = time.perf_counter()
        call(request)
        seconds[place] = time.perf_counter() - began
    taken, spent = time.perf_counter() - started, _processor() - cpu
    report.notes.append(f"{step}: p50 {np.median(seconds) * 1e6:.0f} µs, p99 {np.percentile(seconds, 99) * 1e6:.0f} µs")
    return report.add(Row(step, "ours", 1, taken, len(requests) / spent, "requests", cpu_seconds=spent))


def _at_random_times(report: Report, call: Callable[[T], object], requests: Sequence[T], rate: float) -> float:
    """The 99th percentile by processor time of requests that come at random, `BUSY` of `rate` a second; both noted."""
    due = np.cumsum(np.random.default_rng(2).exponential(1 / (BUSY * rate), len(requests)))
    taken, spent = np.empty(len(requests)), np.empty(len(requests))
    started = time.perf_counter()
    for place, request in enumerate(requests):
        early = due[place] - (time.perf_counter() - started)
        if early > 0:
            time.sleep(early)
        processor = time.thread_time()
        call(request)
        spent[place] = time.thread_time() - processor
        taken[place] = time.perf_counter() - started - due[place]
    alone = waited(spent, due) + spent
    by_clock, by_processor = np.percentile(taken, 99), np.percentile(alone, 99)
    report.notes.append(
        f"with {EVENTS} events, {BUSY * rate:,.0f} requests a second at random times ({BUSY:.0%} of saturation): "
        f"p50 {np.median(alone) * 1e3:.2f} ms and p99 {by_processor * 1e3:.2f} ms by processor time, "
        f"{np.median(taken) * 1e3:.2f} and {by_clock * 1e3:.2f} ms by the clock"
    )
    return float(by_processor)


def waited(spent: np.ndarray, due: np.ndarray) -> np.ndarray:
    """How long each request waits for those before it in one queue, seconds (Lindley, 1952).

    Args:
        spent: seconds that each takes; due: when each comes, ascending.
    """
    found = np.zeros(len(spent))
    for place in range(1, len(spent)):
        free = due[place - 1] + found[place - 1] + spent[place - 1]
        found[place] = max(free - due[place], 0.0)
    return found


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _publish(home: Path, users: int, songs: int) -> None:
    rng = np.random.default_rng(1)

    def drawn(*shape: int) -> np.ndarray:
        return rng.integers(0, songs, shape, dtype=np.int32)

    def falling(rows: int, columns: int) -> np.ndarray:
        return np.sort(rng.random((rows, columns), dtype=np.float32), axis=1)[:, ::-1]

    ids = [f"SO{song:016d}" for song in range(songs)]
    arrays = {
        "lists": drawn(users, LISTED),
        "scores": falling(users, LISTED),
        "reasons": rng.integers(1, 4, (users, LISTED)).astype(np.uint8),
        "because": drawn(users, LISTED),
        "known_offsets": np.arange(users + 1, dtype=np.int64) * KNOWN,
        "known": drawn(users * KNOWN),
        "taste": drawn(users, TASTE),
        "plays": falling(users, TASTE),
        "similar": drawn(songs, NEAREST),
        "similar_scores": falling(songs, NEAREST),
        "similar_by_source": drawn(len(SOURCES), songs, NEAREST_OF_SOURCE),
        "listeners": rng.integers(1, 10_000, songs).astype(np.int32),
        "artist_number": rng.integers(0, songs // 8, songs).astype(np.int32),
        "year": np.full(songs, 2000, np.int16),
        "id_row": np.arange(songs, dtype=np.int32),
    }
    titled = [f"Song {song}" for song in range(songs)]
    texts = {
        "user": [f"{user:040x}" for user in range(users)],
        "song": ids,
        "title": titled,
        "artist": [f"Artist {number}" for number in arrays["artist_number"].tolist()],
        "release": titled,
        "uri": [""] * songs,
        "id": ids,
    }
    publish_songs(home, arrays, texts, {"sources": list(SOURCES)})
