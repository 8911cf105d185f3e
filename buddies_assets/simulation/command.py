"""What `buddies simulate` does; the command line only prints the result."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from buddies_assets.simulation.run import Outcome, Population, Report, ServiceClient, simulate_listeners
from buddies_core.settings import Settings


def simulate(
    settings: Settings,
    *,
    users: int = 500,
    days: float = 14.0,
    rate: float = 1.0,
    preference: str = "taste",
    trend: int = 0,
    trend_pull: float = 0.0,
    seed: int | None = None,
    on_progress: Callable[[Outcome], None] | None = None,
) -> Report:
    """Listeners of the test split who ask the running service and answer, over the last `days`, as fast as it answers.

    Args:
        users: listeners taking part.
        rate: lists a listener asks for in a day, in the mean.
        preference: `taste` (niches of the synthetic world, hidden plays of real files), `score` (the overlap that
            likes are computed from); both with noise and position bias; or `chance` (one of the five at random).
        trend, trend_pull: the season of tastes and how strong it is; 0 is none.
        seed: of this simulation; unset: the clock, so that a second run is other feedback.
    """
    clock = datetime.now(UTC)
    population = Population.of(
        settings,
        users=users,
        preference=preference,
        trend=trend,
        trend_pull=trend_pull,
        seed=int(time.time()) if seed is None else seed,
    )
    with ServiceClient(service_url(settings), settings.service_api_key) as client:
        return simulate_listeners(
            population,
            client,
            start=clock - timedelta(days=days),
            end=clock,
            lists=max(1, round(users * days * rate)),
            on_progress=on_progress,
        )


def service_url(settings: Settings) -> str:
    """Where the service is asked."""
    return settings.service_url or f"http://127.0.0.1:{settings.port}"
