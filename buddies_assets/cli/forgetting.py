"""`buddies forget`: finds the listener, asks nobody, and says what went, what stays, and until when."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from buddies_assets.forgetting.forget import Forgotten
from buddies_assets.forgetting.forget import forget as forget_person
from buddies_assets.forgetting.person import find_person
from buddies_core.postgres.database import embedded, running_database
from buddies_core.settings import Settings
from buddies_core.storage.locks import only_one
from buddies_serving.settings import ServingSettings


def forget(console: Console, named: str) -> None:
    """Forget a listener of the home; a run in progress must end first, as it would write what it has read.

    Raises:
        NobodyToForgetError: no listener is called that.
        HomeInUseError: `buddies run` works in the home.
    """
    settings, serving = Settings(), ServingSettings()
    with only_one(settings.local_home, "buddies run"):
        person = find_person(settings, named)
        settle = 2 * serving.model_poll_seconds + 1
        if settings.postgres_url or embedded(settings).state is not None:
            with running_database(settings) as url:
                done = forget_person(settings, person, url=url, spool=serving.spool_root, settle=settle)
        else:
            done = forget_person(settings, person, url=None, spool=serving.spool_root, settle=settle)
    _print(console, done)


def _print(console: Console, done: Forgotten) -> None:
    for title, rows in (("Removed", done.removed), ("What remains, and until when", done.remains)):
        table = Table("where", "what", title=title, title_justify="left")
        for where, what in rows:
            table.add_row(Text(where), Text(what))
        console.print(table)
    if done.deleted:
        console.print("The service goes on with what it serves. `buddies run` makes the deleted datasets anew.")
