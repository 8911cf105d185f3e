"""A new model under load: no request fails, and no answer is made of two models."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from buddies_core.artifact.store import CURRENT, Challenger, publish, write_version

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


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit of an array": lambda folder: flip(folder / "contract_bytes.npy", -9),
    "a bit of a header": lambda folder: flip(folder / "ranked_indptr.npy", 70),
    "an array cut short": lambda folder: cut(folder / "user_ids.npy", 20),
    "an array that is empty": lambda folder: cut(folder / "cold.npy", 10**6),
    "an array of another model": lambda folder: (folder / "cold.npy").write_bytes(
        (folder / "liked_indptr.npy").read_bytes()
    ),
    "an array that is gone": lambda folder: (folder / "playlist_pids.npy").unlink(),
    "an array that is a folder": lambda folder: ((folder / "cold.npy").unlink(), (folder / "cold.npy").mkdir()),
    "the scheme of song keys": lambda folder: change(folder / "manifest.json", '"canonical"', '"canonicel"'),
    "the version": lambda folder: change(folder / "manifest.json", '"v2"', r'"v2\r\nx: y"'),
    "the time": lambda folder: change(folder / "manifest.json", '"created_at": "', '"created_at": "x'),
    "a count": lambda folder: change(folder / "manifest.json", '"users": 6', '"users": 7'),
    "no UTF-8": lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe{}"),
    "no digests": lambda folder: change(folder / "manifest.json", '"digests"', '"digits"'),
}


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_model_is_never_served_and_never_stops_a_start(
    make_model: Callable, serve: Callable, small_world: dict, damage: Callable[[Path], object]
) -> None:
    root: Path = make_model("v1")
    server = serve()
    write_version(root, "v2", small_world)
    damage(root / "versions" / "v2")
    publish(root, "v2")
    old = [{"user_id": 0, "playlists": [130, 110, 140, 150, 120]}]
    wait_for(lambda: server.get("/health/ready").json()["status"] == "degraded" and server.service.watcher.error)
    assert server.recommend(0) == old
    server.stop()
    # the one that was served before is what a start finds, too
    again = serve()
    assert again.recommend(0) == old
    assert any("newest model" in warning for warning in again.get("/health/ready").json()["warnings"])


@pytest.mark.parametrize("content", ["{", "null", '{"champion":"../v1"}', '{"champion":"v1\\r\\nx: y"}', "[]"])
def test_a_damaged_list_of_channels_leaves_the_old_model_in_place(
    make_model: Callable, serve: Callable, content: str
) -> None:
    root: Path = make_model("v1")
    server = serve()
    (root / CURRENT).write_text(content)
    wait_for(lambda: server.service.watcher.error)
    assert server.recommend(0) == [{"user_id": 0, "playlists": [130, 110, 140, 150, 120]}]
    assert server.get("/health/ready").json()["status"] == "degraded"


def test_a_share_that_was_changed_by_hand_is_damage(make_model: Callable, serve: Callable) -> None:
    root: Path = make_model("v1")
    make_model("v2")
    publish(root, "v1", challenger=Challenger("v2", 0.125))
    change(root / CURRENT, "0.125", "0.625")
    server = serve()
    assert "was changed" in server.get("/health/ready").json()["problems"][0]


def test_what_a_writer_that_died_left_behind_is_cleared(make_model: Callable) -> None:
    root: Path = make_model("v1")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for process in (dead.pid, os.getppid()):
        (root / "versions" / f".v0.{process}.partial").mkdir()
    make_model("v2")
    left = [path.name for path in (root / "versions").iterdir() if path.name.startswith(".")]
    assert left == [f".v0.{os.getppid()}.partial"]


def test_a_disk_that_fills_up_while_a_version_is_written_gets_its_room_back(
    make_model: Callable, small_world: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    root: Path = make_model("v1")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_version(root, "v2", small_world)
    assert [path.name for path in (root / "versions").iterdir()] == ["v1"]
    write_version(root, "v2", small_world)
