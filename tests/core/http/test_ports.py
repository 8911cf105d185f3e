"""A free port is one that a server can take."""

import socket

from buddies_core.http.ports import free_port


def test_a_port_that_is_free_can_be_listened_on_and_the_preferred_one_is_given_while_it_is():
    port = free_port()
    assert free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) not in (0, port)
