"""What the service counts, in Prometheus' terms.

Requests are counted in plain lists and turned into metric families when scraped: a labelled histogram of the client
library costs several microseconds an observation, a tenth of the whole request.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

LATENCY_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LENGTH_BUCKETS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 50.0, 100.0)


class Tally:
    """A histogram's counts without its labels: an observation is one bisection."""

    def __init__(self, buckets: tuple[float, ...]) -> None:
        self.buckets = buckets
        self.counts = [0] * (len(buckets) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Adds `value`, `times` times."""
        self.counts[bisect_left(self.buckets, value)] += times
        self.total += value * times

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper bound, count at or below) of each bucket, as the exposition format wants them."""
        bounds = [*map(str, self.buckets), "+Inf"]
        running, pairs = 0, []
        for bound, count in zip(bounds, self.counts, strict=True):
            running += count
            pairs.append((bound, float(running)))
        return pairs


class RouteTally:
    """Requests of one route: durations in seconds, and answers by status."""

    def __init__(self) -> None:
        self.seconds = Tally(LATENCY_BUCKETS)
        self.statuses: dict[int, int] = {}

    def add(self, status: int, seconds: float) -> None:
        """Counts one answered request."""
        self.seconds.observe(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1


class Metrics:
    """All figures of one process. Plain attributes are incremented in place; `gauges` are read when scraped."""

    def __init__(self) -> None:
        self.routes: dict[str, RouteTally] = {}
        self.inferences = Tally(LATENCY_BUCKETS)
        self.list_lengths = Tally(LENGTH_BUCKETS)
        self.recommended_users = 0
        self.cold_users = 0
        self.feedback_accepted = 0
        self.feedback_stored = 0
        self.feedback_spooled = 0
        self.feedback_replayed = 0
        self.feedback_repeated = 0
        self.feedback_refused: dict[str, int] = {}
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.versions: Callable[[], dict[str, str]] = dict
        self.build: dict[str, str] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def route(self, name: str) -> RouteTally:
        """The tally of a route, by its template (`/api/playlists/{id}`), never by a path with ids in it."""
        tally = self.routes.get(name)
        if tally is None:
            tally = self.routes[name] = RouteTally()
        return tally

    def refuse(self, reason: str) -> None:
        """Counts feedback that was not taken."""
        self.feedback_refused[reason] = self.feedback_refused.get(reason, 0) + 1

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)

    def describe(self) -> Iterator[Metric]:
        """Nothing: the families are only known when collected."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All families, as prometheus_client asks for them."""
        requests = CounterMetricFamily("buddies_requests", "Requests answered", labels=["route", "status"])
        latency = HistogramMetricFamily("buddies_request_seconds", "Time to answer a request", labels=["route"])
        for name, tally in self.routes.items():
            for status, count in tally.statuses.items():
                requests.add_metric([name, str(status)], count)
            latency.add_metric([name], tally.seconds.cumulative(), tally.seconds.total)
        yield requests
        yield latency
        yield _histogram("buddies_inference_seconds", "Time to make the lists of a request", self.inferences)
        yield _histogram("buddies_list_length", "Playlists in a list", self.list_lengths)
        for name, text, value in self._counters():
            yield CounterMetricFamily(name, text, value=value)
        refused = CounterMetricFamily("buddies_feedback_refused", "Feedback not taken", labels=["reason"])
        for reason, count in self.feedback_refused.items():
            refused.add_metric([reason], count)
        yield refused
        info = GaugeMetricFamily("buddies_model_info", "Versions served", labels=["arm", "version"])
        for arm, version in self.versions().items():
            info.add_metric([arm, version], 1.0)
        yield info
        build = GaugeMetricFamily("buddies_build_info", "The program that runs", labels=list(self.build))
        build.add_metric(list(self.build.values()), 1.0)
        yield build
        for name, (text, read) in self.gauges.items():
            yield GaugeMetricFamily(name, text, value=read())

    def _counters(self) -> list[tuple[str, str, int]]:
        return [
            ("buddies_recommended_users", "Users who were given a list", self.recommended_users),
            ("buddies_cold_users", "Users who were given the most liked playlists", self.cold_users),
            ("buddies_feedback_accepted", "Feedback acknowledged", self.feedback_accepted),
            ("buddies_feedback_stored", "Feedback rows new in PostgreSQL", self.feedback_stored),
            ("buddies_feedback_spooled", "Feedback written to the spool", self.feedback_spooled),
            ("buddies_feedback_replayed", "Feedback moved from the spool to PostgreSQL", self.feedback_replayed),
            ("buddies_feedback_repeated", "Feedback that was stored already", self.feedback_repeated),
        ]


def _histogram(name: str, text: str, tally: Tally) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, text, buckets=tally.cumulative(), sum_value=tally.total)
