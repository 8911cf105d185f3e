"""What `buddies promote` and `buddies rollback` do; the command line only prints the result."""

from buddies_assets.release import channels, decision_log
from buddies_assets.release.sharing import share
from buddies_assets.resources.loop_database import connected
from buddies_core.postgres.database import database_url
from buddies_core.settings import Settings


def promote(settings: Settings, *, reason: str = "by hand") -> str:
    """Make the challenger the champion; returns a sentence that says so.

    Raises:
        NoTrialError: there is no challenger.
    """
    root = settings.local_home / "served_model"
    champion, challenger = channels.promote_challenger(root)
    share(settings)
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
    share(settings)
    _record(settings, "rolled_back", champion, gone, reason)
    point_aliases(settings)
    return said


def point_aliases(settings: Settings) -> None:
    """Let MLflow's aliases name what is served: each checkpoint's registered version is found by its tag."""
    from buddies_assets.release.mlflow_aliases import sync_aliases

    sync_aliases(settings)


def _record(settings: Settings, action, champion: str, challenger: str, reason: str) -> None:
    with connected(database_url(settings)) as connection:
        decision_log.record(
            connection, action, champion=champion, challenger=challenger, reason=reason, automatic=False, numbers={}
        )
