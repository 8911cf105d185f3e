"""A new model under load: no request fails, and no answer is made of two models."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from buddies_core.artifact.store import CURRENT, publish

FORWARD = [[3, 1, 4, 5, 2], [7, 0, 2, 3, 4], [0, 1, 3, 4, 5], [6, 5, 4, 3, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
BACKWARD = [row[::-1] for row in FORWARD]


def test_swaps_under_load_fail_nothing_and_mix_nothing(make_model: Callable, serve: Callable) -> None:
    make_model("backward", ranked=BACKWARD)
    root: Path = make_model("forward", ranked=FORWARD)
    server = serve(model_poll_seconds=0.01)
    expected = {
        "forward": [[100 + 10 * row for row in ranked] for ranked in FORWARD],
        "backward": [[100 + 10 * row for row in ranked] for ranked in BACKWARD],
    }
    served: dict[str, int] = {"forward": 0, "backward": 0}

    def enough() -> bool:
        return min(served.values()) > 20 and server.service.watcher.swaps > 10

    async def client(until: float) -> None:
        async with httpx.AsyncClient(base_url=str(server.base_url), timeout=60) as session:
            while not enough() and time.monotonic() < until:
                answer = await session.post("/api/playlist/recommend/", json={"user_ids": [0, 1, 2, 3]})
                assert answer.status_code == 200
                version = answer.headers["x-model-version"]
                assert [entry["playlists"] for entry in answer.json()] == expected[version][:4]
                served[version] += 1

    async def swap(until: float) -> None:
        turn = 0
        while not enough() and time.monotonic() < until:
            turn += 1
            await asyncio.to_thread(publish, root, ("backward", "forward")[turn % 2])
            await asyncio.sleep(0.03)

    async def both() -> None:
        until = time.monotonic() + 60
        await asyncio.gather(swap(until), *(client(until) for _ in range(8)))

    asyncio.run(both())
    assert enough()


@pytest.mark.parametrize("damage", ["manifest", "array", "current"])
def test_a_model_that_cannot_be_read_leaves_the_old_one_in_place(
    make_model: Callable, serve: Callable, damage: str
) -> None:
    make_model("v2", ranked=BACKWARD)
    root: Path = make_model("v1")
    server = serve()
    if damage == "manifest":
        (root / "versions" / "v2" / "manifest.json").write_text("{")
    if damage == "array":
        (root / "versions" / "v2" / "ranked_playlists.npy").unlink()
    if damage == "current":
        (root / CURRENT).write_text("nonsense")
    else:
        publish(root, "v2")
    wait_for(lambda: server.get("/health/ready").json()["status"] == "degraded" and server.service.watcher.error)
    assert server.recommend(0) == [{"user_id": 0, "playlists": [130, 110, 140, 150, 120]}]
    assert any("newest model" in warning for warning in server.get("/health/ready").json()["warnings"])


def wait_for(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
