"""The page that continues a playlist, in a real browser, on forty playlists that run through two artists' songs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import opened
from playwright.sync_api import Browser, Page, expect
from small_sequences import small_artifact

from buddies_core.artifact.named_arrays import write_artifact
from buddies_serving.http.keys import new_key

pytestmark = pytest.mark.browser
PATH = "/continue"
LINES = "song 0 – artist 2\nsong 1 – artist 2"


def publish(home: Path) -> None:
    write_artifact(home / "sequences" / "mpd", small_artifact(), {"system": "sequences", "experiment": "mpd"})


@pytest.fixture(scope="module")
def fitted(steady: Any) -> Any:
    publish(steady.service.settings.local_home)
    return steady


@pytest.fixture
def page(browser: Browser, fitted: Any) -> Iterator[Page]:
    with opened(browser, fitted, PATH) as shown:
        yield shown


def ask(page: Page, lines: str, title: str = "") -> None:
    page.get_by_label("Your songs, one a line, in order").fill(lines)
    page.get_by_label("Name of the playlist").fill(title)
    page.get_by_role("button", name="Continue", exact=True).click()


def status(page: Page) -> Any:
    return page.locator("#status")


def test_songs_go_on_with_reasons_and_how_likely_each_is(page: Page) -> None:
    ask(page, LINES)
    expect(page.locator("#found li").first).to_contain_text("artist")
    expect(page.locator("#found .why").first).to_have_text(re.compile("Follows|With|By the artist|Stands|Popular"))
    expect(page.locator("#found .facts").first).to_have_text(re.compile(r"artist \d · .*% likely"))
    assert LINES.split("\n")[0].split(" – ")[0] not in [
        text
        for text, facts in zip(
            page.locator("#found h3").all_inner_texts(), page.locator("#found .facts").all_inner_texts(), strict=True
        )
        if facts.startswith("artist 2")
    ]


def test_what_comes_next_follows_the_last_song(page: Page) -> None:
    page.get_by_label("What comes next after the last song").check()
    ask(page, LINES)
    expect(page.locator("#found h3").first).to_have_text("song 2")
    expect(page.locator("#found .why").first).to_have_text(re.compile(r"Follows “song 1” in \d+ playlists"))


def test_a_song_is_added_and_the_list_goes_on_from_it_another_is_dropped_for_good(page: Page) -> None:
    ask(page, LINES)
    first = page.locator("#found h3").first.inner_text()
    artist = page.locator("#found .facts").first.inner_text().split(" · ")[0]
    page.get_by_role("button", name=f"Add {first} to your songs").first.click()
    expect(page.get_by_label("Your songs, one a line, in order")).to_have_value(f"{LINES}\n{first} – {artist}\n")
    expect(page.locator("#list-title")).to_be_focused()
    dropped = page.locator("#found .card").first.inner_text().split("\n")[:2]
    page.locator("#found .drop").first.click()
    expect(page.locator("#found .card").first).not_to_contain_text("\n".join(dropped))


def test_artist_and_title_may_stand_in_either_order(page: Page) -> None:
    ask(page, "artist 2 - song 1")
    expect(status(page)).to_have_text("20 songs.")


def test_songs_that_nobody_knows_are_named_and_popular_ones_come(page: Page) -> None:
    ask(page, "never heard – nobody")
    expect(status(page)).to_contain_text("Not known to us, and counted by their artists alone: never heard – nobody.")
    expect(page.locator("#found .why").first).to_contain_text("Popular")


def test_a_title_alone_is_enough_and_nothing_at_all_is_not(page: Page) -> None:
    ask(page, "")
    expect(page.get_by_role("alert")).to_have_text("Name at least one song, or the name of your playlist.")
    ask(page, "", "artist 3")
    expect(page.locator("#found li").first).to_contain_text("artist 3")
    expect(page.locator("#ask-error")).to_have_text("")


def test_a_line_that_is_no_song_is_explained(page: Page) -> None:
    for line, said in {
        "Africa": "Add the artist: “Africa – …”",
        "https://open.spotify.com/playlist/37i9dQZF1DXcBWIGoYBM5M": "is a link to a whole list",
        "https://example.org/x": "is no link to a song",
    }.items():
        ask(page, line)
        expect(page.get_by_role("alert")).to_contain_text(said)
        expect(page.locator("#found li")).to_have_count(0)


def test_a_playlist_of_the_data_goes_on_by_its_number_and_a_number_that_is_none_is_told(page: Page) -> None:
    page.get_by_text("More choices").click()
    page.get_by_label("A playlist of the data, by its number").fill("3")
    ask(page, "")
    expect(page.locator("#found li").first).to_be_visible()
    page.get_by_label("A playlist of the data, by its number").fill("999999")
    ask(page, "")
    expect(page.get_by_role("alert")).to_contain_text("No playlist has the id 999999")


def test_songs_that_are_less_likely_than_the_line_fade_as_it_moves_and_a_draw_leaves_them_out(page: Page) -> None:
    ask(page, LINES)
    expect(page.locator("#found li")).to_have_count(20)
    line = page.get_by_label("At least this likely")
    line.evaluate("field => { field.value = 5; field.dispatchEvent(new Event('input')); }")
    faded = page.locator("#found .unlikely").count()
    expect(page.locator("#threshold-hint")).to_contain_text(f"{20 - faded} of the 20 songs shown are that likely")
    page.get_by_role("button", name="Draw among these").click()
    expect(status(page)).to_have_text(re.compile("drawn among those|No song is that likely"))
    expect(page.locator("#found .unlikely")).to_have_count(0)


def test_the_songs_are_saved_as_a_file(page: Page) -> None:
    ask(page, LINES, "artist 3")
    for form, begins in {
        "text": "artist ",
        "M3U": "#EXTM3U\n#EXTINF:-1,artist ",
        "CSV": "uri,title,artist,why\r\n",
    }.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Save as {form}").click()
        assert Path(download.value.path()).read_bytes().decode().startswith(begins)
        assert download.value.suggested_filename.startswith("artist 3.")


def test_known_songs_are_suggested_while_typing_and_the_fragment_alone_remembers_them(page: Page, fitted: Any) -> None:
    page.get_by_label("Your songs, one a line, in order").press_sequentially("song 4")
    page.locator("#suggestions button").first.click()
    expect(page.get_by_label("Your songs, one a line, in order")).to_have_value(re.compile(r"song 4 – artist \d\n"))
    page.get_by_role("button", name="Continue", exact=True).press("Enter")
    expect(page.locator("#found li").first).to_be_visible()
    assert page.url.startswith(f"http://127.0.0.1:{fitted.port}{PATH}#songs=song+4")
    page.reload()
    expect(page.locator("#found li").first).to_be_visible()


def test_others_come_when_asked_for(page: Page) -> None:
    ask(page, LINES)
    expect(status(page)).to_have_text("20 songs.")
    before = page.locator("#found").inner_text()
    page.get_by_role("button", name="Others").click()
    expect(page.locator("#list-title")).to_be_focused()
    assert page.locator("#found").inner_text() != before


def test_a_service_that_cannot_be_reached_is_said_in_plain_words(page: Page) -> None:
    page.route("**/api/playlist/continue/", lambda route: route.abort())
    ask(page, LINES)
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached just now")


def test_where_nothing_is_fitted_the_page_says_so_in_plain_words(browser: Browser, server: Any) -> None:
    with opened(browser, server, PATH) as page:
        expect(status(page)).to_contain_text("has not learned that from playlists yet")


def test_with_keys_on_the_page_is_shown_and_asks_for_one(
    browser: Browser, make_model: Any, serve: Any, tmp_path: Path
) -> None:
    make_model()
    publish(tmp_path)
    key = new_key(tmp_path / "keys.json", "page", ("recommend",), days=1)
    with opened(browser, serve(api_keys_file=tmp_path / "keys.json"), PATH) as page:
        page.get_by_label("This service asks for an access key").fill(key)
        page.get_by_role("button", name="Use key").click()
        ask(page, LINES)
        expect(page.locator("#found li").first).to_be_visible()


def test_a_kept_playlist_is_stored_as_saves_in_order(browser: Browser, server: Any, tmp_path: Path) -> None:
    publish(tmp_path)
    with opened(browser, server, PATH) as page:
        ask(page, f"never heard – nobody\n{LINES}")
        with page.expect_request("**/api/events/") as sent:
            page.get_by_role("button", name="Keep this playlist").click()
        expect(status(page)).to_have_text("Thank you: the playlist is kept.")
    events = sent.value.post_data_json["events"]
    assert [event["song"] for event in events[:2]] == [
        {"title": "song 0", "artist": "artist 2"},
        {"title": "song 1", "artist": "artist 2"},
    ]
    assert len(events) == 22
    assert [event["created_at"] for event in events] == sorted({event["created_at"] for event in events})
    assert {event["kind"] for event in events} == {"save"}


def test_it_fits_phone_and_desk_in_both_themes(page: Page) -> None:
    ask(page, LINES)
    expect(page.locator("#found li").first).to_be_visible()
    page.get_by_text("More choices").click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
