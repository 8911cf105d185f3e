"""Automation conditions: when an asset is materialised by itself."""

import dagster as dg

NEW_RANKING_THAT_PASSED = (
    dg.AutomationCondition.any_deps_match(dg.AutomationCondition.newly_updated())
    .allow(dg.AssetSelection.assets("listener_evaluation"))
    .since(dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated())
    & dg.AutomationCondition.all_deps_blocking_checks_passed()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("new ranking whose checks passed")
"""`since` turns the event into a state that holds until it is acted upon, so a ranking made while checks still ran, or
while the daemon was down, is not forgotten; and it is not asked for twice."""
