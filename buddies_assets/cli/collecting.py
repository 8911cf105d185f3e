"""`buddies gc`: a table of what nothing names any more, and its removal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from buddies_assets.release.garbage import Garbage, garbage, remove
from buddies_core.settings import Settings


def collect(console: Console, *, delete: bool) -> None:
    """Print what can be removed; with `delete`, remove it."""
    from buddies_assets.definitions import defs

    assets = {key.path[-1] for key in defs.resolve_asset_graph().get_all_asset_keys()}
    items = garbage(Settings(), assets)
    if not items:
        console.print("Nothing to remove: everything that is stored is named by something.")
        return
    console.print(_table(items))
    total = sum(item.bytes for item in items)
    if delete:
        console.print(f"{remove(items):,} bytes are free again.")
    else:
        console.print(f"{total:,} bytes; `buddies gc --delete` removes them.")


def _table(items: list[Garbage]) -> Table:
    table = Table("Path", "Bytes", "Why")
    for item in items:
        table.add_row(Text(str(item.path)), f"{item.bytes:,}", item.reason)
    return table
