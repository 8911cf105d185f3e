"""Debian's Chromium, for tests that look at pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PLACES = (Path("/usr/bin/chromium"), Path("/usr/bin/chromium-browser"))
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)
PATIENCE = 30_000
"""Milliseconds for what is expected of a page: a busy machine takes its time, and what is right is seen at once."""


@contextmanager
def chromium() -> Iterator["Browser"]:
    """The browser; the test that asks for it is skipped where it is not installed."""
    place = next((place for place in _PLACES if place.exists()), None)
    if place is None:
        pytest.skip("Chromium is not installed: apt-get install -y chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(place), args=list(_ARGUMENTS))
        yield launched
        launched.close()
