"""The API's examples with users, playlists and songs of the served model, so that each can be tried as it stands."""

import copy
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from buddies_serving.model.served_model import ServedModel

USER, HEX_USER, SONG_ID = 22434, "b" * 40, "SOBONKR12A58A7A7E0"
PIDS = (28783, 14546, 209745, 29747, 32649)
TITLE, ARTIST = "You're The One", "Dwight Yoakam"
"""What stands in the document that is made without a model."""
_NUMBER = re.compile(r"\b\d+\b")


def live_examples(document: dict[str, Any], model: ServedModel) -> dict[str, Any]:
    """A copy of the OpenAPI document whose examples name what this model holds."""
    known = _known(model)
    made = copy.deepcopy(document)
    for calls in made["paths"].values():
        for call in calls.values():
            for part in ("parameters", "requestBody", "responses"):
                if part in call:
                    call[part] = _replaced(call[part], known)
    return made


def _known(model: ServedModel) -> Mapping[Any, Any]:
    user = next((row for row in range(model.users) if not model.is_cold(row)), 0)
    shown = model.top(user, len(PIDS), frozenset())
    known: dict[Any, Any] = {USER: user, str(USER): str(user), HEX_USER: model.user_id(user)}
    known |= dict(zip(PIDS, shown, strict=False))
    if len(model.arrays["song_ids"]):
        known |= {SONG_ID: bytes(model.arrays["song_ids"][0]).decode("ascii")}
    if len(model.song_titles):
        known |= {TITLE: model.song_titles[0], ARTIST: model.song_artists[0]}
    return known


def _replaced(value: Any, known: Mapping[Any, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(held, known) for name, held in value.items()}
    if isinstance(value, list):
        return _without_strangers([_replaced(held, known) for held in value], value, known)
    if isinstance(value, str) and value not in known:
        return _NUMBER.sub(lambda found: str(known.get(int(found[0]), found[0])), value)
    return known.get(value, value) if isinstance(value, (int, str)) and not isinstance(value, bool) else value


def _without_strangers(replaced: list[Any], before: list[Any], known: Mapping[Any, Any]) -> list[Any]:
    """A list of pids without those that a small model has nothing to put in the place of."""
    return [new for new, old in zip(replaced, before, strict=True) if old not in PIDS or old in known]


def curl(base: str, path: str, method: str, call: Mapping[str, Any]) -> str:
    """The call as a command for a terminal, with the example of its body."""
    asked = {}
    for parameter in call.get("parameters", ()):
        held = str((parameter["schema"].get("examples") or ["0"])[0])
        path = path.replace(f"{{{parameter['name']}}}", quote(held))
        if parameter["in"] == "query" and parameter.get("required"):
            asked[parameter["name"]] = held
    path += f"?{urlencode(asked)}" if asked else ""
    parts = [f"curl -s '{base}{path}'"]
    content = call.get("requestBody", {}).get("content", {})
    for kind, body in content.items():
        example = next(iter(body.get("examples", {}).values()), None)
        if example is not None:
            text = msgspec.json.encode(example["value"]).decode().replace("'", r"'\''")
            parts += [f"-H 'content-type: {kind}'", f"-d '{text}'"]
            break
    if method.lower() not in ("get", "post") or (method.lower() == "post" and len(parts) == 1):
        parts.insert(1, f"-X {method.upper()}")
    return " ".join(parts)
