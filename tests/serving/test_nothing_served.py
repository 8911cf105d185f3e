"""A service whose home has no model of playlists, such as one of songs alone."""

import asyncio
import logging
from pathlib import Path

import pytest

from buddies_serving.model.serving import ModelWatcher
from buddies_serving.settings import ServingSettings


def test_it_says_once_that_nothing_is_published_and_not_at_every_look(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = ModelWatcher(ServingSettings(_env_file=None, home=str(tmp_path), postgres_url=None))  # type: ignore[call-arg]

    async def looks() -> None:
        for _ in range(3):
            await watcher.look()

    with caplog.at_level(logging.WARNING, "buddies_serving.model.serving"):
        asyncio.run(looks())
    assert watcher.serving is None
    assert [record.message for record in caplog.records] == ["served model not loaded"]
