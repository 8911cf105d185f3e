"""When continuation is learnt again."""

import dagster as dg

from buddies_assets.release.new_playlists import playlists_sensor
from buddies_core.settings import Settings


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor, with the interval and the status to start with that the settings state."""
    return [playlists_sensor("continuation", "served_continuation", settings)]
