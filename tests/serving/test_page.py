"""The listener page, in a real browser."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from buddies_serving.keys import new_key

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=[*arguments, "--disable-sync", "--no-first-run"]
        )
        yield launched
        launched.close()


@contextlib.contextmanager
def opened(browser: Browser, server: Any) -> Iterator[Page]:
    """The page of a server; fails on any error in its scripts and any request to elsewhere."""
    page = browser.new_page()
    page.set_default_timeout(30_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda sent: None if f":{server.port}/" in sent.url else faults.append(sent.url))
    page.goto(f"http://127.0.0.1:{server.port}/")
    yield page
    page.close()
    assert faults == []


@pytest.fixture
def page(browser: Browser, steady: Any) -> Iterator[Page]:
    """The page of the small world, for tests that like nothing."""
    with opened(browser, steady) as shown:
        yield shown


@pytest.fixture
def own_page(browser: Browser, server: Any) -> Iterator[Page]:
    """The page of a small world of the test's own."""
    with opened(browser, server) as shown:
        yield shown


def names(page: Page) -> list[str]:
    return page.locator(".card h3").all_inner_texts()


def show(page: Page, user: str) -> None:
    page.get_by_label("Listener number or id").fill(user)
    page.get_by_role("button", name="Show playlists").click()


def test_a_listener_sees_five_playlists_with_owner_reason_and_songs(page: Page) -> None:
    show(page, "0")
    expect(page.locator(".card")).to_have_count(5)
    assert names(page) == ["Rain", "Road trip", "<b>Loud</b>", "Slow Sunday", "Küche"]
    first = page.locator(".card").first
    expect(first).to_contain_text("2 songs · 3 followers")
    expect(first).to_contain_text("From buddy 1, 75 % alike; 1 song of yours in it")
    expect(first).to_contain_text("Aerial – Ana")


def test_a_like_is_thanked_for_and_the_next_five_come(own_page: Page, server: Any) -> None:
    show(own_page, "0")
    own_page.get_by_role("button", name="Like Road trip").click()
    expect(own_page.get_by_role("status")).to_contain_text("Thank you: “Road trip” is noted.")
    expect(own_page.get_by_role("heading", name="Untitled playlist")).to_be_visible()
    assert names(own_page) == ["Rain", "<b>Loud</b>", "Slow Sunday", "Küche", "Untitled playlist"]
    assert server.service.metrics.feedback_accepted == 1


def test_everything_can_be_done_by_keyboard(own_page: Page) -> None:
    expect(own_page.get_by_role("button", name="3", exact=True)).to_be_visible()
    own_page.get_by_label("Listener number or id").focus()
    own_page.keyboard.type("3")
    own_page.keyboard.press("Enter")
    expect(own_page.locator(".card")).to_have_count(5)
    own_page.get_by_role("button", name="Like Untitled playlist").focus()
    own_page.keyboard.press("Enter")
    expect(own_page.get_by_role("status")).to_contain_text("Thank you")
    expect(own_page.locator("#list-title")).to_be_focused()
    own_page.get_by_role("tab", name="A listener").focus()
    own_page.keyboard.press("ArrowRight")
    expect(own_page.get_by_role("tab", name="A few songs")).to_be_focused()
    expect(own_page.get_by_label("One song a line")).to_be_visible()


def test_typed_songs_give_playlists_and_say_which_are_unknown(page: Page) -> None:
    page.get_by_role("tab", name="A few songs").click()
    page.get_by_label("One song a line").fill("Bird – Bo\nCloud - Cy\nNothing – Nobody")
    page.get_by_role("button", name="Show playlists").click()
    expect(page.get_by_role("status")).to_contain_text("Not known to us: Nothing.")
    assert names(page)[0] == "Küche"
    expect(page.get_by_role("button", name="Like")).to_have_count(0)


def test_an_unknown_listener_is_told_so(page: Page) -> None:
    show(page, "99")
    expect(page.get_by_role("status")).to_contain_text("We do not know this listener yet")
    expect(page.locator(".card").first).to_contain_text("Liked by many listeners")


@pytest.mark.parametrize("typed", ["", "abc", "1.5", "-1"])
def test_what_is_no_listener_is_explained_beside_the_field(page: Page, typed: str) -> None:
    show(page, typed)
    expect(page.get_by_role("alert").filter(has_text="Enter a number")).to_be_visible()
    expect(page.locator(".card")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits_phone_and_desk_in_both_themes(page: Page, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    show(page, "0")
    expect(page.locator(".card")).to_have_count(5)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in page.get_by_role("button").all():
        assert (button.bounding_box() or {"height": 44})["height"] >= 44
    pairs = page.evaluate(
        """() => ['body', '.facts', '.like', '.primary', '#status'].map((name) => {
            const style = getComputedStyle(document.querySelector(name));
            const ground = name === '.primary' || name === '.like' ? style : getComputedStyle(document.body);
            return [style.color, ground.backgroundColor];
        })"""
    )
    assert min(contrast(ink, ground) for ink, ground in pairs) >= 4.5


def contrast(ink: str, ground: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_with_keys_on_the_page_asks_for_one(
    browser: Browser, make_model: Callable, serve: Callable, tmp_path: Path
) -> None:
    make_model()
    key = new_key(tmp_path / "keys.json", "page", ("recommend", "feedback"), days=1)
    guarded = serve(api_keys_file=tmp_path / "keys.json")
    with opened(browser, guarded) as shown:
        shown.get_by_label("This service asks for an access key").fill(key)
        shown.get_by_role("button", name="Use key").click()
        shown.get_by_role("button", name="3", exact=True).click()
        expect(shown.locator(".card")).to_have_count(5)


def test_the_api_is_described_without_help_from_elsewhere(page: Page) -> None:
    page.goto(page.url + "docs")
    expect(page.get_by_role("heading", name="POST /feedback")).to_be_visible()
    expect(page.get_by_text('{"user_id":22434', exact=False).first).to_be_visible()
