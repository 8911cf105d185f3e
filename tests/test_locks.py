"""The locked requirements are those of pyproject.toml: every one is there, in a version that it allows, with hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = canonicalize_name(PROJECT["name"])
BY_THE_MACHINE = {"torch"}
"""Left to pip: which build is wanted is the machine's affair."""


def wanted(*extras: str) -> list[Requirement]:
    """Requirements of the project and of some extras, those of extras within extras too."""
    found = [Requirement(text) for text in PROJECT["dependencies"]]
    for extra in extras:
        for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
            own = canonicalize_name(requirement.name) == OWN
            found += wanted(*requirement.extras) if own else [requirement]
    return found


def locked(name: str) -> dict[str, set[str]]:
    """Versions of each package in a lock; more than one where Python versions differ."""
    versions: dict[str, set[str]] = {}
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    for package, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, re.MULTILINE):
        versions.setdefault(canonicalize_name(package), set()).add(version)
    return versions


@pytest.mark.parametrize(("name", "extras"), [("dev", ("dev",)), ("bench", ("dev", "bench"))])
def test_a_lock_has_every_requirement_in_a_version_that_the_project_allows(name, extras):
    there = locked(name)
    missing, refused = [], []
    for requirement in wanted(*extras):
        package = canonicalize_name(requirement.name)
        if package in BY_THE_MACHINE:
            continue
        missing += [] if package in there else [str(requirement)]
        refused += [f"{requirement}: {v}" for v in there.get(package, ()) if not requirement.specifier.contains(v)]
    assert (missing, refused) == ([], []), "run `make lock`"


def test_what_the_benchmarks_add_moves_nothing_that_the_tests_ran_with():
    dev, bench = locked("dev"), locked("bench")
    assert {name: (versions, bench.get(name)) for name, versions in dev.items() if bench.get(name) != versions} == {}


@pytest.mark.parametrize("name", ["dev", "bench"])
def test_every_version_has_a_hash_and_no_address_is_named(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text and "--index" not in text


def test_torch_is_the_one_that_is_installed_by_itself():
    assert not BY_THE_MACHINE & set(locked("bench"))
    pinned = re.findall(r"pip install .*torch==(\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    named = [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
    torch = [wanted for wanted in map(Requirement, named) if wanted.name == "torch"]
    assert torch and len(pinned) == 1 and all(wanted.specifier.contains(pinned[0]) for wanted in torch)
