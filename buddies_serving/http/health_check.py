"""`buddies-health`: asks a server of this machine whether it is well; for containers, whose probes want one command.

    buddies-health                                    the service, whether it is ready
    buddies-health --live                             the service, whether its process answers
    buddies-health http://127.0.0.1:8001/healthz      any other server
    buddies-health grpc://127.0.0.1:4000/DagsterApi   a service by gRPC, where grpcio-health-checking is installed

Exit codes: 0 well, 1 not, 2 used wrongly. It runs every few seconds, so it imports little (Dagster's own question to
its code server takes ten times the processor time), and no argument holds a blank, which some container engines split.
"""

import os
import sys
import urllib.error
import urllib.request

_SECONDS = 4.0
_HERE = ("http://127.0.0.1:", "http://localhost:", "grpc://127.0.0.1:", "grpc://localhost:")


def ask(url: str, host: str = "localhost") -> tuple[bool, str]:
    """Whether a server answers with 200, and what it said otherwise."""
    request = urllib.request.Request(url, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return answer.status == 200, answer.read(10_000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return False, f"{error.code}: {error.read(10_000).decode(errors='replace')}"
    except (OSError, ValueError) as error:
        return False, str(error)


def ask_by_grpc(url: str) -> tuple[bool, str]:
    """The same of grpc://HOST:PORT/SERVICE, by the health protocol of gRPC."""
    try:
        import grpc
        from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
        from grpc_health.v1.health_pb2_grpc import HealthStub
    except ImportError as error:
        return False, f"{error}: `pip install grpcio-health-checking` here"
    target, _, service = url.removeprefix("grpc://").partition("/")
    try:
        with grpc.insecure_channel(target) as channel:
            answer = HealthStub(channel).Check(HealthCheckRequest(service=service), timeout=_SECONDS)
    except grpc.RpcError as error:
        return False, f"{error.code().name}: {error.details()}"
    status = HealthCheckResponse.ServingStatus.Name(answer.status)
    return status == "SERVING", status


def address(arguments: list[str]) -> str | None:
    """The address that arguments mean; None when they mean none."""
    if len(arguments) == 1 and arguments[0].startswith(_HERE):
        return arguments[0]
    if arguments not in ([], ["--live"]):
        return None
    path = "/health/live" if arguments else "/health/ready"
    return f"http://127.0.0.1:{os.environ.get('BUDDIES_PORT') or '8000'}{path}"


def main() -> int:
    """Ask, and say what is wrong where something is."""
    url = address(sys.argv[1:])
    if url is None:
        sys.stderr.write(
            "error: give --live, or the address of a server of this machine (http://127.0.0.1:PORT/…, grpc://…)\n"
        )
        return 2
    allowed = os.environ.get("BUDDIES_ALLOWED_HOSTS", "").partition(",")[0].strip()
    if url.startswith("grpc:"):
        well, said = ask_by_grpc(url)
    else:
        well, said = ask(url, allowed if allowed and "*" not in allowed else "localhost")
    if not well:
        sys.stderr.write(f"{url}: {said}\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
