"""The version of a step's code: what changes it, and what does not."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from buddies_core.storage.code_version import CARRIERS, THIS, NoSourceError, Project

FILES = {
    "shop/__init__.py": "",
    "shop/step.py": 'from shop.kernel import double\n\n\ndef make(n):\n    """Twice."""\n    return double(n)\n',
    "shop/kernel.py": "FACTOR = 2\n\n\ndef double(n):\n    from . import deep\n\n    return deep.times(n, FACTOR)\n",
    "shop/deep.py": "def times(a, b):\n    return a * b\n",
    "shop/other.py": "X = 1\n",
    "shop/log.py": "from shop import other\n\nLEVEL = 1\n",
}


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., str]:
    """The version of `shop.step` where some files read otherwise; each call is a project of its own."""

    def version(**changed: str) -> str:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in FILES.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(changed.get(path.stem, text), encoding="utf-8")
        return Project(root, ("shop",), ("shop.log",)).version("shop.step")

    return version


def with_line(name: str, line: str) -> str:
    return f"{line}\n{FILES[f'shop/{name}.py']}"


def test_the_same_code_has_the_same_version_wherever_it_lies(edited):
    assert edited() == edited()


@pytest.mark.parametrize(
    "text",
    [
        FILES["shop/step.py"].replace("Twice.", "Two times, said otherwise."),
        FILES["shop/step.py"].replace('    """Twice."""\n', ""),
        FILES["shop/step.py"].replace("return double(n)", "return double(\n        n,  # the number\n    )"),
        with_line("step", "# a comment"),
        FILES["shop/step.py"] + "\n\nif TYPE_CHECKING:\n    from shop.other import X\n",
    ],
)
def test_comments_docstrings_layout_and_types_do_not_change_it(edited, text):
    assert edited(step=text) == edited()


@pytest.mark.parametrize(
    "changed",
    [
        {"step": FILES["shop/step.py"].replace("double(n)", "double(n) + 1")},
        {"kernel": FILES["shop/kernel.py"].replace("FACTOR = 2", "FACTOR = 3")},
        {"deep": FILES["shop/deep.py"].replace("a * b", "a + b")},
        {"step": with_line("step", "import shop.other")},
    ],
    ids=["its own", "imported", "imported within a function", "a new import"],
)
def test_a_change_of_its_code_or_of_what_it_imports_changes_it(edited, changed):
    assert edited(**changed) != edited()


def test_code_that_it_does_not_import_does_not_change_it(edited):
    assert edited(other="X = 2\n") == edited()


def test_carriers_and_what_they_import_do_not_change_it(edited):
    logged = with_line("step", "from shop.log import LEVEL")
    assert edited(step=logged, log="LEVEL = 3\n", other="X = 5\n") == edited(step=logged)


def test_a_module_without_source_has_no_version():
    with pytest.raises(NoSourceError, match=r"buddies_core\.nowhere"):
        THIS.version("buddies_core.nowhere")


def test_a_step_outside_the_project_has_the_version_of_its_own_source():
    assert THIS.closure([__name__]) >= {__name__}
    assert THIS.version(__name__) != THIS.version("subprocess")


def test_everything_that_importing_a_step_runs_is_in_its_closure_or_carries():
    step = "buddies_assets.systems.playlists.steps.blocks"
    code = f"import {step}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.split(".")[0] in THIS.packages}
    carried = {name for name in ours if any(f"{name}.".startswith(f"{carrier}.") for carrier in CARRIERS)}
    assert step in ours
    assert ours - carried <= THIS.closure([step])


def test_every_carrier_is_there():
    for carrier in CARRIERS:
        assert THIS.version(carrier)
