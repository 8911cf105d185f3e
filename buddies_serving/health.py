"""What a running service says of its own health."""

from typing import Protocol

from msgspec import UNSET, UnsetType

from buddies_serving.feedback.replicas import Replicas
from buddies_serving.feedback.writer import FeedbackWriter
from buddies_serving.http.keys import Keys
from buddies_serving.model.opt_out import OwnerOptOut
from buddies_serving.model.serving import ModelWatcher
from buddies_serving.supervision import Supervisor
from buddies_serving.types.api import Health

Finding = tuple[str, str]
"""(what, why): anybody may be told what; why, which may be empty, names paths and causes."""


class Examined(Protocol):
    """The parts of a service that its health depends on."""

    keys: Keys | None
    watcher: ModelWatcher
    opt_out: OwnerOptOut
    supervisor: Supervisor
    replicas: Replicas
    is_stopping: bool
    open_writer: FeedbackWriter | None
    """The feedback writer between the start and the stop."""


def health_of(service: Examined, *, public: bool = False) -> Health:
    """Whether requests can be answered and feedback be stored; `public` leaves paths and causes out."""
    problems, warnings = _findings(service)
    status = "unavailable" if problems else ("degraded" if warnings else "ok")

    def texts(found: list[Finding]) -> list[str]:
        return [what if public or not why else f"{what}: {why}" for what, why in found]

    return Health(
        status=status, problems=texts(problems), warnings=texts(warnings), sample=sample_served(service.watcher)
    )


def sample_served(watcher: ModelWatcher) -> float | UnsetType:
    """Share of playlists and users that the served model knows; unset where it knows all."""
    serving = watcher.serving
    share = float(serving.champion.manifest.extra.get("sample", 1.0)) if serving else 1.0
    return share if share < 1 else UNSET


def _findings(service: Examined) -> tuple[list[Finding], list[Finding]]:
    """Everything that is a problem, and what is only not as it should be."""
    problems = [(f"task {name} is down", "") for name in service.supervisor.failing]
    warnings: list[Finding] = []
    if service.is_stopping:
        problems.append(("the service is stopping", ""))
    if service.replicas.signs_otherwise:
        told = f"{service.replicas.signs_otherwise} of {service.replicas.others} others sign with another key"
        warnings.append(("replicas call each other's recommendation ids forged", told))
    if service.keys is not None and service.keys.trouble:
        found = problems if not len(service.keys) else warnings
        found.append(("the API keys cannot be read", service.keys.trouble))
    if service.watcher.serving is None:
        problems.append(("no model is served", service.watcher.error or "none has been published"))
    elif service.watcher.error:
        warnings.append(("the newest model could not be loaded", service.watcher.error))
    if service.opt_out.trouble:
        what = "no owner is shown, as the file of those who opted out cannot be read"
        warnings.append((what, service.opt_out.trouble))
    of_feedback = _findings_of_feedback(service.open_writer)
    return problems + of_feedback[0], warnings + of_feedback[1]


def _findings_of_feedback(writer: FeedbackWriter | None) -> tuple[list[Finding], list[Finding]]:
    """The same of whether feedback can be stored."""
    if writer is None:
        return [("the feedback writer does not run", "")], []
    problems: list[Finding] = []
    warnings: list[Finding] = []
    if writer.is_full:
        problems.append(("the feedback queue is full", ""))
    if writer.state.spool_error and not writer.state.database_ready:
        problems.append(("feedback cannot be stored", writer.state.spool_error))
    if not writer.state.database_ready:
        warnings.append(("feedback goes to the spool", writer.state.database_error))
    if writer.spool.losses:
        where = f"{writer.spool.losses}; see {writer.spool.folder}, and remove losses.json there when it is settled"
        warnings.append(("feedback was lost or set aside", where))
    return problems, warnings
