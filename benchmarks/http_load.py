"""A load generator in a process of its own: `python -m benchmarks.http_load '<JSON of Plan>'` prints a JSON of Result.

Raw HTTP/1.1 over kept connections: a general client costs more per request than the service under test, and would
measure itself. Closed loop (each connection sends as soon as it is answered) or open loop (requests leave at a fixed
rate whatever the answers do, so that waiting in line for a connection counts).
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field

import numpy as np
import uvloop

PREPARED = 512
LATE_SECONDS = 0.003


@dataclass
class Plan:
    """What to send. `rate` 0: closed loop; else requests a second over all connections."""

    port: int
    seconds: float
    connections: int
    users_per_request: int = 1
    users: int = 100_000
    rate: float = 0.0
    path: str = "/api/playlist/recommend/"
    seed: int = 1


@dataclass
class Result:
    """What came back; latencies in milliseconds."""

    requests: int = 0
    failures: int = 0
    seconds: float = 0.0
    percentiles: dict[str, float] = field(default_factory=dict)


def prepared(plan: Plan) -> list[bytes]:
    """Requests for random users."""
    generator = np.random.default_rng(plan.seed)
    requests = []
    for _ in range(PREPARED):
        body = json.dumps({"user_ids": generator.integers(0, plan.users, plan.users_per_request).tolist()})
        head = f"POST {plan.path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        requests.append(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
    return requests


class Connection(asyncio.Protocol):
    """One kept connection with at most one request under way."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.transport: asyncio.Transport | None = None
        self.sent_at = 0.0
        self._buffer = b""
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def send(self, request: bytes, at: float) -> None:
        self.sent_at = at
        self._buffer, self._wanted = b"", 0
        self.transport.write(request)  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._wanted:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            place = self._buffer.lower().find(b"content-length: ", 0, end)
            self._wanted = end + 4 + int(self._buffer[place + 16 : self._buffer.find(b"\r", place)])
        if len(self._buffer) >= self._wanted:
            self.load.answered(self, self._buffer.startswith(b"HTTP/1.1 200"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.result.failures += not self.load.over


class Load:
    """The state of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = prepared(plan)
        self.result = Result()
        self.latencies: list[float] = []
        self.waiting: list[float] = []
        self.idle: list[Connection] = []
        self.over = False
        self._next = 0

    def request(self) -> bytes:
        self._next = (self._next + 1) % PREPARED
        return self.requests[self._next]

    def answered(self, connection: Connection, ok: bool) -> None:
        now = time.perf_counter()
        self.latencies.append(now - connection.sent_at)
        self.result.failures += not ok
        if self.over:
            return
        if not self.plan.rate:
            connection.send(self.request(), now)
        elif self.waiting:
            connection.send(self.request(), self.waiting.pop(0))
        else:
            self.idle.append(connection)

    async def run(self) -> Result:
        loop = asyncio.get_running_loop()
        made = [
            (await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.plan.port))[1]
            for _ in range(self.plan.connections)
        ]
        start = time.perf_counter()
        if self.plan.rate:
            await self._open_loop(made, start)
        else:
            for connection in made:
                connection.send(self.request(), start)
            await asyncio.sleep(self.plan.seconds)
        self.over = True
        self.result.seconds = time.perf_counter() - start
        self.result.requests = len(self.latencies)
        values = np.array(self.latencies) * 1000
        for name, share in (("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9), ("max", 100)):
            self.result.percentiles[name] = round(float(np.percentile(values, share)), 3)
        return self.result

    async def _open_loop(self, made: list[Connection], start: float) -> None:
        self.idle = list(made)
        due, gap = start, 1 / self.plan.rate
        while due < start + self.plan.seconds:
            now = time.perf_counter()
            if now - due > LATE_SECONDS:
                # this process was not given the processor: sending the backlog at once would be another load
                due = now
            while due <= now:
                if self.idle:
                    # how late this process itself is must not count against the service
                    self.idle.pop().send(self.request(), time.perf_counter())
                else:
                    self.waiting.append(due)
                due += gap
            await asyncio.sleep(max(0.0, min(due - time.perf_counter(), 0.001)))


def main() -> None:
    plan = Plan(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(uvloop.run(Load(plan).run()))))


if __name__ == "__main__":
    main()
