"""Which scope a path needs when API keys are on."""

from buddies_serving.http.keys import Scope

_FEEDBACK = ("/feedback", "/api/events")
_ADMIN = ("/metrics", "/docs", "/openapi.json", "/model")


def needed_scope(path: str) -> Scope | None:
    """The scope; None for what is public: health, and the pages for listeners, whose calls carry a key of their own."""
    if path in {"/", "/continue", "/artists", "/health/live", "/health/ready"} or path.startswith("/static/"):
        return None
    if path in _ADMIN:
        return "admin"
    return "feedback" if path.rstrip("/") in _FEEDBACK else "recommend"
