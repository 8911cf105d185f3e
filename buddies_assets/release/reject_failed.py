"""What keeps a model that failed its checks from ever being served, also by a later run."""

from collections.abc import Collection

import dagster as dg

from buddies_assets.release import channels as served
from buddies_assets.release import decision_log
from buddies_assets.release.retraining_inputs import failed_checks, newest_checkpoint
from buddies_core.settings import Settings
from quality.registry import spec_of


def reject_what_failed(
    instance: dg.DagsterInstance, connection, settings: Settings, blocking: Collection[dg.AssetCheckKey]
) -> str | None:
    """Roll the newest checkpoint back if blocking checks of its own run failed; returns what was done, or None.

    A failed check holds back only the run it is in; the next run would take the checkpoint for the newest one.
    """
    newest, root = newest_checkpoint(settings), settings.local_home / "served_model"
    now = served.channels(root)
    if newest is None or now is None or newest.version in served.rejected(root):
        return None
    champion = served.model_of(now.champion)
    if newest.version == champion:
        return None
    gates = [key for key in blocking if spec_of(key.asset_key.path[-1]).gate]
    failing = failed_checks(instance, gates, run_id=newest.lineage.get("run_id"))
    if not failing:
        return None
    names = ", ".join(sorted(key.name for key in failing))
    if now.challenger is not None and served.model_of(now.challenger.version) == newest.version:
        served.reject_challenger(root, expected=newest.version)
    else:
        served.reject_model(root, newest.version)
    decision_log.record(
        connection,
        "rolled_back",
        champion=champion,
        challenger=newest.version,
        reason=f"failed checks: {names}",
        automatic=True,
        numbers={"failed_checks": sorted(key.to_user_string() for key in failing)},
    )
    return f"model {newest.version} was rolled back: its checks failed ({names})"
