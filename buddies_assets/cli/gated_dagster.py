"""Dagster's UI behind a gate: `python -m buddies_assets.cli.gated_dagster` takes the arguments of `dagster-webserver`.

The UI asks nobody for a password, launches runs, and takes GraphQL mutations in the query of a GET. Under the gate only
pages of this machine reach it: not a page of another site whose name was bent to 127.0.0.1, not its `<img>`, not its
WebSocket. The gate stands inside the same process, so that no port leads past it.
"""

import sys
from typing import Any

GRAPHQL = {"/graphql": b"query"}


def main() -> None:
    """Runs `dagster-webserver` with its application wrapped."""
    import uvicorn
    from dagster_webserver import cli

    from buddies_core.http.connections import PatientProtocol
    from buddies_core.http.gate import Gate
    from buddies_core.http.hosts import AllowedHosts

    run = uvicorn.run

    def run_gated(app: Any, **options: Any) -> None:
        gate = Gate(app, AllowedHosts([]), orders_in_query=GRAPHQL)
        run(gate, **options, http=PatientProtocol, proxy_headers=False)

    # 2026-11-27: dagster-webserver 1.13 offers no way to wrap its application but hands it to `uvicorn.run`; drop this
    # when it takes middleware
    uvicorn.run = run_gated  # type: ignore[assignment]
    sys.argv[0] = "dagster-webserver"
    cli.main()


if __name__ == "__main__":
    main()
