"""The service answers from today's graph what it answered before: a small world's answers, recorded and compared.

When quality changes on purpose, the answers are recorded anew by one command, and the difference is looked at:

    BUDDIES_RECORD_ANSWERS=1 python -m pytest tests/systems/playlists/test_recorded_answers.py
    git diff tests/fixtures/answers.json
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from buddies_serving.main import create_app
from buddies_serving.settings import ServingSettings

RECORDED = Path(__file__).parents[2] / "fixtures" / "answers.json"
RECORDS = bool(os.environ.get("BUDDIES_RECORD_ANSWERS"))
"""Read when the module is imported: a test sees no variable of the developer's."""

USERS = (0, 1, 7, 50, 120, 199, 250, 333, 399)
SONGS = [{"title": "nobody knows this", "artist": "nobody"}]
VARIES = {"recommendation_id", "model_version", "version", "created_at", "age_seconds", "run_id", "instance"}
"""Names of a list, of a version, of a request, and times."""


def plain(answer: Any) -> Any:
    """An answer without what differs from run to run; figures to four digits, as kernels of other machines differ."""
    if isinstance(answer, dict):
        return {name: plain(value) for name, value in answer.items() if name not in VARIES}
    if isinstance(answer, list):
        return [plain(value) for value in answer]
    return float(f"{answer:.4g}") if isinstance(answer, float) else answer


def answers_of(home: str) -> dict[str, Any]:
    """The answers to every kind of request, by the request."""
    app = create_app(ServingSettings(_env_file=None, home=home, postgres_url=None))
    found: dict[str, Any] = {}
    with TestClient(app, base_url="http://127.0.0.1") as client:

        def ask(method: str, path: str, body: Any = None) -> Any:
            answer = client.request(method, path, json=body)
            key = f"{method} {path}" + ("" if body is None else f" {json.dumps(body)}")
            told = answer.json() if "ndjson" not in answer.headers["content-type"] else answer.text.splitlines()
            found[key] = [answer.status_code, plain(told)]
            return told

        lists = ask("POST", "/api/playlist/recommend/", {"user_ids": list(USERS)})
        for user in USERS[:3]:
            ask("GET", f"/api/users/{user}/recommendations?k=10&explain=true")
        ask("GET", "/api/users/0/recommendations?k=5&skip=5")
        ask("POST", "/api/playlist/recommend/batch", {"user_ids": [3, 4]})
        songs = ask("GET", "/api/songs?search=a&limit=5")
        known = [{"title": song["title"], "artist": song["artist"]} for song in songs["songs"][:3]]
        ask("POST", "/api/recommend/from-songs", {"songs": known})
        ask("POST", "/api/recommend/from-songs", {"songs": SONGS})
        shown = lists[0]["playlists"][0]
        ask("GET", f"/api/playlists/{shown}")
        ask("GET", f"/api/playlists/{shown}/similar?k=5")
        ask("GET", "/api/users?limit=5")
        for body in ({"user_ids": [10**6]}, {"user_ids": ["f" * 40]}, {"user_ids": []}, {"users": [1]}):
            ask("POST", "/api/playlist/recommend/", body)
        ask("GET", "/api/playlists/999999999")
        ask("GET", "/api/users/0/recommendations?k=0")
        liked, *others = lists[3]["playlists"]
        ask("POST", "/feedback", {"user_id": USERS[3], "like_playlist": liked, "other_playlists": others})
        ask("POST", "/api/playlist/recommend/", {"user_ids": [USERS[3]]})
    return found


def test_every_answer_is_the_one_that_was_recorded(tiny_world: Any, tmp_path: Path) -> None:
    settings, _ = tiny_world
    shutil.copytree(Path(settings.home) / "served_model", tmp_path / "served_model")
    found = answers_of(str(tmp_path))
    if RECORDS:
        RECORDED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        pytest.skip(f"recorded {len(found)} answers in {RECORDED}")
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert list(found) == list(recorded), "other requests: the first answers differ, or the test does"
    differ = {
        request: (found[request], recorded[request]) for request in recorded if found[request] != recorded[request]
    }
    assert not differ


def test_what_is_recorded_holds_answers_and_refusals_worth_comparing() -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    lists = next(iter(recorded.values()))[1]
    assert len({tuple(answer["playlists"]) for answer in lists}) > len(USERS) // 2, "listeners get lists of their own"
    statuses = {status for status, _ in recorded.values()}
    assert {200, 404, 422} <= statuses
