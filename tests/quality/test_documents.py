"""The page on data quality says what the code says."""

from pathlib import Path

from quality.dashboard.settings import DashboardSettings

TEXT = (Path(__file__).parents[2] / "docs" / "data-quality.md").read_text(encoding="utf-8")


def test_every_setting_of_the_dashboard_is_in_the_table_with_its_description():
    rows = [
        f"| `BUDDIES_{name.upper()}` | `{_written(field.default)}` | {field.description} |"
        for name, field in DashboardSettings.model_fields.items()
    ]
    assert [row for row in rows if row not in TEXT] == []


def test_every_image_that_is_shown_exists():
    import re

    folder = Path(__file__).parents[2] / "docs"
    shown = re.findall(r"\((images/[^)]+)\)", TEXT)
    assert len(shown) == 8
    assert [name for name in shown if not (folder / name).exists()] == []


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
