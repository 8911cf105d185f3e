"""What `buddies promote`, `buddies rollback` and `buddies simulate` do; the command line only prints the result."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from buddies_assets.release import channels
from buddies_assets.release import decision_log as ledger
from buddies_assets.release.database import connected
from buddies_assets.simulation.run import Outcome, Population, Report, ServiceClient, simulate_listeners
from buddies_core.postgres.embedded import database_url
from buddies_core.settings import Settings


def promote(settings: Settings, *, reason: str = "by hand") -> str:
    """Make the challenger the champion; returns a sentence that says so.

    Raises:
        NoTrialError: there is no challenger.
    """
    root = settings.local_home / "served_model"
    champion, challenger = channels.promote_challenger(root)
    _record(settings, "promoted", champion, challenger, reason)
    point_aliases(settings)
    return f"Model {challenger} is the champion; it was the challenger of {champion}."


def rollback(settings: Settings, *, reason: str = "by hand") -> str:
    """End the trial, or without one serve the champion before this one; returns a sentence that says so.

    Raises:
        NoTrialError: there is neither a challenger nor an earlier champion.
    """
    root = settings.local_home / "served_model"
    served = channels.channels(root)
    if served is not None and served.challenger is not None:
        champion, gone = channels.reject_challenger(root)
        said = f"Challenger {gone} is no longer served; the champion is {champion}."
    else:
        champion, gone = channels.restore_previous(root)
        said = f"Model {champion} is the champion again; {gone} is no longer served."
    _record(settings, "rolled_back", champion, gone, reason)
    point_aliases(settings)
    return said


def simulate(
    settings: Settings,
    *,
    users: int = 500,
    days: float = 14.0,
    rate: float = 1.0,
    preference: str = "score",
    trend: int = 0,
    trend_pull: float = 0.0,
    seed: int | None = None,
    on_progress: Callable[[Outcome], None] | None = None,
) -> Report:
    """Listeners of the test split who ask the running service and answer, over the last `days`, as fast as it answers.

    Args:
        users: listeners taking part.
        rate: lists a listener asks for in a day, in the mean.
        preference: `score` (true score, noise, position bias) or `chance` (one of the five at random).
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


def point_aliases(settings: Settings) -> None:
    """Let MLflow's aliases name what is served: each checkpoint's registered version is found by its tag."""
    from buddies_assets.release.mlflow_aliases import sync_aliases

    sync_aliases(settings)


def _record(settings: Settings, action, champion: str, challenger: str, reason: str) -> None:
    with connected(database_url(settings)) as connection:
        ledger.record(
            connection, action, champion=champion, challenger=challenger, reason=reason, automatic=False, numbers={}
        )
