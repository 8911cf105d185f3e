"""Great Expectations over blocks as a frame and feedback by SQL: what holds, what fails, where its pages lie."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import asyncpg
import polars as pl
import psycopg2
import pytest

from benchmarks.data_defects.planting import repeated, with_members
from benchmarks.data_defects.world.stored import store_world
from buddies_serving.feedback.migrate import migrate
from quality import expectations as module
from quality.expectations import Expectations, blocks_frame, stored_results


@pytest.fixture(scope="module")
def expectations(tmp_path_factory) -> Expectations:
    """A context of its own, made once: it takes seconds."""
    return Expectations(tmp_path_factory.mktemp("expectations"))


@pytest.fixture
def sizes(world) -> dict[str, int]:
    """Rows of the index tables and of the blocks."""
    return {"n_users": world["n_users"], "n_playlists": world["n_playlists"], "of": world["user_blocks"].height}


def stored_frame(world, tmp_path):
    store = store_world(world, tmp_path)
    return blocks_frame(store.open("user_blocks"), store.open("splits"))


def test_good_blocks_meet_every_expectation_and_the_result_is_kept(world, sizes, tmp_path, expectations):
    found = expectations.validate_blocks(stored_frame(world, tmp_path), **sizes, negatives=4)
    assert (found.passed, len(found.expectations), found.failures) == (True, 10, [])
    assert found.looked_at == "all rows"
    (kept,) = stored_results(expectations.folder.parent)
    assert kept == found


def test_a_sample_is_of_all_shards_and_copies_are_drawn_together(world, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", world["user_blocks"].height // 4)
    twice = {**world, "user_blocks": pl.concat([world["user_blocks"]] * 2).sort("user", "positive")}
    drawn = stored_frame(twice, tmp_path)
    share = drawn.height / twice["user_blocks"].height
    assert 0.08 < share < 0.17
    assert set(drawn.group_by("pair").len()["len"]) == {2}
    users = world["user_blocks"]["user"]
    assert drawn["user"].n_unique() > users.n_unique() / 4
    assert drawn["user"].max() > users.max() * 0.9


def test_a_result_on_a_sample_says_so(world, sizes, tmp_path, expectations):
    found = expectations.validate_blocks(
        stored_frame(world, tmp_path).head(50), **sizes | {"of": 252_000_000}, negatives=4
    )
    assert found.looked_at == "a sample of 50 of 252,000,000 rows, from all shards"


def test_spoiled_blocks_fail_by_the_expectations_that_name_the_damage(world, sizes, tmp_path, expectations):
    blocks = with_members(world["user_blocks"], "negatives", lambda m: [world["user_blocks"]["positive"][0], *m[1:]])
    spoiled = {**world, "user_blocks": repeated(blocks, 1)}
    found = expectations.validate_blocks(stored_frame(spoiled, tmp_path), **sizes, negatives=4)
    assert not found.passed
    assert set(found.failures) == {
        "expect_column_values_to_be_unique pair",
        "expect_column_values_to_be_in_set positive_among_negatives",
        "expect_column_values_to_be_in_set negatives_liked",
    }


def test_feedback_is_judged_in_the_database_and_no_password_is_written(postgres_url, expectations):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _tables(postgres_url)).result()
    connection = psycopg2.connect(postgres_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO feedback.sessions (session_id, created_at, received_at, user_id, liked, shown, model_version,"
            " arm) VALUES (gen_random_uuid(), %(at)s, %(at)s, 1, 5, '{5,5,6}', 'v1', 'champion')",
            {"at": datetime.now(UTC)},
        )
    connection.close()
    sessions, events = expectations.validate_feedback(postgres_url)
    assert [failure.split()[0] for failure in sessions.failures] == ["expect_column_pair_values_to_be_equal"]
    assert events.failures == ["expect_column_values_to_be_in_set likes"]
    password = postgres_url.split(":")[2].split("@")[0]
    written = [p for p in expectations.folder.rglob("*.yml") if password in p.read_text(encoding="utf-8")]
    assert written == []


async def _tables(url: str) -> None:
    connection = await asyncpg.connect(url)
    await migrate(connection)
    await connection.close()
