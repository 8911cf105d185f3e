"""What the reference would have needed at another size than its own."""

import pytest

from benchmarks.full import world_at
from benchmarks.graph_steps import Step, Work


def step(**told: object) -> Step:
    """A step that took the reference an hour."""
    return Step("scores", lambda *_: Work(0, "rows"), hours=1.0, **told)  # type: ignore[arg-type]


def test_hours_grow_with_playlists_with_pairs_or_with_the_square_of_users() -> None:
    assert step(grows="playlists").reference_hours(0.5, 0.1) == pytest.approx(0.1)
    assert step(of_users=0.1).reference_hours(0.2, 0.5) == pytest.approx(1.0)
    assert step(of_users=0.1, grows="meetings").reference_hours(0.2, 0.5) == pytest.approx(4.0)
    assert Step("songs", lambda *_: Work(0, "rows")).reference_hours(1, 1) is None


def test_a_tenth_has_all_playlists_and_a_percentage_a_share_of_both() -> None:
    tenth, three, full = (world_at(scale) for scale in ("tenth", "3%", "full"))
    assert (tenth.users, tenth.playlists) == (101_931, 1_000_000)
    assert (three.users, three.playlists) == (30_580, 30_000)
    assert (full.users, full.playlists) == (1_019_318, 1_000_000)
