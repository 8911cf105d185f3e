"""The dashboard in Chromium: figures and marks that are shown, links, ranges, failures, themes, keyboard, phone."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.data_defects.bench import DEFECTS
from quality.dashboard.app import NAVIGATION
from quality.history.records import Evaluation
from quality.history.writer import write_evaluations
from quality.rules.catalogue import rules_by_asset

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
pytestmark = pytest.mark.browser

PAGES = ("", "training", "feedback", "users", "checks", "models", "lineage", "expectations")


def drawn(page) -> None:
    """Wait until every chart is drawn or says why not."""
    expect(page.locator(".chart[aria-busy=true]")).to_have_count(0, timeout=15_000)


def tile(page, label: str):
    """The figure of a tile."""
    return page.locator(".tile", has=page.get_by_role("heading", name=label, exact=True)).locator(".value")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_draws_all_its_charts(page, path):
    page.goto(f"/{path}")
    drawn(page)
    expect(page.locator(".empty.error")).to_have_count(0)
    expect(page.locator("h1")).to_have_count(1)


def test_the_feedback_page_shows_the_sessions_that_were_sent(page):
    page.goto("/feedback")
    drawn(page)
    expect(tile(page, "Distinct feedback users")).to_have_text("4")
    expect(tile(page, "Feedback sessions")).to_have_text("7")
    expect(tile(page, "Like-rate")).to_have_text("–")  # nothing was counted as served
    expect(tile(page, "Mean rank of the liked")).to_have_text("2.00")
    expect(tile(page, "Invalid sessions")).to_have_text("0")
    bars = page.locator("#figure-volume .mark-rect path[aria-label]")
    expect(bars).to_have_count(3)
    labels = [bars.nth(i).get_attribute("aria-label") for i in range(3)]
    assert [re.search(r"sessions: (\d+)", label)[1] for label in labels] == ["4", "2", "1"]
    users = page.locator("#figure-daily_users .mark-symbol path[aria-label]")
    assert sorted(re.search(r"users: (\d+)", users.nth(i).get_attribute("aria-label"))[1] for i in range(3)) == [
        "1",
        "2",
        "3",
    ]
    expect(page.locator("#figure-cumulative").get_by_text("000001")).to_be_visible()


def test_the_training_page_shows_the_blocks_of_the_stored_world(page, world):
    page.goto("/training")
    drawn(page)
    blocks = world["user_blocks"]
    expect(tile(page, "User-blocks")).to_have_text(f"{blocks.height:,}")
    expect(tile(page, "Distinct users")).to_have_text(f"{blocks['user'].n_unique():,}")
    expect(tile(page, "Blocks with no positive")).to_have_text("0")
    expect(tile(page, "Songs shared")).to_have_text(f"{world['songs'].height:,}")
    bars = page.locator("#figure-owned .mark-rect path[aria-label]")
    counts = [
        int(re.search(r"owners: ([\d,]+)", bars.nth(i).get_attribute("aria-label"))[1]) for i in range(bars.count())
    ]
    assert sum(counts) == world["playlist_ownership"]["owner"].n_unique()


def test_the_users_page_ranks_the_most_active(page):
    page.goto("/users")
    drawn(page)
    rows = page.locator("#table-power tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("3")
    expect(tile(page, "New users")).to_have_text("4")
    expect(page.locator("#figure-power .mark-rect path[aria-label*='sessions: 3']")).to_have_count(1)


def test_a_range_in_the_form_changes_the_figures_and_the_url(page, dashboard):
    page.goto("/feedback")
    day = (dashboard.today - timedelta(days=2)).date().isoformat()
    page.get_by_label("From", exact=True).fill(day)
    page.get_by_label("to", exact=True).fill(day)
    page.get_by_role("button", name="Apply").click()
    expect(tile(page, "Feedback sessions")).to_have_text("2")
    assert f"from={day}&to={day}" in page.url
    page.get_by_role("link", name="Users", exact=True).click()
    assert f"from={day}" in page.url
    expect(tile(page, "Distinct users")).to_have_text("2")
    drawn(page)


def test_a_figure_leads_to_its_dagster_run(page):
    page.goto("/training")
    drawn(page)
    page.locator("#figure-blocks a.run").click()
    expect(page.get_by_role("heading")).to_have_text("Dagster /runs/run-made")


def test_a_planted_failure_turns_the_overview_red_and_a_repaired_one_green(page, dashboard, world):
    defect = next(d for d in DEFECTS if d.name == "a negative twice")
    rule = next(r for r in rules_by_asset()["user_blocks"] if r.name == "negatives_are_distinct")

    def evaluate(data, run: str) -> None:
        finding = rule.judge(data).finding
        write_evaluations(
            dashboard.connection,
            [
                Evaluation(
                    *(datetime.now(UTC), rule.asset, rule.name, run, str(rule.severity), finding.passed),
                    *(finding.value, finding.low, finding.high, finding.offending, finding.total),
                    sample=finding.sample.to_dicts(),
                    rule=rule.text,
                )
            ],
        )
        dashboard.connection.commit()

    evaluate({**world, **defect.plant(world)}, "run-spoiled")
    page.goto("/")
    expect(page.locator(".status .pill")).to_have_text("1 open incident")
    expect(page.locator(".tile.fail h2").first).to_have_text("Open incidents")
    expect(page.locator("#table-incidents")).to_contain_text("checks of user_blocks")
    expect(page.locator("#table-incidents")).to_contain_text("the check fails: negatives_are_distinct")
    resting_on_it = re.compile(r"bpr_evaluation, bpr_search.* and \d+ more")
    expect(page.locator("#table-incidents tbody tr")).to_contain_text(resting_on_it)
    resting = page.locator("#table-assets tbody tr", has_text="rests on user_blocks")
    expect(resting.first.locator(".pill")).to_have_class("pill warn")
    row = page.locator("#table-assets tbody tr", has_text="user_blocks").first
    expect(row.locator(".pill")).to_have_text("fail")
    page.locator("#table-open").get_by_role("link", name="negatives are distinct").click()
    drawn(page)
    expect(page.get_by_text(rule.text)).to_be_visible()
    expect(page.locator("#table-sample tbody tr")).to_have_count(1)
    expect(page.locator("#figure-value .mark-symbol path[aria-label]")).to_have_count(1)

    evaluate(world, "run-repaired")
    page.goto("/")
    expect(page.locator(".status .pill")).to_have_text("no open incident")
    expect(row.locator(".pill")).to_have_text("ok")


def test_checks_show_failures_first_and_can_be_filtered(page):
    page.goto("/checks")
    rows = page.locator("#table-checks tbody tr")
    expect(rows.first.locator(".pill")).to_have_text("warn")
    strip = rows.filter(has_text="one block per positive").first.get_by_role("img")
    expect(strip).to_have_attribute("aria-label", "28 evaluations: 0 failed, 0 warned, 28 passed")
    page.get_by_label("State").select_option("pass")
    page.get_by_role("button", name="Filter").click()
    expect(rows.first.locator(".pill")).to_have_text("pass")
    assert "state=pass" in page.url


def test_the_lineage_is_coloured_by_health(page):
    page.goto("/lineage")
    drawn(page)
    node = page.locator("#figure-graph .mark-symbol path[aria-label*='name: splits']")
    expect(node.first).to_have_attribute("fill", "#b0740f")


def test_models_show_metrics_per_epoch(page):
    page.goto("/models")
    drawn(page)
    expect(page.locator("#table-versions tbody tr")).to_have_count(1)
    expect(page.locator("#figure-epochs .mark-symbol path[aria-label*='epoch: ']")).to_have_count(2)


COLOURS = """() => [document.body, document.querySelector('#figure-volume .role-axis-label text')].map((part, i) =>
    getComputedStyle(part)[['backgroundColor', 'fill'][i]])"""


def test_the_theme_changes_at_once_and_is_kept(page):
    page.goto("/feedback")
    drawn(page)
    before, label = page.evaluate(COLOURS)
    page.get_by_role("button", name="Change between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    after, label_after = page.evaluate(COLOURS)
    assert after != before
    assert label_after != label
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    drawn(page)


def test_a_mark_under_the_pointer_says_what_it_stands_for(page):
    page.goto("/feedback")
    drawn(page)
    tooltip = page.locator("#tooltip")
    expect(tooltip).to_be_hidden()
    page.locator("#figure-volume .mark-rect path[aria-label*='sessions: 4']").hover()
    expect(tooltip).to_contain_text("sessions: 4")
    page.mouse.move(5, 5)
    expect(tooltip).to_be_hidden()


def test_a_node_of_the_lineage_is_reached_by_keyboard_and_leads_to_dagster(page):
    page.goto("/lineage")
    drawn(page)
    node = page.locator("#figure-graph a", has=page.locator("text", has_text=re.compile("^splits$")))
    node.focus()
    expect(page.locator("#tooltip")).to_contain_text("name: splits")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading")).to_have_text("Dagster /assets/splits")


def test_a_chart_is_drawn_anew_for_a_window_of_another_width(page):
    page.goto("/feedback")
    drawn(page)
    svg = page.locator("#figure-volume svg")
    wide = svg.get_attribute("width")
    page.set_viewport_size({"width": 390, "height": 800})
    expect(svg).not_to_have_attribute("width", wide)
    drawn(page)
    expect(page.locator("#figure-volume .mark-rect path[aria-label]")).to_have_count(3)


def test_a_chart_that_cannot_be_loaded_can_be_tried_again(page):
    page.route("**/charts/volume.svg*", lambda route: route.abort())
    page.goto("/feedback")
    box = page.locator("#figure-volume")
    expect(box.get_by_role("alert")).to_contain_text("could not be loaded")
    page.unroute("**/charts/volume.svg*")
    box.get_by_role("button", name="Try again").click()
    expect(box.locator(".mark-rect path[aria-label]")).to_have_count(3)
    page.problems.clear()
    drawn(page)


def test_the_bar_of_pages_is_one_line_on_a_usual_screen(page):
    page.goto("/")
    assert page.locator(".bar").bounding_box()["height"] < 60


def test_the_keyboard_reaches_the_content_and_the_navigation(page):
    page.goto("/checks")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(len(NAVIGATION))
    expect(page.locator("nav a[aria-current=page]")).to_have_text("Checks")


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_needs_no_sideways_scrolling(page, path):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/{path}")
    drawn(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_a_click_on_a_heading_sorts_the_table_and_a_second_one_turns_it(page):
    page.goto("/")
    heading = page.locator("#table-assets th", has_text="Asset")
    cells = page.locator("#table-assets tbody td:nth-child(2)")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    names = cells.all_text_contents()
    assert names == sorted(names)
    heading.get_by_role("button").click()
    assert cells.all_text_contents() == names[::-1]
    page.locator("#table-assets th", has_text="Rows").first.get_by_role("button").click()
    told = page.locator("#table-assets td.k-number").all_text_contents()
    rows = [int(text.replace(",", "")) for text in told if text != "–"]
    assert rows == sorted(rows)


def test_news_come_into_the_page_and_the_order_of_a_table_stays(page, dashboard):
    usual = dashboard.sources.dashboard
    dashboard.sources.dashboard = usual.model_copy(update={"refresh_seconds": 1.0})
    try:
        page.goto("/")
        page.locator("#table-assets th", has_text="Asset").get_by_role("button").click()
        page.evaluate("() => { document.activeElement.blur(); window.stayed = true }")
        figures = (1.0, None, 0.0, 1, 9)
        old = Evaluation(
            datetime.now(UTC), "songs", "songs_are_named", "run-n", "error", False, *figures, rule="Named."
        )
        write_evaluations(dashboard.connection, [old])
        dashboard.connection.commit()
        page.wait_for_timeout(1500)
        dashboard.sources.refreshed_at = datetime.now(UTC)
        expect(page.locator("#table-incidents")).to_contain_text("checks of songs")
        assert page.evaluate("() => window.stayed")
        expect(page.locator("#table-assets th", has_text="Asset")).to_have_attribute("aria-sort", "ascending")
    finally:
        dashboard.sources.dashboard = usual
        write_evaluations(dashboard.connection, [replace(old, at=datetime.now(UTC), passed=True, run_id="run-o")])
        dashboard.connection.commit()


def test_the_search_finds_assets_columns_and_rules(page):
    page.goto("/")
    page.get_by_label("Search over everything").fill("ownership")
    page.keyboard.press("Enter")
    expect(page.locator("#table-assets tbody tr")).to_contain_text("playlist_ownership")
    page.get_by_label("Search over everything").fill("one block per positive")
    page.keyboard.press("Enter")
    expect(page.locator("#table-checks tbody tr").first).to_contain_text("one block per positive")
    page.get_by_label("Search over everything").fill("<script>alert(1)</script>")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Nothing is like it")


def test_a_click_on_a_bar_leads_to_its_day(page, dashboard):
    day = (dashboard.today - timedelta(days=3)).date().isoformat()
    page.goto("/feedback")
    drawn(page)
    page.locator(f"#figure-volume .plot a[*|href*='from={day}']").first.click()
    expect(page).to_have_url(f"{dashboard.url}/feedback?from={day}&to={day}")
    expect(tile(page, "Feedback sessions")).to_have_text("4")


STOPS = "a[href], button, input:not([type=hidden]), select, textarea, [tabindex]"
FOCUSABLE = f"""() => [...document.querySelectorAll('{STOPS}')]
    .filter(e => e.getAttribute('tabindex') !== '-1' && !e.disabled && e.getClientRects().length).length"""


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_few_stops_of_the_tab_key_however_long_its_tables_are(page, path):
    page.goto(f"/{path}")
    drawn(page)
    fixed = 40  # links of the bar, the form of the range, the theme, what stands at the end
    tables = page.locator(".table table")
    headings = page.locator(".table thead button").count()
    links = page.locator(".links a").count()
    assert page.evaluate(FOCUSABLE) <= fixed + headings + links + 8 * tables.count() + page.locator(".plot").count()


def test_arrow_keys_lead_from_row_to_row_and_tab_leads_out_of_the_table(page):
    page.goto("/checks")
    rows = page.locator("#table-checks tbody tr")
    rows.nth(0).get_by_role("link").nth(1).focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1).get_by_role("link").nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(rows.last.get_by_role("link").nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('table')") is None
    page.keyboard.press("Shift+Tab")
    expect(rows.last.get_by_role("link").last).to_be_focused()
    page.keyboard.press("Home")
    expect(rows.first.get_by_role("link").last).to_be_focused()
    # Sorted, the table has one stop again, in the row that is now the first.
    page.get_by_role("button", name="Check", exact=True).click()
    expect(rows.first.get_by_role("link").first).to_have_attribute("tabindex", "0")
    expect(page.locator("#table-checks tbody a[tabindex='0']")).to_have_count(rows.first.get_by_role("link").count())


def test_arrow_keys_lead_from_node_to_node_of_the_lineage(page):
    page.goto("/lineage")
    drawn(page)
    nodes = page.locator("#figure-graph a")
    expect(page.locator("#figure-graph a[tabindex='0']")).to_have_count(1)
    nodes.first.focus()
    page.keyboard.press("ArrowRight")
    expect(nodes.nth(1)).to_be_focused()
    expect(page.locator("#figure-graph a[tabindex='0']")).to_have_count(1)
