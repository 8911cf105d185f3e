"""The listener page, in a real browser."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import opened
from playwright.sync_api import Browser, Page, expect
from songs_world import publish as publish_songs

from buddies_serving.http.keys import new_key

pytestmark = pytest.mark.browser


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


def show(page: Page, user: str, button: str = "Show playlists") -> None:
    page.get_by_label("Listener number or id").fill(user)
    page.get_by_role("button", name=button).click()


def test_a_listener_sees_five_playlists_with_owner_reason_and_songs(page: Page) -> None:
    show(page, "0")
    expect(page.locator(".card")).to_have_count(5)
    assert names(page) == ["Rain", "Road trip", "<b>Loud</b>", "Slow Sunday", "Küche"]
    first = page.locator(".card").first
    expect(first.locator(".facts")).to_have_text("2 songs")
    expect(first).to_contain_text("From buddy 1, a very close taste; 1 song of yours in it")
    expect(first).to_contain_text("Aerial – Ana")


def test_a_like_is_sent_after_a_moment_and_others_come(own_page: Page, server: Any) -> None:
    show(own_page, "0")
    own_page.get_by_role("button", name="Like Road trip").click()
    expect(own_page.get_by_role("button", name="Undo")).to_be_focused()
    assert server.service.metrics.feedback_accepted == 0
    expect(own_page.get_by_role("status")).to_contain_text(
        "Thank you: “Road trip” is noted. Here are others.", timeout=20_000
    )
    # Of eight playlists the user has liked two, and has seen four of the others.
    expect(own_page.get_by_role("button", name="Open")).to_have_count(2)
    assert not {"Road trip", "Rain", "<b>Loud</b>", "Slow Sunday", "Küche"} & set(names(own_page))
    assert server.service.metrics.feedback_accepted == 1
    expect(own_page.locator("#list-title")).to_be_focused()


def test_a_like_can_be_taken_back(own_page: Page, server: Any) -> None:
    show(own_page, "0")
    own_page.get_by_role("button", name="Like Road trip").click()
    own_page.get_by_role("button", name="Undo").click()
    expect(own_page.get_by_role("status")).to_have_text("“Road trip” is not liked.")
    own_page.wait_for_timeout(6_500)
    assert server.service.metrics.feedback_accepted == 0
    expect(own_page.get_by_role("button", name="Like Road trip")).to_be_enabled()


def test_a_like_is_not_lost_when_its_giver_goes_on_at_once(own_page: Page, server: Any) -> None:
    show(own_page, "0")
    own_page.get_by_role("button", name="Like Road trip").click()
    show(own_page, "3")
    expect(own_page.get_by_role("heading", name="Playlists for listener 3")).to_be_visible()
    own_page.wait_for_timeout(1_000)
    assert server.service.metrics.feedback_accepted == 1
    expect(own_page.get_by_role("heading", name="Playlists for listener 3")).to_be_visible()


def test_others_can_be_asked_for_and_the_address_says_which(page: Page) -> None:
    show(page, "3")
    expect(page.locator(".card")).to_have_count(5)
    first = names(page)
    page.get_by_role("button", name="Show others").click()
    expect(page.locator(".card")).to_have_count(3)
    assert not set(names(page)) & set(first)
    assert "user=3&skip=5" in page.url
    page.reload()
    expect(page.locator(".card")).to_have_count(3)
    page.go_back()
    expect(page.locator(".card")).to_have_count(5)
    assert names(page) == first


def test_a_playlist_can_be_opened_and_closed(page: Page) -> None:
    show(page, "0")
    page.get_by_role("button", name="Open Rain").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("listitem")).to_have_text(["Aerial – Ana", "Dune – Di"])
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_an_error_leaves_nobody_elses_list_standing(page: Page) -> None:
    show(page, "0")
    expect(page.locator(".card")).to_have_count(5)
    page.route("**/api/users/3/**", lambda route: route.abort())
    show(page, "3")
    expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    expect(page.locator(".card")).to_have_count(0)
    expect(page.get_by_text("Failed to fetch")).to_have_count(0)
    expect(page.get_by_role("button", name="Show others")).to_be_hidden()


def test_a_like_that_cannot_be_sent_is_said_in_plain_words(page: Page) -> None:
    page.route("**/feedback", lambda route: route.abort())
    show(page, "0")
    page.get_by_role("button", name="Like Road trip").click()
    expect(page.get_by_role("status")).to_contain_text("The service cannot be reached just now", timeout=15_000)
    expect(page.get_by_role("button", name="Like Road trip")).to_be_enabled()


def test_listeners_are_offered_by_what_they_play(page: Page) -> None:
    expect(page.get_by_role("button", name="0", exact=True)).to_contain_text("Ana, Bo, Cy")


def test_songs_that_are_known_are_suggested_while_typing(page: Page) -> None:
    page.get_by_role("tab", name="A few songs").click()
    field = page.get_by_label("One song a line")
    expect(field).to_have_attribute("placeholder", "Aerial – Ana")
    field.press_sequentially("clo")
    page.get_by_role("button", name="Cloud – Cy").click()
    assert field.input_value() == "Cloud – Cy\n"
    page.get_by_role("button", name="Show playlists").click()
    expect(page.get_by_role("status")).to_contain_text("Close to your songs.")
    assert "songs=Cloud" in page.url


def test_everything_can_be_done_by_keyboard(own_page: Page) -> None:
    expect(own_page.get_by_role("button", name="3", exact=True)).to_be_visible()
    own_page.get_by_label("Listener number or id").focus()
    own_page.keyboard.type("3")
    own_page.keyboard.press("Enter")
    expect(own_page.locator(".card")).to_have_count(5)
    own_page.get_by_role("button", name="Like Untitled playlist").focus()
    own_page.keyboard.press("Enter")
    expect(own_page.get_by_role("button", name="Undo")).to_be_focused()
    own_page.keyboard.press("Enter")
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
    expect(page.locator(".card").first).to_contain_text("A favourite of our listeners")


@pytest.mark.parametrize("typed", ["", "a b", "Zoë", "x" * 201])
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
    expect(page.get_by_text('{"user_id":0', exact=False).first).to_be_visible()


def test_without_a_model_the_page_says_so_and_names_no_file(browser: Browser, serve: Callable) -> None:
    with opened(browser, serve()) as shown:
        expect(shown.get_by_role("alert").filter(has_text="No model is served yet")).to_be_visible()
        expect(shown.get_by_text("current.json")).to_have_count(0)


def test_songs_for_you_are_played_from_the_page_and_the_list_counts_it(own_page: Page, tmp_path: Path) -> None:
    publish_songs(tmp_path)
    page = own_page
    page.get_by_label("Listener number or id").fill("0")
    page.get_by_role("button", name="Show playlists").first.click()
    tracks = page.get_by_role("region", name="Songs for you")
    expect(tracks.get_by_role("heading", level=3).first).to_have_text("T2")
    expect(tracks.locator(".why").first).to_have_text("Because you played T0 by A0")
    tracks.get_by_role("button", name="Play: T2").click()
    expect(tracks.get_by_role("status")).to_contain_text("You played “T2”. The list counts it.")
    expect(tracks.get_by_role("heading", name="T2", exact=True)).to_have_count(0)
    tracks.get_by_role("button", name="Not for me: T3").click()
    expect(tracks.get_by_role("heading", name="T3", exact=True)).to_have_count(0)


def test_somebody_new_is_shown_what_most_have_and_can_like_both(own_page: Page, server: Any, tmp_path: Path) -> None:
    publish_songs(tmp_path)
    page = own_page
    page.get_by_label("Listener number or id").fill("client:ada")
    page.get_by_role("button", name="Show playlists").first.click()
    expect(page.get_by_role("heading", name="Playlists for listener ada")).to_be_visible()
    tracks = page.get_by_role("region", name="Songs for you")
    expect(tracks.get_by_role("status")).to_contain_text("favourites of all listeners")
    tracks.get_by_role("button", name="Like: T14").click()
    expect(tracks.get_by_role("status")).to_contain_text("You like “T14”")
    assert [deed.kind for deed in server.service.writer.spooled()] == ["like"]
    page.get_by_role("button", name="Like", exact=False).first.click()
    expect(page.get_by_text("You like", exact=False).first).to_be_visible()


def test_where_no_songs_are_made_the_page_is_one_of_playlists(page: Page) -> None:
    page.get_by_label("Listener number or id").fill("0")
    page.get_by_role("button", name="Show playlists").first.click()
    expect(page.get_by_role("heading", name="Playlists for listener 0")).to_be_visible()
    expect(page.get_by_role("region", name="Songs for you")).to_have_count(0)


def test_a_home_of_songs_alone_shows_them_to_a_listener_as_the_plays_on_file_call_them(
    browser: Browser, serve: Callable, tmp_path: Path
) -> None:
    publish_songs(tmp_path, user=["12345", "user_000001"])
    server = serve(home=str(tmp_path))
    with opened(browser, server) as page:
        expect(page.get_by_text("Name a listener, and ten songs appear here.")).to_be_visible()
        expect(page.locator("#user-error")).to_be_empty()
        expect(page.get_by_text("Or pick somebody")).to_be_hidden()
        for user, first in (("user_000001", "T14"), ("12345", "T2"), ("Nobody-Known", "A song without a known title")):
            show(page, user, "Show songs")
            expect(page.get_by_role("heading", name=f"Listener {user}", exact=True)).to_be_visible()
            expect(page.get_by_text("No playlists are made here yet.")).to_be_visible()
            tracks = page.get_by_role("region", name="Songs for you")
            expect(tracks.get_by_role("heading", level=3).first).to_have_text(first)
        show(page, "12345", "Show songs")
        expect(page.get_by_role("heading", name="Listener 12345", exact=True)).to_be_visible()
        tracks.get_by_role("button", name="Play: T2").click()
        expect(tracks.get_by_role("status")).to_contain_text("You played “T2”. The list counts it.")
        expect(tracks.get_by_role("heading", name="T2", exact=True)).to_have_count(0)
        page.reload()
        expect(tracks.get_by_role("heading", level=3).first).to_have_text("T3")
    assert [deed.kind for deed in server.service.writer.spooled()] == ["play"]
