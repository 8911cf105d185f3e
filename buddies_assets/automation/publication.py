"""The sensor of declarative automation: `served_model` follows a new ranking once its blocking checks passed."""

import dagster as dg

from buddies_core.settings import Settings


def build_served_model_sensor(settings: Settings) -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates `served_model`'s condition."""
    on = dg.DefaultSensorStatus.RUNNING if settings.automation == "on" else dg.DefaultSensorStatus.STOPPED
    return dg.AutomationConditionSensorDefinition(
        "served_model_sensor",
        target=dg.AssetSelection.assets("served_model"),
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=on,
    )
