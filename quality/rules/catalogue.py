"""All rules, by the asset they judge: those of the rooms, and those that every described dataset has."""

from collections.abc import Iterable
from types import ModuleType

from quality.registry import dataset_specs, rule_modules
from quality.rules.lineage import freshness_rule
from quality.rules.verdict import Rule
from quality.schemas import schema_rule


class DuplicateRuleError(ValueError):
    """Two rules of one asset share a name, so their histories would mix."""


def rules_in(module: ModuleType) -> Iterable[Rule]:
    """The rules that a module defines itself, and those it takes over for other assets in tuples."""
    for value in vars(module).values():
        if isinstance(value, Rule) and value.predicate.__module__ == module.__name__:
            yield value
        elif isinstance(value, tuple) and value and all(isinstance(member, Rule) for member in value):
            yield from value


def rules_by_asset() -> dict[str, list[Rule]]:
    """Every rule, in the order of the rooms, grouped by asset.

    Raises:
        DuplicateRuleError: an asset has two rules of one name.
    """
    grouped: dict[str, dict[str, Rule]] = {}
    for module in rule_modules():
        for found in rules_in(module):
            named = grouped.setdefault(found.asset, {})
            present = named.get(found.name)
            if present is not None and present != found:
                raise DuplicateRuleError(f"asset {found.asset} has two rules named {found.name}")
            named[found.name] = found
    for asset, spec in dataset_specs().items():
        if spec.fresh:
            grouped.setdefault(asset, {})["is_made_of_what_is_stored_now"] = freshness_rule(asset)
        if spec.schema:
            grouped.setdefault(asset, {})["matches_its_schema"] = schema_rule(asset)
    return {asset: list(named.values()) for asset, named in grouped.items()}
