"""Feedback load in a process of its own: `python -m benchmarks.feedback_load '<JSON of Plan>'`.

Each connection sends one feedback after another, with a key of its own for each, and sends it again until it is
acknowledged, whatever becomes of the service. The acknowledged ones are written to a file, `user:key` a line.
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop

HANG_SECONDS = 12.0


@dataclass
class Plan:
    """Where to send, how long, and where the acknowledged keys go."""

    port: int
    seconds: float
    connections: int
    users: int
    pids: list[int]
    acknowledged: str


@dataclass
class Result:
    """Counts, acknowledgements by second since the start, and the slowest answer in seconds."""

    acknowledged: int = 0
    refused: int = 0
    broken: int = 0
    hung: int = 0
    other: int = 0
    slowest: float = 0.0
    by_second: list[int] = field(default_factory=list)


class FeedbackLoad:
    """The state of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.result = Result(by_second=[0] * (int(plan.seconds) + 60))
        self.keys: list[str] = []
        self.random = random.Random(3)
        self.number = 0
        self.start = time.perf_counter()

    async def run(self) -> Result:
        """Sends until the time is over; what was begun then is still seen through."""
        await asyncio.gather(*(self._client() for _ in range(self.plan.connections)))
        Path(self.plan.acknowledged).write_text("\n".join(self.keys), encoding="ascii")
        return self.result

    async def _client(self) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while time.perf_counter() - self.start < self.plan.seconds:
            key, request = self._feedback()
            while True:
                began, status = time.perf_counter(), 0
                try:
                    async with asyncio.timeout(HANG_SECONDS):
                        streams = streams or await asyncio.open_connection("127.0.0.1", self.plan.port)
                        status = await _exchange(*streams, request)
                except TimeoutError:
                    self.result.hung += 1
                except (OSError, asyncio.IncompleteReadError):
                    self.result.broken += 1
                if status:
                    self.result.slowest = max(self.result.slowest, time.perf_counter() - began)
                if status == 200:
                    self._acknowledged(key)
                    break
                if streams is not None and status == 0:
                    streams[1].close()
                    streams = None
                self.result.refused += status == 503
                self.result.other += status not in (0, 200, 503)
                await asyncio.sleep(0.1)
        if streams is not None:
            streams[1].close()

    def _feedback(self) -> tuple[str, bytes]:
        self.number += 1
        user = self.random.randrange(self.plan.users)
        key = f"load-{self.number}"
        liked, *others = self.random.sample(self.plan.pids, 5)
        body = json.dumps({"user_id": user, "like_playlist": liked, "other_playlists": others})
        head = "POST /feedback HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        head += f"idempotency-key: {key}\r\n"
        return f"{user}:{key}", f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()

    def _acknowledged(self, key: str) -> None:
        self.keys.append(key)
        self.result.acknowledged += 1
        self.result.by_second[int(time.perf_counter() - self.start)] += 1


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    place = head.find(b"content-length: ") + 16
    await reader.readexactly(int(head[place : head.find(b"\r", place)]))
    return int(head[9:12])


def main() -> None:
    plan = Plan(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(uvloop.run(FeedbackLoad(plan).run()))))


if __name__ == "__main__":
    main()
