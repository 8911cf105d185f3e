"""The service must start where only its own dependencies are installed."""

import subprocess
import sys

PIPELINE_ONLY = (
    *("torch", "dagster", "ray", "mlflow", "polars", "numba", "pandas", "pyarrow", "scipy", "sqlalchemy", "psycopg2"),
    *("altair", "great_expectations", "pandera", "safetensors", "optuna", "buddies_assets", "quality"),
)
SCRIPT = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NAMES:
            raise ModuleNotFoundError(f"{name} is not part of the service", name=name)

NAMES = set(sys.argv[1:])
sys.meta_path.insert(0, Absent())
import buddies_serving
for module in pkgutil.walk_packages(buddies_serving.__path__, "buddies_serving."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
importlib.import_module("buddies_serving.__main__")
from buddies_serving.main import create_app
from buddies_serving.settings import ServingSettings
create_app(ServingSettings(_env_file=None))
print(sorted(NAMES & {name.partition(".")[0] for name in sys.modules}))
"""


def test_the_service_starts_without_the_pipelines_packages() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *PIPELINE_ONLY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
