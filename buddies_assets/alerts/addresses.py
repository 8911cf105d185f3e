"""Where alerts go, read from the settings: each address says by its scheme which form it wants."""

from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from buddies_assets.alerts.receivers import Alertmanager, Mail, PagerDuty, Receiver, Slack, Webhook, key_of
from buddies_core.errors import BuddiesError

FORMS = "https://…, slack+https://…, alertmanager+http://…, pagerduty+https://KEY@…, smtp://…?from=…&to=…"


class AlertAddressError(BuddiesError):
    """An address in BUDDIES_ALERTS cannot be read."""


def receivers(webhook: str | None, alerts: str) -> list[Receiver]:
    """The receivers that the settings BUDDIES_ALERT_WEBHOOK and BUDDIES_ALERTS name; none where both are empty.

    Raises:
        AlertAddressError: an address has no known form, or lacks a part.
    """
    found: list[Receiver] = [_receiver(webhook)] if webhook else []
    return [*found, *(_receiver(part.strip()) for part in alerts.split(",") if part.strip())]


def _receiver(address: str) -> Receiver:
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError as error:
        raise AlertAddressError(f"BUDDIES_ALERTS has an address that is no URL ({error}): {FORMS}.") from None
    kind, _, scheme = url.scheme.rpartition("+")
    if not url.hostname:
        raise _refused(url, "it names no host")
    name = f"{kind or scheme}://{url.hostname}{f':{port}' if port else ''}"
    key = key_of(kind or scheme, address)
    if kind == "" and scheme in ("smtp", "smtps"):
        return _mail(url, name, key)
    if scheme not in ("http", "https"):
        raise _refused(url, "its scheme is not known")
    plain = url._replace(scheme=scheme).geturl().rstrip("/")
    if kind == "":
        return Webhook(plain, name=name, key=key)
    if kind == "slack":
        return Slack(plain, name=name, key=key)
    if kind == "alertmanager":
        return Alertmanager(plain, name=name, key=key)
    if kind == "pagerduty":
        if not url.username:
            raise _refused(url, "it lacks the routing key before the @")
        base = url._replace(scheme=scheme, netloc=url.netloc.rpartition("@")[2]).geturl().rstrip("/")
        return PagerDuty(base, unquote(url.username), name=name, key=key)
    raise _refused(url, "its form is not known")


def _mail(url: SplitResult, name: str, key: str) -> Mail:
    given = parse_qs(url.query)
    sender, to = given.get("from", [""])[0], tuple(filter(None, given.get("to", [])))
    if not (sender and to) or any(set("\r\n") & set(part) for part in (sender, *to)):
        raise _refused(url, "it lacks `from=` or `to=`")
    encrypted = url.scheme == "smtps"
    user = unquote(url.username) if url.username else None
    password = unquote(url.password) if url.password else None
    port = url.port or (465 if encrypted else 25)
    return Mail(url.hostname or "", port, sender, to, user, password, encrypted, name=name, key=key)


def _refused(url: SplitResult, why: str) -> AlertAddressError:
    """The address is named without what may be secret: user, password, path and query."""
    return AlertAddressError(f"BUDDIES_ALERTS has {url.scheme}://{url.hostname or ''}…: {why}. The forms are: {FORMS}.")
