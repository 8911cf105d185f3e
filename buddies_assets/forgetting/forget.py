"""A listener is forgotten: what was removed where, what still holds something of them, and until when."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from buddies_assets.forgetting.database import forget_in_database
from buddies_assets.forgetting.files import forget_in_daily_lists, forget_in_experiments, redact
from buddies_assets.forgetting.person import Person
from buddies_assets.forgetting.spool import forget_in_spool
from buddies_assets.forgetting.stored import forget_in_datasets
from buddies_assets.forgetting.versions import forget_in_versions
from buddies_assets.release.channels import channels
from buddies_assets.release.sharing import share
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.forgotten import ForgottenIds
from buddies_serving.model.served_model import ServedModel


@dataclass
class Forgotten:
    """Lines for a person to read: `removed` and `remains`, each a place and what became of it there."""

    removed: list[tuple[str, str]] = field(default_factory=list)
    remains: list[tuple[str, str]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    """Datasets that the next run makes anew."""


def forget(settings: Settings, person: Person, *, url: str | None, spool: Path, settle: float = 0.0) -> Forgotten:
    """Take a listener out of everything that the home and its database hold. Given twice it does what is left.

    The id is put on the list of the forgotten before anything else, so that whatever runs meanwhile leaves it out.

    Args:
        url: the database; None where there is none.
        spool: folder of the feedback spool.
        settle: seconds until services have taken up the version without the listener; feedback goes after that.
    """
    done, home = Forgotten(), settings.local_home
    ForgottenIds.at(settings.home).adding(person.user_id)
    done.removed.append(("forgotten.txt", "holds the id as a keyed hash: later readings leave it out"))
    versions = forget_in_versions(home / "served_model", person)
    if versions:
        share(settings)
        done.removed.append(("served_model", f"written anew and served: {', '.join(versions)}"))
        time.sleep(settle)
    if sessions := forget_in_spool(spool, person):
        done.removed.append(("spool", f"{sessions:,} sessions and events"))
    if url is not None:
        for table, rows in forget_in_database(url, person).items():
            done.removed.append((f"database, {table}", f"{rows:,} rows deleted or without the id"))
    done.deleted = forget_in_datasets(DatasetStore.at(settings.home), person)
    for name in done.deleted:
        is_kept = name == "user_library"
        what = "written anew: their row is empty" if is_kept else "deleted; the next run makes it without them"
        done.removed.append((f"datasets/{name}", what))
    line = _line_of_nobody(home / "served_model", person)
    for name in forget_in_daily_lists(home / "daily_recommendations", person, line):
        done.removed.append((f"daily_recommendations/{name}", "their list gave way to what anybody unknown is shown"))
    for system in ("artists", "songs"):
        for name in forget_in_experiments(home / system, person):
            done.removed.append((f"{system}/{name}", "published anew; earlier versions deleted"))
    share(settings)
    raw = (home / "raw", home / "scratch")
    changed, named = redact(home, person, leave=raw)
    done.removed += [(str(path.relative_to(home)), "the id overwritten") for path in changed]
    for path in named:
        is_raw = any(path.is_relative_to(folder) for folder in raw)
        what = "raw: as long as you keep it" if is_raw else "names the id: delete it, or mend it by hand"
        done.remains.append((str(path.relative_to(home)), what))
    done.remains += _remains(settings, url)
    return done


def _line_of_nobody(root: Path, person: Person) -> bytes | None:
    """What the champion answers for the number, now that nobody has it; None where nothing is served."""
    served = channels(root)
    if served is None or person.number is None:
        return None
    model = ServedModel.open(root / "versions" / served.champion)
    return model.fragment(person.number) if person.number < model.users else None


def _remains(settings: Settings, url: str | None) -> list[tuple[str, str]]:
    """What this command cannot reach, or leaves on purpose."""
    found = [("your raw files and exports", "as long as you keep them; later readings leave the listener out")]
    if CheckpointStore.at(settings.home).versions():
        found.append(
            ("checkpoints", "a row of numbers without an id, until a newer model is served and `buddies gc --delete`")
        )
    if settings.track:
        found.append(("MLflow's artifacts", "the same row, until you delete the run there"))
    if url is not None:
        found.append(
            (
                "PostgreSQL's files, its write-ahead log, your dumps and backups",
                "deleted rows until their space is used again (`VACUUM FULL` at once), the log until it is recycled, "
                "dumps as long as you keep them",
            )
        )
    found.append(("services that run", "what was liked of late, in memory by number, until they restart"))
    return found
