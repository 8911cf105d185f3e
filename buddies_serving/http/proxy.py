"""The service behind a proxy: what the caller asked for, whatever prefix, slash and scheme the proxy made of it.

Nothing is ever redirected: a redirect sends key and body of a POST to another address, and behind a TLS proxy to plain
http. Both spellings of a path, with a slash at its end and without, mean the same call.
"""

import ipaddress
from collections.abc import Collection, MutableMapping, Sequence
from typing import Any

from buddies_core.errors import BuddiesError

Scope = MutableMapping[str, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxyError(BuddiesError, ValueError):
    """BUDDIES_TRUSTED_PROXIES or BUDDIES_ROOT_PATH cannot be read."""


def networks(names: Sequence[str]) -> list[Network]:
    """Addresses and networks (`10.0.0.0/8`) of proxies.

    Raises:
        ProxyError: one is neither.
    """
    try:
        return [ipaddress.ip_network(name, strict=False) for name in names]
    except ValueError as error:
        raise ProxyError(f"BUDDIES_TRUSTED_PROXIES: {error}; name addresses or networks, by commas.") from error


def root_path(text: str | None) -> str:
    """The prefix of the service's paths as `/prefix`; empty for none.

    Raises:
        ProxyError: it is an address, not a path.
    """
    prefix = (text or "").strip("/")
    if "://" in prefix or "?" in prefix or "#" in prefix:
        raise ProxyError(f"BUDDIES_ROOT_PATH={text} is no path: name it as `/buddies`.")
    return f"/{prefix}" if prefix else ""


class Front:
    """What stands before the service: proxies that are believed, the prefix of its paths, and the paths it knows.

    Args:
        trusted: networks of proxies whose `X-Forwarded-*` is believed; of anybody else it is ignored.
        prefix: `/prefix`, or empty.
        paths: of the routes, those without parameters.
    """

    def __init__(self, trusted: Sequence[Network], prefix: str, paths: Collection[str]) -> None:
        self._trusted = trusted
        self._prefix = prefix
        self._paths = frozenset(paths)
        self._believed: dict[str, bool] = {}

    def route(self, path: str) -> str:
        """The path of the route that a caller means: less the prefix, and with a slash at its end where it has one."""
        if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
            path = path[len(self._prefix) :] or "/"
        if path in self._paths:
            return path
        bare = path.rstrip("/") or "/"
        return f"{bare}/" if f"{bare}/" in self._paths else bare

    def seen_by_caller(self, scope: Scope, route: str) -> Scope:
        """The scope as the caller sees the service: path and prefix, and from a trusted proxy scheme, host, address."""
        scope = {**scope, "path": f"{self._prefix}{route}", "root_path": self._prefix}
        scope["raw_path"] = scope["path"].encode()
        client = scope.get("client")
        if client is None or not self._believes(client[0]):
            return scope
        forwarded = {name: value.decode("latin-1") for name, value in scope["headers"] if name.startswith(b"x-forw")}
        scheme = forwarded.get(b"x-forwarded-proto", "").split(",")[-1].strip().lower()
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        chain = [one.strip() for one in forwarded.get(b"x-forwarded-for", "").split(",") if one.strip()]
        outside = next((one for one in reversed(chain) if not self._believes(one)), None)
        if outside is not None:
            scope["client"] = (outside, 0)
        host = forwarded.get(b"x-forwarded-host", "").split(",")[-1].strip()
        if host:
            others = [header for header in scope["headers"] if header[0] != b"host"]
            scope["headers"] = [(b"host", host.encode("latin-1")), *others]
        return scope

    def _believes(self, address: str) -> bool:
        if address not in self._believed:
            if len(self._believed) > 1_000:
                self._believed.clear()
            try:
                known = ipaddress.ip_address(address)
            except ValueError:
                return False
            self._believed[address] = any(known in network for network in self._trusted)
        return self._believed[address]
