"""Pictures of every page of the dashboard, for the documentation: `python -m benchmarks.dashboard_pictures FOLDER`.

Each page in light and dark, wide and on a phone, over a made-up history.
"""

import sys
from pathlib import Path

from benchmarks.dashboard import CHECK
from benchmarks.dashboard_world import ARGUMENTS, CHROMIUM, filled_dashboard
from quality.dashboard.app import PAGES

SHAPES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
DRAWN = "() => !document.querySelector('.chart[aria-busy=true]')"


def take(folder: Path) -> None:
    """Write `dashboard-PAGE-THEME.png`, and `dashboard-PAGE-phone-THEME.png`, of every page."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with filled_dashboard(20_000, 10_000) as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for theme in ("light", "dark"):
            for shape, size in SHAPES.items():
                context = browser.new_context(viewport=size, color_scheme=theme)  # type: ignore[arg-type]
                page = context.new_page()
                for name in PAGES:
                    query = f"?asset={CHECK[0]}&check={CHECK[1]}" if name == "check" else ""
                    page.goto(f"{home}/{'' if name == 'overview' else name}{query}", wait_until="load")
                    page.wait_for_function(DRAWN, timeout=60_000)
                    middle = "-phone" if shape == "phone" else ""
                    page.screenshot(path=folder / f"dashboard-{name}{middle}-{theme}.png", full_page=True)
                context.close()
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
