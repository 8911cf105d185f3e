"""The page of artists, in a real browser, on an experiment of three listeners and six artists worked out by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from artist_lists import artist_lists
from browsers import opened
from playwright.sync_api import Browser, Page, expect

from buddies_core.artifact.named_arrays import write_artifact
from buddies_serving.http.keys import new_key

pytestmark = pytest.mark.browser
PATH = "/artists"


def publish(home: Path, name: str = "lastfm", **more: Any) -> None:
    write_artifact(home / "artists" / name, artist_lists(**more), {"system": "artists", "experiment": name})


@pytest.fixture(scope="module")
def fitted(steady: Any) -> Any:
    home = steady.service.settings.local_home
    publish(home, "elsewhere", lists=[[5, -1, -1], [-1, -1, -1], [-1, -1, -1]])
    publish(home)
    return steady


@pytest.fixture
def page(browser: Browser, fitted: Any) -> Iterator[Page]:
    with opened(browser, fitted, PATH) as shown:
        yield shown


def ask(page: Page, user: str) -> None:
    page.get_by_label("Listener").fill(user)
    page.get_by_role("button", name="Show", exact=True).click()


def listed(page: Page, side: str) -> Any:
    return page.locator(f"#{side} li")


def test_a_known_listener_is_shown_with_reasons_beside_what_is_played(page: Page) -> None:
    ask(page, "10")
    expect(listed(page, "list")).to_have_text(
        [
            "Cébecause of Ana · 1 listener",
            "Björklisteners alike have it · 3 listeners",
            "Fébecause of Dú · 0 listeners",
        ]
    )
    expect(listed(page, "taste")).to_have_text(["Ana40 plays", "Dú7 plays"])
    expect(page.get_by_role("link", name="Ana")).to_have_attribute("href", "http://music/ana")
    expect(page.get_by_role("heading", name="Recommended")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Listener 10 in lastfm")


def test_an_unknown_listener_gets_popular_artists_that_are_called_so(page: Page) -> None:
    ask(page, "nobody")
    expect(page.get_by_role("status")).to_contain_text("Listener nobody is not known")
    expect(page.get_by_role("heading", name="Popular with everybody")).to_be_visible()
    expect(listed(page, "list")).to_have_text(
        ["Björkpopular · 3 listeners", "Anapopular · 2 listeners", "Evepopular · 2 listeners"]
    )
    expect(page.get_by_text("Nothing is known of this listener.")).to_be_visible()


def test_a_known_listener_for_whom_nothing_is_left_is_not_called_unknown(page: Page) -> None:
    ask(page, "x-ray")
    expect(page.get_by_role("status")).to_contain_text("Nothing is left that listener x-ray does not have already")
    expect(page.get_by_role("heading", name="Popular with everybody")).to_be_visible()
    expect(listed(page, "taste")).to_have_text(["Björk1 play"])


def test_another_experiment_is_chosen_and_the_keyboard_is_enough(page: Page) -> None:
    expect(page.get_by_label("Experiment")).to_have_value("lastfm")
    page.get_by_role("link", name="Playlists for a listener").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Listener")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("10")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(listed(page, "list")).to_have_text(["Fébecause of Ana · 0 listeners"])
    expect(page.get_by_role("status")).to_contain_text("in elsewhere")


def test_an_answer_that_fails_is_said_in_plain_words_and_the_list_before_it_goes(page: Page) -> None:
    for broken, said in {
        "unreachable": "The service cannot be reached just now",
        "strange": "The service answered something strange",
        "refused": "Busy: try again",
    }.items():
        ask(page, "10")
        expect(listed(page, "list")).to_have_count(3)
        answers = {
            "unreachable": lambda route: route.abort(),
            "strange": lambda route: route.fulfill(body="<html>"),
            "refused": lambda route: route.fulfill(status=503, body='{"detail": "Busy: try again."}'),
        }
        page.route("**/recommend/*", answers[broken])
        ask(page, "2")
        expect(page.get_by_role("alert")).to_contain_text(said)
        expect(page.locator("#sides")).to_be_hidden()
        expect(page.get_by_role("status")).to_have_text("")
        page.unroute("**/recommend/*")


def test_a_blank_listener_is_asked_for(page: Page) -> None:
    ask(page, "  ")
    expect(page.get_by_role("alert")).to_have_text("Name a listener.")


def test_where_nothing_is_fitted_the_page_says_how_to(browser: Browser, server: Any) -> None:
    with opened(browser, server, PATH) as page:
        expect(page.get_by_role("alert")).to_contain_text("None is fitted yet: run `buddies fit FILE`")
        expect(page.get_by_label("Experiment")).to_be_hidden()


def test_with_keys_on_the_page_is_shown_and_asks_for_one(
    browser: Browser, make_model: Any, serve: Any, tmp_path: Path
) -> None:
    make_model()
    publish(tmp_path)
    key = new_key(tmp_path / "keys.json", "page", ("recommend",), days=1)
    with opened(browser, serve(api_keys_file=tmp_path / "keys.json"), PATH) as page:
        page.get_by_label("This service asks for an access key").fill(key)
        page.get_by_role("button", name="Use key").click()
        expect(listed(page, "list").first).to_contain_text("Eve")
        expect(page.locator("#ask-error")).to_have_text("")


def test_below_a_prefix_the_page_finds_its_parts_and_its_answers(
    browser: Browser, make_model: Any, serve: Any, tmp_path: Path
) -> None:
    make_model()
    publish(tmp_path)
    with opened(browser, serve(root_path="/buddies"), f"/buddies{PATH}") as page:
        expect(listed(page, "list").first).to_contain_text("Eve")
        expect(page.get_by_role("link", name="Playlists for a listener")).to_have_attribute("href", "/buddies/")


def test_it_fits_phone_and_desk_in_both_themes(page: Page) -> None:
    ask(page, "10")
    expect(listed(page, "list")).to_have_count(3)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
