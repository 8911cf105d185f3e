"""What counts as new feedback since a checkpoint."""

from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.registry.watermark import Watermark

DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]
counts = st.dictionaries(st.sampled_from(DAYS), st.integers(0, 50))


def test_late_and_spooled_sessions_count_as_new_on_the_day_they_were_created():
    seen = Watermark({"2026-01-01": 10, "2026-01-02": 5})
    assert seen.new_sessions({"2026-01-01": 13, "2026-01-02": 5, "2026-01-03": 2}, DAYS) == 5
    assert seen.changed_days({"2026-01-01": 13, "2026-01-02": 5, "2026-01-03": 2}, DAYS) == ["2026-01-01", "2026-01-03"]


def test_sessions_that_left_the_window_or_were_deleted_hide_no_new_ones():
    seen = Watermark({"2025-12-31": 900, "2026-01-01": 10})
    assert seen.new_sessions({"2026-01-01": 4, "2026-01-02": 7}, DAYS) == 7


def test_a_checkpoint_without_feedback_has_read_nothing():
    assert Watermark.of_lineage({"run_id": "r"}).sessions == 0


@settings(deadline=None, max_examples=50)
@given(counts, counts)
def test_what_is_new_to_one_training_is_nothing_new_once_it_was_read(before, after):
    later = {day: max(before.get(day, 0), after.get(day, 0)) for day in DAYS}
    seen = Watermark(before)
    assert seen.new_sessions(later, DAYS) == sum(later.values()) - seen.sessions
    read = Watermark.of_lineage({"feedback": Watermark(later).as_lineage()})
    assert read.new_sessions(later, DAYS) == 0
    assert read.sessions == sum(later.values())
