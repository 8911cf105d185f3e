"""`buddies-health`: what it may ask, and what it makes of a server that is asked by gRPC."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from buddies_core.http.ports import free_port
from buddies_serving.http.health_check import address, ask_by_grpc, main


@pytest.mark.parametrize(
    "arguments", [["--alive"], ["http://example.org/"], ["grpc://example.org:4000/A"], ["--live", "--live"], [""]]
)
def test_it_asks_this_machine_alone(arguments: list[str]) -> None:
    assert address(arguments) is None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server with a service that is well and one that is not."""
    health = HealthServicer()
    health.set("Well", HealthCheckResponse.SERVING)
    health.set("Ill", HealthCheckResponse.NOT_SERVING)
    running = grpc.server(ThreadPoolExecutor(1))
    add_HealthServicer_to_server(health, running)
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    yield f"grpc://127.0.0.1:{port}"
    running.stop(None)


@pytest.mark.parametrize(
    ("service", "expected"),
    [("Well", (True, "SERVING")), ("Ill", (False, "NOT_SERVING")), ("Unknown", (False, "NOT_FOUND: "))],
)
def test_a_service_is_asked_by_grpc(server: str, service: str, expected: tuple[bool, str]) -> None:
    assert ask_by_grpc(f"{server}/{service}") == expected


def test_nobody_at_the_port_is_not_well(monkeypatch, capsys) -> None:
    url = f"grpc://127.0.0.1:{free_port()}/Well"
    monkeypatch.setattr("sys.argv", ["buddies-health", url])
    assert main() == 1
    assert capsys.readouterr().err.startswith(f"{url}: UNAVAILABLE")
