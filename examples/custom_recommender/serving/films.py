"""The route of the films."""

from fastapi import APIRouter, Request

from buddies_core.artifact.named_arrays import Artifact
from buddies_core.artifact.texts import TextColumn
from buddies_serving.http.problems import Problem
from buddies_serving.model.experiments import Experiments

router = APIRouter(tags=["films"])


class ServedFilms:
    """Lists by user."""

    def __init__(self, artifact: Artifact) -> None:
        arrays = artifact.arrays
        self.lists = arrays["lists"]
        self.items = TextColumn(arrays["item_offsets"], arrays["item_bytes"])
        users = TextColumn(arrays["user_offsets"], arrays["user_bytes"])
        self.rows = {users[row]: row for row in range(len(users))}


@router.get("/films/{user}")
async def films(request: Request, user: str) -> dict[str, list[str]]:
    """The films of a user."""
    settings = request.app.state.service.settings
    if not hasattr(request.app.state, "films"):
        root = settings.local_home / "films"
        request.app.state.films = Experiments(root, ServedFilms, poll_seconds=1.0, default="films")
    served = request.app.state.films.get(None)
    if user not in served.rows:
        raise Problem(404, f"No user is called {user[:64]!r}.")
    return {"films": [served.items[item] for item in served.lists[served.rows[user]].tolist()]}
