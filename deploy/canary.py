#!/usr/bin/env python3
"""The verdict on a program canary: is the release beside production as good as it, by what Prometheus has seen?

    canary.py --prometheus http://127.0.0.1:9090 --wait 18000

Compared are the share of failures, by a sequential test that may look as often as it likes (the evidence is a mixture
of likelihood ratios, whose mean is at most 1 while nothing is worse), and p99. Too few requests are no verdict, and no
verdict is no promotion. While a model is on trial nothing is judged: two changes at once cannot be told apart.
Exit codes: 0 as good, 1 worse, 2 undecided.
"""

import argparse
import json
import math
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass

THRESHOLD = 20.0
"""Evidence that ends it: a canary that is no worse is called worse at most once in so many releases."""


@dataclass(frozen=True)
class Seen:
    """Of one release: requests answered, of which by failures, and the 99th percentile in seconds."""

    requests: float
    failures: float
    p99: float


def log_evidence_of_worse(stable: Seen, canary: Seen) -> float:
    """The logarithm of the evidence that the canary fails more often than the stable release, by requests so far.

    A likelihood ratio, mixed evenly over relative rises of the failure share from a half to thirty-twofold. The stable
    share is taken from above (one failure is added), so that chance in a small stable sample does not count against.
    """
    usual = min(0.5, (stable.failures + 1) / max(stable.requests, 1))
    ratios = []
    for rise in (1.5, 2, 4, 8, 16, 32):
        worse = min(0.99, usual * rise)
        healthy = canary.requests - canary.failures
        ratios.append(canary.failures * math.log(worse / usual) + healthy * math.log((1 - worse) / (1 - usual)))
    most = max(ratios)
    return most + math.log(sum(math.exp(ratio - most) for ratio in ratios) / len(ratios))


def verdict(stable: Seen, canary: Seen, *, fewest: int, slower: float) -> tuple[int, str]:
    """(exit code, a sentence)."""
    beside = f"{stable.failures:.0f} of {stable.requests:.0f} beside"
    told = f"{canary.failures:.0f} of {canary.requests:.0f} requests failed, {beside}"
    if canary.requests > 0 and log_evidence_of_worse(stable, canary) > math.log(THRESHOLD):
        return 1, f"worse: {told}"
    if canary.requests < fewest or stable.requests < fewest:
        return 2, f"undecided: {told}; {fewest} of each are wanted"
    if not math.isfinite(canary.p99) or not math.isfinite(stable.p99):
        return 2, "undecided: Prometheus knows no p99"
    if canary.p99 > slower * max(stable.p99, 0.005):
        return 1, f"worse: p99 {1000 * canary.p99:.1f} ms, {1000 * stable.p99:.1f} ms beside"
    return 0, f"as good: {told}; p99 {1000 * canary.p99:.1f} ms, {1000 * stable.p99:.1f} ms beside"


class Prometheus:
    """Prometheus by its HTTP API."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def ask(self, query: str) -> float:
        """The one number of a query; NaN where it has none."""
        address = f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(address, timeout=20) as answer:
            found = json.load(answer)["data"]["result"]
        return float(found[0]["value"][1]) if found else math.nan

    def seen(self, track: str, window: str) -> Seen:
        """What a release did within a window; releases are told apart by the track of their pods."""
        pods = f'job="buddies-serving",buddies_track="{track}"'
        count = f"sum(increase(buddies_requests_total{{{pods}%s}}[{window}]))"
        p99 = f"histogram_quantile(0.99, sum by (le) (rate(buddies_request_seconds_bucket{{{pods}}}[{window}])))"
        failures = self.ask(count % ',status=~"5.."')
        requests = self.ask(count % "")
        return Seen(0.0 if math.isnan(requests) else requests, 0.0 if math.isnan(failures) else failures, self.ask(p99))


def main() -> int:
    """Look until there is a verdict or the time is over; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait for a verdict")
    parser.add_argument("--least", type=float, default=900, help="seconds before `as good` may be said")
    parser.add_argument("--pause", type=float, default=30)
    parser.add_argument("--fewest", type=int, default=1_000)
    parser.add_argument("--slower", type=float, default=1.5, help="p99 beside that of the stable release")
    asked = parser.parse_args()
    prometheus, began = Prometheus(asked.prometheus), time.monotonic()
    while True:
        passed = time.monotonic() - began
        try:
            on_trial = prometheus.ask('count(buddies_model_info{arm="challenger"})')
            window = f"{max(60, int(passed))}s"
            code, said = verdict(prometheus.seen("stable", window), prometheus.seen("canary", window),
                                 fewest=asked.fewest, slower=asked.slower)  # fmt: skip
        except (OSError, ValueError, KeyError) as error:
            code, said, on_trial = 2, f"undecided: Prometheus cannot be asked: {error}", math.nan
        if not math.isnan(on_trial) and on_trial > 0:
            code, said = 2, "undecided: a model is on trial, and two changes at once cannot be told apart"
        if code == 0 and passed < min(asked.least, asked.wait):
            code, said = 2, f"undecided: {said}, but only {passed:.0f} s were looked at"
        if code != 2 or passed >= asked.wait:
            sys.stdout.write(f"{said}\n")
            return code
        time.sleep(asked.pause)


if __name__ == "__main__":
    sys.exit(main())
