"""Ports of this machine that nobody listens on."""

import contextlib
import socket


def free_port(preferred: int = 0) -> int:
    """A port on 127.0.0.1 that nobody listens on at the moment: the preferred one where it is free.

    Raises:
        OSError: there is none.
    """
    for port in (preferred, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            # As a server does: a port whose last connections still wait to be forgotten is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no port of 127.0.0.1 is free")
