"""Pictures of every page of the dashboard: `python -m benchmarks.dashboard_pictures FOLDER [full] [broken] [empty]`.

Each page in light and dark, wide and on a phone, over a made-up history (`full`, the default, which the documentation
shows), one in which much is broken, or none. What does not fit the window or is an error of the console is printed.
"""

import sys
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.dashboard import CHECK
from benchmarks.dashboard_world import ARGUMENTS, CHROMIUM, breakage, dashboard_over, filled_dashboard
from quality.dashboard.app import PAGES

SHAPES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
DRAWN = "() => !document.querySelector('.chart[aria-busy=true]')"
TOO_WIDE = "() => document.documentElement.scrollWidth - innerWidth"
ABOUT = {
    "check": f"?asset={CHECK[0]}&check={CHECK[1]}",
    "asset": "?asset=user_blocks",
    "incident": "?incident=1",
    "run": "?run=run-1",
    "search": "?q=block",
}
"""Which thing is shown, of pages about one."""
SESSIONS, EVALUATIONS = 20_000, 10_000


def dashboard_in(state: str) -> AbstractContextManager[str]:
    """A dashboard in a state: `full`, `broken` or `empty`."""
    if state == "empty":
        return dashboard_over()
    return filled_dashboard(SESSIONS, EVALUATIONS, *([breakage] if state == "broken" else []))


def take(folder: Path, state: str) -> None:
    """Write `dashboard-PAGE[-phone]-THEME.png` of every page; of other states than `full` in a folder of the state."""
    from playwright.sync_api import sync_playwright

    folder = folder if state == "full" else folder / state
    folder.mkdir(parents=True, exist_ok=True)
    with dashboard_in(state) as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for theme in ("light", "dark"):
            for shape, size in SHAPES.items():
                context = browser.new_context(viewport=size, color_scheme=theme)  # type: ignore[arg-type]
                page = context.new_page()
                page.on(
                    "console", lambda said: print(said.location["url"], said.text) if said.type == "error" else None
                )
                for name in PAGES:
                    page.goto(f"{home}/{'' if name == 'overview' else name}{ABOUT.get(name, '')}", wait_until="load")
                    page.wait_for_function(DRAWN, timeout=60_000)
                    if (wider := page.evaluate(TOO_WIDE)) > 0:
                        print(f"{state} {name} {shape}: {wider} px wider than the window")
                    middle = "-phone" if shape == "phone" else ""
                    page.screenshot(path=folder / f"dashboard-{name}{middle}-{theme}.png", full_page=True)
                context.close()
        browser.close()


if __name__ == "__main__":
    for wanted in sys.argv[2:] or ["full"]:
        take(Path(sys.argv[1]), wanted)
