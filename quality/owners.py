"""Who looks after which asset: the setting BUDDIES_OWNERS, and a team for all others."""

from collections.abc import Mapping, Sequence

from buddies_core.errors import BuddiesError

TEAM = "team:buddies"
"""Owner of every asset that the setting does not name."""


class OwnersError(BuddiesError):
    """BUDDIES_OWNERS cannot be read."""


def parse_owners(text: str) -> dict[str, str]:
    """`asset=owner` pairs with commas between; `*` stands for all other assets.

    Raises:
        OwnersError: a pair has no `=`, or one of its sides is empty.
    """
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        asset, equals, owner = (piece.strip() for piece in part.partition("="))
        if not (asset and equals and owner):
            raise OwnersError(f"BUDDIES_OWNERS has {part!r}: write asset=owner, with commas between, or *=owner.")
        found[asset] = owner
    return found


def owner_of(asset: str, owners: Mapping[str, str], checks: Sequence[str] = ()) -> str:
    """Who looks after an asset, and its checks: the rule's owner (`asset:rule`) before the asset's."""
    for check in checks:
        if f"{asset}:{check}" in owners:
            return owners[f"{asset}:{check}"]
    return owners.get(asset, owners.get("*", TEAM))
