#!/usr/bin/env python3
"""Replaces the service behind HAProxy while it is used: the new release starts beside the old one and takes over.

    replace.py --socket /run/haproxy/admin.sock --start 'systemctl start buddies-service@{colour}' \
               --stop 'systemctl stop buddies-service@{colour}'

Two servers of one backend, `blue` and `green`; one has all callers. The idle one is started, must be ready by HAProxy's
own health checks, gets a tenth of the callers, then all; the old one is drained and stopped. When the new one is not
ready in time, or fails requests, or was asked too few to tell, it is taken away and everything is as before: exit code
1. Exit code 0: replaced. The standard library alone is used, so that it runs on any machine with a python3.
"""

import argparse
import csv
import io
import shlex
import socket
import subprocess
import sys
import time

COLOURS = ("blue", "green")


class Proxy:
    """HAProxy by its admin socket."""

    def __init__(self, path: str, backend: str) -> None:
        self._path = path
        self._backend = backend

    def tell(self, command: str) -> str:
        """What HAProxy answers to a command."""
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(10)
            talk.connect(self._path)
            talk.sendall(f"{command}\n".encode())
            parts = []
            while part := talk.recv(65_536):
                parts.append(part)
        return b"".join(parts).decode()

    def server(self, colour: str) -> dict[str, str]:
        """HAProxy's figures of a server."""
        text = self.tell(f"show stat {self._backend} 4 -1").lstrip("# ")
        for row in csv.DictReader(io.StringIO(text)):
            if row["svname"] == colour and row["pxname"] == self._backend:
                return row
        raise SystemExit(f"error: HAProxy's backend {self._backend} has no server {colour}")

    def set(self, colour: str, *, state: str | None = None, weight: int | None = None) -> None:
        """Changes what callers a server gets."""
        for what, value in (("state", state), ("weight", weight)):
            if value is not None:
                said = self.tell(f"set server {self._backend}/{colour} {what} {value}").strip()
                if said:
                    raise SystemExit(f"error: HAProxy: {said}")


def active(proxy: Proxy) -> str:
    """The colour that has the callers."""
    weights = {colour: int(proxy.server(colour)["weight"] or 0) for colour in COLOURS}
    return max(COLOURS, key=lambda colour: weights[colour])


def until(condition, seconds: float) -> bool:
    """Whether something became true within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def run(command: str, colour: str) -> None:
    subprocess.run(shlex.split(command.replace("{colour}", colour)), check=True)


def figures(proxy: Proxy, colour: str) -> tuple[int, int]:
    """(requests answered, of which by a failure of the server) so far."""
    row = proxy.server(colour)
    answered = sum(int(row[f"hrsp_{kind}xx"] or 0) for kind in "12345")
    return answered, int(row["hrsp_5xx"] or 0) + int(row["econ"] or 0) + int(row["eresp"] or 0)


def main() -> int:
    """Replace, or take back; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--socket", required=True, help="HAProxy's admin socket")
    parser.add_argument("--backend", default="service")
    parser.add_argument("--start", required=True, help="command that starts one; {colour}: blue or green")
    parser.add_argument("--stop", required=True, help="command that stops it gracefully")
    parser.add_argument("--ready", type=float, default=120, help="seconds within which it must be ready")
    parser.add_argument("--trial", type=float, default=30, help="seconds for which it has a tenth of the callers")
    parser.add_argument("--fewest", type=int, default=20, help="requests that it must have answered in the trial")
    asked = parser.parse_args()
    proxy = Proxy(asked.socket, asked.backend)
    old = active(proxy)
    new = COLOURS[1 - COLOURS.index(old)]

    def take_back(why: str) -> int:
        proxy.set(new, state="drain", weight=0)
        proxy.set(old, state="ready", weight=100)
        until(lambda: int(proxy.server(new)["scur"] or 0) == 0, 30)
        proxy.set(new, state="maint")
        run(asked.stop, new)
        sys.stderr.write(f"taken back: {new} {why}; {old} has all callers\n")
        return 1

    proxy.set(new, state="ready", weight=0)
    try:
        run(asked.start, new)
    except subprocess.CalledProcessError as error:
        return take_back(f"could not be started ({error})")
    if not until(
        lambda: proxy.server(new)["status"].startswith("UP") and proxy.server(new)["check_status"] == "L7OK",
        asked.ready,
    ):
        return take_back(f"was not ready within {asked.ready:g} s ({proxy.server(new)['last_chk']})")
    before = figures(proxy, new)
    # HAProxy's weights end at 256: 11 of 111 is a tenth
    proxy.set(old, weight=100)
    proxy.set(new, weight=11)
    failed = until(lambda: figures(proxy, new)[1] > before[1] or proxy.server(new)["status"] != "UP", asked.trial)
    answered, failures = (now - then for now, then in zip(figures(proxy, new), before, strict=True))
    if failed or failures:
        return take_back(f"failed {failures} of {answered} requests")
    if answered < asked.fewest:
        return take_back(f"answered {answered} requests in {asked.trial:g} s, too few to tell ({asked.fewest})")
    proxy.set(new, weight=100)
    proxy.set(old, state="drain", weight=0)
    until(lambda: int(proxy.server(old)["scur"] or 0) == 0, 30)
    run(asked.stop, old)
    proxy.set(old, state="maint")
    sys.stdout.write(f"replaced: {new} has all callers, {answered} requests in its trial, none failed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
