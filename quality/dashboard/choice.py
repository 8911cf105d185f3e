"""Which assets a page is about, as its URL says: those of an owner, a tag or a stage; all where it names none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from quality.graph import AssetGraph
from quality.owners import owner_of

NAMES = ("owner", "tag", "stage")


@dataclass(frozen=True)
class Choice:
    """What is asked for; empty: anything."""

    owner: str = ""
    tag: str = ""
    stage: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Choice":
        """The choice of a URL."""
        return cls(**{name: query.get(name, "") for name in NAMES})

    def __bool__(self) -> bool:
        return any((self.owner, self.tag, self.stage))

    @property
    def query(self) -> str:
        """Its part of a URL, with the sign that parts it from what stands before; nothing where nothing is chosen."""
        named = {name: value for name in NAMES if (value := getattr(self, name))}
        return f"&{urlencode(named)}" if named else ""

    @property
    def words(self) -> str:
        """What is chosen, in words."""
        return ", ".join(f"{name} {value}" for name in NAMES if (value := getattr(self, name)))

    def has(self, asset: str, graph: AssetGraph, owners: Mapping[str, str], check: str = "") -> bool:
        """Whether an asset, or a check of it, is among those asked for."""
        return (
            self.owner in ("", owner_of(asset, owners, [check] if check else []))
            and self.stage in ("", graph.stages.get(asset, ""))
            and (not self.tag or self.tag in graph.tags.get(asset, ()))
        )


def choices(assets: Iterable[str], graph: AssetGraph, owners: Mapping[str, str]) -> dict[str, list[str]]:
    """What can be asked for among these assets, by the name in the URL."""
    names = list(assets)
    every_owner = {owner_of(asset, owners) for asset in names} | {owners[rule] for rule in owners if ":" in rule}
    found = {
        "owner": every_owner,
        "tag": {tag for asset in names for tag in graph.tags.get(asset, ())},
        "stage": {graph.stages[asset] for asset in names if asset in graph.stages},
    }
    return {name: sorted(values) for name, values in found.items()}
