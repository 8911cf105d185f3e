"""First paint, time to the last chart, and weight of each page of the dashboard, in headless Chromium on localhost.

The parts of the first paint are told apart: what the server takes (until the first byte), what is sent (until the last
one), and what the browser takes from the first byte on.
The cache is empty for the first visit of each page and filled for the second; both are reported. Every request that
leaves the machine would be counted: the ratio `dashboard_requests_outside` must be 0.
"""

from typing import Any

from benchmarks.dashboard import SCALES
from benchmarks.dashboard_world import ARGUMENTS, CHROMIUM, filled_dashboard
from benchmarks.measure import Report, Row
from quality.dashboard.app import NAVIGATION

PAINT_LIMIT, CHARTS_LIMIT = 0.2, 0.6
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
_DRAWN = """() => Math.max(0, ...performance.getEntriesByType('mark').filter(m => m.name === 'drawn')
                                .map(m => m.startTime))"""

_ALL_DRAWN = "() => !document.querySelector('.chart[aria-busy=true]')"
"""Waited for in the browser: asking from here would take turns with the server, which is in this process."""
_SERVER = (
    """() => { const [n] = performance.getEntriesByType('navigation'); return [n.responseStart, n.responseEnd]; }"""
)
"""Milliseconds until the first and until the last byte of the page: what the server takes, and what it sends."""
_WEIGHT = """() => ['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))
                      .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""
"""Bytes of the page and all it loaded: a page that is sent in pieces does not announce its length."""


def run(scale: str) -> Report:
    """Seconds to first paint and to the last chart of each page; the notes hold the bytes."""
    from playwright.sync_api import sync_playwright

    report = Report("dashboard_paint")
    with filled_dashboard(*SCALES["small" if scale == "small" else "tenth"]) as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        _visit_all(report, browser, home)
        browser.close()
    return report


def _visit_all(report: Report, browser: Any, home: str) -> None:
    paints: list[float] = []
    charts: list[float] = []
    outside = 0
    for page in NAVIGATION:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        for visit in ("first visit", "second visit"):
            opened = context.new_page()
            requests: list[str] = []
            opened.on("request", lambda request, seen=requests: seen.append(request.url))
            opened.goto(home + ("/" if page.name == "overview" else f"/{page.name}"), wait_until="load")
            opened.wait_for_function(_ALL_DRAWN)
            opened.wait_for_timeout(150)
            paint, last = opened.evaluate(_PAINT), opened.evaluate(_DRAWN)
            begun, ended = opened.evaluate(_SERVER)
            outside += sum(not url.startswith((home, "data:")) for url in requests)
            size = opened.evaluate(_WEIGHT)
            in_browser = max(paint - begun, 0.0) if paint else None
            for step, milliseconds in (
                ("first byte", begun),
                ("last byte", ended),
                ("first paint", paint),
                ("of that in the browser", in_browser),
                ("last chart", last),
            ):
                if milliseconds:
                    seconds = milliseconds / 1000
                    {"first paint": paints, "last chart": charts}.get(step, []).append(seconds)
                    report.add(Row(f"{page.name}: {step}", visit, 1, seconds, 1 / seconds, "page"))
            report.notes.append(f"{page.name}, {visit}: {size / 1000:,.0f} kB in {len(requests)} responses")
            opened.close()
        context.close()
    report.ratios["dashboard_first_paint_headroom"] = PAINT_LIMIT / max(paints)
    report.ratios["dashboard_charts_headroom"] = CHARTS_LIMIT / max(charts)
    report.ratios["dashboard_requests_outside"] = float(outside)
