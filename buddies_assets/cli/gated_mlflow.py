"""MLflow behind the gate: `python -m buddies_assets.cli.gated_mlflow` takes the arguments of `mlflow`.

MLflow looks at Host itself, but lets pages of other sites post to what it does not count as its API.
"""

import sys
from typing import Any


def gated() -> Any:
    """MLflow's application, wrapped; the worker processes of `mlflow server` make it."""
    from mlflow.server.fastapi_app import app

    from buddies_core.http.gate import Gate
    from buddies_core.http.hosts import AllowedHosts

    return Gate(app, AllowedHosts([]))  # type: ignore[arg-type]


def main() -> None:
    """Runs `mlflow` with its server's application replaced by `gated`."""
    from mlflow import server
    from mlflow.cli import cli

    build = server._build_uvicorn_command

    def build_gated(
        opts: Any, host: Any, port: Any, workers: Any, app: str, env: Any = None, factory: Any = None
    ) -> Any:
        return build(opts, host, port, workers, "buddies_assets.cli.gated_mlflow:gated", env, True)

    # 2026-11-27: `mlflow server` 3.17 takes another application only from an installed plugin; drop this when it takes
    # middleware
    server._build_uvicorn_command = build_gated
    sys.argv[0] = "mlflow"
    cli()


if __name__ == "__main__":
    main()
