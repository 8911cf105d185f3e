"""The small parts: arms, ids, supervision, likes of late, counts, and the daily file."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.artifact.traffic_split import draw, draws
from buddies_serving.errors import SigningKeyError
from buddies_serving.listeners.freshness import FreshLikes
from buddies_serving.model.batch import daily_arrays, write_daily
from buddies_serving.model.recommendation_id import RecommendationIds, signing_keys
from buddies_serving.model.served_model import ServedModel
from buddies_serving.settings import ServingSettings
from buddies_serving.supervision import Supervisor


def test_the_draw_of_an_arm_is_the_same_alone_and_in_bulk() -> None:
    users = np.array([0, 1, 2, 22434, 2**31 - 1])
    assert draws(users).tolist() == [draw(user) for user in users.tolist()]


def test_a_share_of_the_users_is_drawn_and_a_larger_share_keeps_them() -> None:
    values = draws(np.arange(100_000))
    assert abs(float((values < 0.1).mean()) - 0.1) < 0.005
    assert float(values.min()) >= 0 and float(values.max()) < 1


@settings(deadline=None, max_examples=50)
@given(
    pids=st.lists(st.integers(0, 10**6), min_size=1, max_size=8, unique=True),
    place=st.integers(0, 7),
    user=st.integers(0, 2**31 - 1),
)
def test_the_shown_order_comes_back_from_an_id(pids: list[int], place: int, user: int) -> None:
    liked = pids[place % len(pids)]
    others = [pid for pid in pids if pid != liked]
    ids = RecommendationIds(b"k" * 32)
    parts = ids.parse(ids.for_list("challenger", "v1.2-x", user, pids))
    assert parts is not None
    assert (parts.arm, parts.version) == ("challenger", "v1.2-x")
    assert ids.shown_order(parts, user, liked, others) == pids
    assert ids.shown_order(parts, user + 1, liked, others) is None
    assert RecommendationIds(b"l" * 32).shown_order(parts, user, liked, others) is None


def test_a_list_that_is_shown_again_has_another_id() -> None:
    ids = RecommendationIds(b"k" * 32)
    given = {ids.for_list("champion", "v1", 7, [1, 2]) for _ in range(100)}
    assert len(given) == 100
    for text in given:
        parts = ids.parse(text)
        assert parts is not None
        assert ids.shown_order(parts, 7, 2, [1]) == [1, 2]
    signed, showings = given.pop().split("."), given.pop().split(".")
    mixed = ids.parse(f"a.{signed[1][:16]}{showings[1][16:]}.v1")
    assert mixed is not None
    assert ids.shown_order(mixed, 7, 2, [1]) is None


HEX = "0123456789abcdef0123456789ab"


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a.b.c", f"z.{HEX}.v1", f"a.{HEX}.", f"a.{HEX.upper()}.v1", f"a.{HEX[:16]}.v1", f"m.{HEX}.v1"),
        *(f"a.{HEX}.v\x00", f"a.{HEX}.v\n1", f"a.{HEX}.ü", f"a.{HEX}..v1", f"a.{HEX}." + "v" * 65),
    ],
)
def test_what_is_no_id_is_not_read_as_one(text: str) -> None:
    assert RecommendationIds(b"k" * 32).parse(text) is None


def test_neither_arm_nor_version_of_an_id_can_be_exchanged() -> None:
    ids = RecommendationIds(b"k" * 32)
    of_one = ids.for_list("champion", "v1", 7, [1, 2, 3])
    for forged in ("b" + of_one[1:], of_one[:-1] + "2"):
        parts = ids.parse(forged)
        assert parts is not None
        assert ids.shown_order(parts, 7, 1, [2, 3]) is None
    of_many = ids.for_many("v1")
    assert ids.parse(of_many) is not None
    assert ids.parse(of_many[:-1] + "2") is None
    as_one = ids.parse(of_many.replace("m.", "a."))
    assert as_one is not None
    assert ids.shown_order(as_one, 7, 1, [2, 3]) is None


def test_the_key_that_signs_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    keys = signing_keys(path)
    assert signing_keys(path) == keys and [len(key) for key in keys] == [32]
    assert path.stat().st_mode & 0o077 == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["signing.key"]
    path.write_text("not hexadecimal")
    with pytest.raises(SigningKeyError, match=r"signing\.key"):
        signing_keys(path)


def test_a_task_that_fails_is_started_again_and_shows_as_down_meanwhile() -> None:
    runs: list[int] = []

    async def work() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError("broken")
        await asyncio.Event().wait()

    async def watch() -> list[list[str]]:
        supervisor = Supervisor(first_pause=0.1)
        supervisor.start("work", work)
        while not supervisor.failing:
            await asyncio.sleep(0.005)
        states = [supervisor.failing]
        while len(runs) < 3:
            await asyncio.sleep(0.005)
        states.append(supervisor.failing)
        assert supervisor.restarts == {"work": 2}
        await supervisor.stop()
        return states

    assert asyncio.run(watch()) == [["work"], []]


def test_likes_of_late_are_bounded_and_forget_who_liked_longest_ago() -> None:
    likes = FreshLikes(3)
    likes.load([(1, 10), (2, 20), (1, 11), (3, 30)])
    assert (likes.of(1), likes.of(2), likes.of(3), len(likes)) == ({10, 11}, set(), {30}, 3)
    likes.add(3, 30)
    assert len(likes) == 3


def test_the_daily_file_has_everybody_once_and_in_order(make_model: Callable, tmp_path: Path) -> None:
    root = make_model()
    written = write_daily(root, tmp_path / "daily" / "all.ndjson")
    lines = [json.loads(line) for line in (tmp_path / "daily" / "all.ndjson").read_text().splitlines()]
    assert [line["user_id"] for line in lines] == list(range(6))
    assert lines[0]["playlists"] == [130, 110, 140, 150, 120]
    assert (written.users, written.cold, written.version) == (6, 2, "v1")
    model = ServedModel.open(root / "versions" / "v1")
    assert daily_arrays(model).tolist() == [line["playlists"] for line in lines]


def test_urls_of_any_driver_reach_the_database() -> None:
    named = ServingSettings(_env_file=None, postgres_url="postgresql+psycopg2://u:p@h:1/d")
    assert named.database == "postgresql://u:p@h:1/d"
    assert ServingSettings(_env_file=None, postgres_url="").database is None


def test_every_setting_is_described() -> None:
    assert [name for name, field in ServingSettings.model_fields.items() if not field.description] == []
