"""An error that is raised on purpose is one of ours, so that a person is told a line and not a traceback."""

import ast
import builtins
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("buddies_core", "buddies_assets", "buddies_serving", "quality")
NOT_FOR_PEOPLE = {
    "BuddiesError",  # the base of the others
    "CallerGoneError",  # nobody is left to be told
    "Problem",  # an answer of the API
}


def test_every_error_of_ours_is_a_buddies_error():
    foreign = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and node.bases and all(_is_builtin_error(b) for b in node.bases):
                    foreign.add(node.name)
    assert foreign == NOT_FOR_PEOPLE


def _is_builtin_error(base: ast.expr) -> bool:
    found = getattr(builtins, base.id, None) if isinstance(base, ast.Name) else None
    return isinstance(found, type) and issubclass(found, BaseException)
