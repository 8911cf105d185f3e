"""Debian's Chromium, for tests that look at pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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


@contextmanager
def opened(browser: "Browser", server: Any, path: str = "/") -> Iterator["Page"]:
    """A page of a server; fails on any error in its scripts and any request to elsewhere."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda sent: None if f":{server.port}/" in sent.url else faults.append(sent.url))
    page.goto(f"http://127.0.0.1:{server.port}{path}")
    yield page
    page.close()
    assert faults == []
