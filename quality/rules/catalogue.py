"""All rules, by the asset they judge: those of the rooms, and those that every described dataset has."""

from collections.abc import Iterable
from difflib import get_close_matches
from types import ModuleType

from buddies_core.errors import BuddiesError
from quality.file_rules import RulesFileError, file_rules
from quality.registry import dataset_specs, rule_modules
from quality.rules.lineage import freshness_rule
from quality.rules.verdict import Rule
from quality.schemas import schema_rule


class DuplicateRuleError(BuddiesError, ValueError):
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
        RulesFileError: the file of rules has one that is none.
    """
    grouped: dict[str, dict[str, Rule]] = {}
    for module in rule_modules():
        for found in rules_in(module):
            named = grouped.setdefault(found.asset, {})
            present = named.get(found.name)
            if present is not None and present != found:
                raise DuplicateRuleError(f"asset {found.asset} has two rules named {found.name}")
            named[found.name] = found
    for written in file_rules():
        _add_from_file(grouped, written.as_rule())
    for asset, spec in dataset_specs().items():
        if spec.fresh:
            grouped.setdefault(asset, {})["is_made_of_what_is_stored_now"] = freshness_rule(asset)
        if spec.schema:
            grouped.setdefault(asset, {})["matches_its_schema"] = schema_rule(asset)
    return {asset: list(named.values()) for asset, named in grouped.items()}


def _add_from_file(grouped: dict[str, dict[str, Rule]], rule: Rule) -> None:
    tables = {name for name, spec in dataset_specs().items() if spec.schema and not spec.load}
    if rule.asset not in tables:
        raise RulesFileError(
            f"The rule {rule.name} of the rules file is about {rule.asset!r}: {_nearest(rule.asset, tables)}"
        )
    named = grouped.setdefault(rule.asset, {})
    if rule.name in (*named, "matches_its_schema", "is_made_of_what_is_stored_now"):
        raise RulesFileError(
            f"The rules file has a second rule {rule.name} of {rule.asset}: give it a name of its own."
        )
    named[rule.name] = rule


def _nearest(asset: str, tables: Iterable[str]) -> str:
    near = get_close_matches(asset, list(tables), 1)
    return f"there is no such table{f'; did you mean {near[0]}' if near else ''}."
