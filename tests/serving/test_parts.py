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
from buddies_serving import recommendation_id
from buddies_serving.batch import daily_arrays, write_daily
from buddies_serving.freshness import FreshLikes
from buddies_serving.served_model import ServedModel
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
    parts = recommendation_id.parse(recommendation_id.for_list("challenger", "v1.2-x", user, pids))
    assert parts is not None
    assert (parts.arm, parts.version) == ("challenger", "v1.2-x")
    assert recommendation_id.shown_order(parts, user, liked, others) == pids
    assert recommendation_id.shown_order(parts, user + 1, liked, others) is None


def test_a_list_that_is_shown_again_has_another_id() -> None:
    ids = {recommendation_id.for_list("champion", "v1", 7, [1, 2]) for _ in range(100)}
    assert len(ids) == 100
    digests = set()
    for text in ids:
        parts = recommendation_id.parse(text)
        assert parts is not None
        digests.add(parts.digest)
    assert len(digests) == 1


def test_an_id_given_out_before_showings_were_told_apart_is_still_one() -> None:
    parts = recommendation_id.parse("a.0123456789abcdef.v1")
    assert parts == recommendation_id.RecommendationId("champion", "0123456789abcdef", "v1")


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "z.0123456789abcdef.v1", "a.0123456789abcdef."])
def test_what_is_no_id_is_not_read_as_one(text: str) -> None:
    assert recommendation_id.parse(text) is None


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
