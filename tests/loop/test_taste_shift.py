"""A change of tastes is noticed as fast as the test's power says, and retraining wins listeners back."""

from benchmarks.loop import ALARM_DAYS, DROP, SHIFT_DAY, live, trained, world_of
from buddies_assets.release.degradation_test import Level, predicted_recommendations, watch


def test_a_planted_shift_is_detected_and_retraining_recovers_the_like_rate(tiny_world):
    settings, _ = tiny_world
    world = world_of(settings, lists_a_day=250, weeks=5)
    first = trained(world, [])
    none, loop = live(world, first, "none"), live(world, first, "loop")
    level, fallen = none.rate(0, SHIFT_DAY), none.rate(SHIFT_DAY, world.days)
    assert fallen < 0.9 * level
    predicted = predicted_recommendations(level, fallen, drop=DROP, alarm_days=ALARM_DAYS)
    verdict = watch(none.days[SHIFT_DAY:], Level(level), drop=DROP, alarm_days=ALARM_DAYS)
    assert verdict.degraded
    assert verdict.recommendations <= 3 * predicted + 250
    assert [day for day, _ in loop.retrained if day >= SHIFT_DAY]
    assert loop.rate(world.days - 7, world.days) > 1.1 * none.rate(world.days - 7, world.days)
