"""A real browser for tests of pages: what it shows, with any fault of a script or request to elsewhere as a failure."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own, closed at the end."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=[*arguments, "--disable-sync", "--no-first-run"]
        )
        yield launched
        launched.close()


@contextlib.contextmanager
def opened(browser: Browser, server: Any, path: str = "/") -> Iterator[Page]:
    """A page of a server; fails on any error in its scripts and any request to elsewhere."""
    page = browser.new_page()
    page.set_default_timeout(30_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda sent: None if f":{server.port}/" in sent.url else faults.append(sent.url))
    page.goto(f"http://127.0.0.1:{server.port}{path}")
    yield page
    page.close()
    assert faults == []
