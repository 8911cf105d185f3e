"""Which names a server may be called by: what keeps a page of another site from reaching servers on this machine.

A browser sends the name it was given. A page of `evil.example`, whose name now resolves to 127.0.0.1, is of the same
origin as our server to the browser, and only the Host header tells the two apart.
"""

import ipaddress
from collections.abc import Iterable

_REMEMBERED = 256
LOOPBACK_NAMES = frozenset({"localhost"})


class AllowedHosts:
    """The names that are answered to; None: every name, for servers that ask for keys or stand behind a proxy.

    Loopback addresses and `localhost` always belong to the names.
    """

    def __init__(self, names: Iterable[str] | None) -> None:
        self._names = None if names is None else LOOPBACK_NAMES | {name.strip().lower() for name in names}
        self._known: dict[bytes, bool] = {}

    def accepts(self, host: bytes) -> bool:
        """Whether a Host header (`name`, `name:port`, `[v6]:port`) is one of ours. An empty one never is."""
        known = self._known.get(host)
        if known is None:
            known = self._judge(host)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[host] = known
        return known

    def accepts_origin(self, origin: bytes) -> bool:
        """Whether an Origin header is that of a page of ours; `null` and other schemes are not."""
        if self._names is None:
            return True
        scheme, separator, host = origin.partition(b"://")
        return bool(separator) and scheme.lower() in (b"http", b"https") and self.accepts(host)

    def _judge(self, host: bytes) -> bool:
        name = host_name(host)
        if not name:
            return False
        return self._names is None or name in self._names or is_loopback(name)


def host_name(host: bytes) -> str:
    """The name in a Host header, in lower case and without port; empty if it is no such header."""
    text = host.decode("latin-1").strip().lower()
    if text.startswith("["):
        name, bracket, port = text.partition("]")
        if not bracket or (port and not _is_port(port)):
            return ""
        return name[1:]
    name, colon, port = text.partition(":")
    if colon and not _is_port(colon + port):
        return ""
    return name.removesuffix(".")


def is_loopback(name: str) -> bool:
    """Whether a name or address can only mean this machine."""
    if name in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def names_in(text: str | None) -> list[str] | None:
    """The names of a comma-separated setting; None when it is unset or empty."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    return names or None


def _is_port(text: str) -> bool:
    digits = text.removeprefix(":")
    return text.startswith(":") and digits.isascii() and digits.isdigit() and len(digits) <= 5
