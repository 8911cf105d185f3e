"""The other clients during an attack, in a process of their own: `python -m benchmarks.attack_crowd '<JSON of Crowd>'`.

They ask for recommendations and give feedback at a fixed rate over kept connections until a line comes on standard
input, and then print, for every tenth of a second of the wall clock, the longest wait and what went wrong.
"""

import asyncio
import json
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

import uvloop

BUCKETS_A_SECOND = 10
GIVE_UP_SECONDS = 30.0


@dataclass
class Crowd:
    """Whom to ask and how often: requests a second in all, of which a share is feedback."""

    port: int
    rate: float
    connections: int
    users: int
    pids: list[int]
    feedback_share: float = 0.1


@dataclass
class Seen:
    """By tenth of a second since the epoch (as text): longest wait in seconds, answers, and errors by kind."""

    waits: dict[str, float] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    errors: dict[str, Counter[str]] = field(default_factory=dict)


class Client:
    """One caller on one connection; an answer other than 200, and a connection that ends, is an error to them."""

    def __init__(self, crowd: Crowd, seen: Seen, number: int) -> None:
        self.crowd = crowd
        self.seen = seen
        self.random = random.Random(number)
        self.number = number
        self.sent = 0
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, over: threading.Event) -> None:
        """Asks at the crowd's pace until it is over; who is late does not hurry."""
        gap = self.crowd.connections / self.crowd.rate
        await asyncio.sleep(gap * self.random.random())
        while not over.is_set():
            began = time.perf_counter()
            await self._ask()
            await asyncio.sleep(max(0.0, gap - (time.perf_counter() - began)))
        if self.streams is not None:
            self.streams[1].close()

    async def _ask(self) -> None:
        began, error = time.perf_counter(), ""
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                self.streams = self.streams or await asyncio.open_connection("127.0.0.1", self.crowd.port)
                status = await exchange(*self.streams, self._request())
                error = "" if status == 200 else str(status)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as failure:
            error = type(failure).__name__
            if self.streams is not None:
                self.streams[1].close()
                self.streams = None
        bucket = str(int(time.time() * BUCKETS_A_SECOND))
        seen = self.seen
        seen.waits[bucket] = max(seen.waits.get(bucket, 0.0), time.perf_counter() - began)
        seen.answers[bucket] = seen.answers.get(bucket, 0) + 1
        if error:
            seen.errors.setdefault(bucket, Counter())[error] += 1

    def _request(self) -> bytes:
        self.sent += 1
        user = self.random.randrange(self.crowd.users)
        if self.random.random() >= self.crowd.feedback_share:
            return post("/api/playlist/recommend/", {"user_ids": [user]})
        liked, *others = self.random.sample(self.crowd.pids, 5)
        feedback = {"user_id": user, "like_playlist": liked, "other_playlists": others}
        return post("/feedback", feedback, f"idempotency-key: crowd-{self.number}-{self.sent}\r\n")


def post(path: str, content: object, headers: str = "") -> bytes:
    """The bytes of a request with a JSON body."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{headers}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """The status of the answer to a request, which is read to its end."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    place = head.find(b"content-length: ") + 16
    await reader.readexactly(int(head[place : head.find(b"\r", place)]))
    return int(head[9:12])


async def run(crowd: Crowd) -> Seen:
    """What the clients saw until a line came on standard input."""
    seen, over = Seen(), threading.Event()

    def wait() -> None:
        sys.stdin.readline()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    await asyncio.gather(*(Client(crowd, seen, number).run(over) for number in range(crowd.connections)))
    return seen


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(Crowd(**json.loads(sys.argv[1])))))))
