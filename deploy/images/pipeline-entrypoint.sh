#!/bin/sh
# What a container of the pipeline image does: one of the servers below, or any other command as it stands.
# The root is read-only: what programs want to write beside themselves goes to /tmp, compiled kernels come along.
set -eu
[ -d "$NUMBA_CACHE_DIR" ] || cp -r /opt/numba-cache "$NUMBA_CACHE_DIR"
mkdir -p "$DAGSTER_HOME"
[ -e "$DAGSTER_HOME/dagster.yaml" ] || cat /opt/dagster/*.yaml >"$DAGSTER_HOME/dagster.yaml"

workspace() {
  printf 'load_from:\n  - grpc_server:\n      host: %s\n      port: 4000\n      location_name: buddies\n' \
    "${BUDDIES_CODE_SERVER:-code}" >/tmp/workspace.yaml
}
mlflow_store() {
  python -c 'import os; from buddies_core.registry.mlflow_tracking import tracking_uri; print(tracking_uri(os.environ["BUDDIES_POSTGRES_URL"]))'
}

case "${1:-}" in
  code) exec dagster api grpc --host 0.0.0.0 --port 4000 -m buddies_assets.definitions --location-name buddies ;;
  webserver) workspace; exec dagster-webserver --host 0.0.0.0 --port 3000 -w /tmp/workspace.yaml ;;
  daemon) workspace; exec dagster-daemon run -w /tmp/workspace.yaml ;;
  dashboard) BUDDIES_DASHBOARD_HOST=0.0.0.0 exec python -m quality.dashboard ;;
  mlflow)
    # Names by which it may be called: another site's page in a browser cannot be one of them.
    MLFLOW_BACKEND_STORE_URI="$(mlflow_store)" MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_DISABLE_TELEMETRY=true \
      exec mlflow server --host 0.0.0.0 --port 5000 --workers 1 --artifacts-destination "$BUDDIES_HOME/mlflow" \
      --allowed-hosts "${MLFLOW_HOSTS:-mlflow,mlflow:*,localhost,localhost:*,127.0.0.1,127.0.0.1:*}" ;;
  migrate)
    python -m buddies_serving migrate
    store="$(mlflow_store)"
    exec mlflow db upgrade "$store" ;;
  runs-in-flight)
    exec python -c 'import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
with dg.DagsterInstance.get() as instance:
    print(instance.get_runs_count(dg.RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES))))' ;;
  *) exec "$@" ;;
esac
