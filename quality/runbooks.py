"""What to do about an incident, and what listeners get meanwhile, in sentences."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from quality.file_rules import runbooks_of_rules
from quality.history.incidents import Record

RUNBOOKS: Mapping[str, str] = {
    "matches_its_schema": (
        "Compare the columns on the asset's page with the sample: a type or a null that changed comes from the code "
        "or from an input, so look at what changed last there. Then materialise the asset again."
    ),
    "is_made_of_what_is_stored_now": (
        "An input was made anew since: materialise the asset and what lies downstream of it again."
    ),
    "raw_counts_reconcile": (
        "Rows were lost while files were read. Compare the counts with the files, look for a second process that "
        "wrote them meanwhile, and materialise the source again."
    ),
    "input_files_are_whole": (
        "A file was cut short. quarantined_raw names it and the place: fetch it again, then materialise its source."
    ),
    "input_files_are_read": "A file was passed over. quarantined_raw names it and says why: give it its proper name.",
    "feedback_is_fresh": (
        "No session has come for two days. Ask the service for /readyz, look at its log (buddies logs service) and "
        "at its spool, and whether clients still reach it."
    ),
    "the_model_is_of_these_data": "The data changed since the training: materialise bpr_checkpoint again.",
}
"""What to do where a rule says more than its sentence does; by the rule's name."""

_CHECK = (
    "Open the check and look at the sample of rows. If an upstream asset is wrong too, repair that one first. Else "
    "find what changed in the code, the settings or the files, and materialise {asset} again: its checks run with it."
)
_SOURCE = (
    "Open the check and look at the sample of rows: it is as the files have it. Fetch the files again or correct them, "
    "and materialise {asset}: its checks run with it."
)
_FILES = (
    "Materialise {asset} again: shards that are damaged or missing are made anew and sound ones are kept. Then ask "
    "what wrote to the folder: a full disk, a copy that was interrupted, or a person."
)
STANDS_STILL = " stands still"
_STANDSTILL = (
    "Start it again: buddies up starts a daemon anew whenever it ends, and buddies logs daemon says why it ended. Of a "
    "sensor or schedule that fails, Dagster's page Automation has the whole error; its next tick tries again."
)
_OVERDUE = (
    "Open the run: where a step hangs, terminate the run and choose Re-execute from failure; where it is queued, see "
    "whether the daemon lives and which run it waits for."
)
_RUN = (
    "Open the run and read the error of the step. A lack of memory or disk wants room, an error in the input names "
    "file and row. Then choose Re-execute from failure in Dagster: what was finished is kept."
)


def runbook(record: Record, texts: Mapping[str, str], *, is_source: bool) -> list[tuple[str, str]]:
    """(heading, text) of what must hold and what to do.

    Args:
        texts: the sentence of each check of the asset.
        is_source: whether the asset is read from files, with nothing upstream.
    """
    found = [(check.replace("_", " "), texts[check]) for check in record.checks if texts.get(check)]
    return [*found, ("What to do", " ".join(_steps(record, is_source=is_source)))]


def _steps(record: Record, *, is_source: bool) -> Sequence[str]:
    if record.subject.endswith(STANDS_STILL):
        return [_STANDSTILL]
    if record.subject.endswith("is overdue"):
        return [_OVERDUE]
    if record.subject.startswith("files of "):
        return [_FILES.format(asset=record.asset)]
    if record.of_run or not record.checks or "errored and said nothing" in record.text:
        return [_RUN]
    known = {**runbooks_of_rules(), **RUNBOOKS}
    own = dict.fromkeys(known[check] for check in record.checks if check in known)
    return [*own] or [(_SOURCE if is_source else _CHECK).format(asset=record.asset)]


def for_listeners(
    asset: str, upstream: Mapping[str, Sequence[str]], champion: str | None, published: datetime | None, since: datetime
) -> str:
    """What listeners get while something is wrong with an asset."""
    if champion is None:
        return "Nothing is served yet, so listeners get nothing, with or without this."
    when = f" of {published:%d %b %H:%M} UTC" if published else ""
    if asset == "user_feedback":
        return (
            f"Listeners get lists of version {champion}{when}; what they answer is kept, and judged before it trains."
        )
    if asset not in _feeding("served_model", upstream):
        return f"Listeners get lists of version {champion}{when}, which are not made of {asset or 'this'}."
    if published is not None and published >= since:
        return (
            f"Listeners get lists of version {champion}{when}, which was published after this began: look at it first."
        )
    return f"Listeners keep lists of version {champion}{when}, made before this began; nothing newer is published."


def _feeding(asset: str, upstream: Mapping[str, Sequence[str]]) -> set[str]:
    """An asset and everything that it is made of, however far."""
    seen, waiting = {asset}, list(upstream.get(asset, ()))
    while waiting:
        above = waiting.pop()
        if above not in seen:
            seen.add(above)
            waiting.extend(upstream.get(above, ()))
    return seen
