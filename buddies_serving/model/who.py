"""Whom a request names: by number, by 40-hex id, or by a client's own name; known to the model or not."""

from collections.abc import Sequence

from buddies_core.artifact.format import is_forgotten
from buddies_core.artifact.listeners import listener_id, stand_in
from buddies_serving.http.problems import invalid
from buddies_serving.model.served_model import ServedModel
from buddies_serving.model.serving import Serving


def remembered_as(model: ServedModel, named: int | str) -> int:
    """Under what number the service remembers somebody: their own, or the stand-in of a listener without one."""
    if isinstance(named, int):
        return named
    user_key = listener_id(named)
    found = model.find_user(user_key)
    return stand_in(user_key) if found is None else found


def who(named: int | str, models: Sequence[ServedModel]) -> tuple[int, str]:
    """Number (or stand-in) and 40-hex id of whoever sends feedback.

    Somebody named by an id need not be known: they are a new listener. Problem 422 for a number that nobody has.
    """
    if isinstance(named, str):
        user_key = listener_id(named)
        found = (number for model in models if (number := model.find_user(user_key)) is not None)
        return next(found, stand_in(user_key)), user_key
    known = next((key for model in models if named < model.users and (key := model.user_id(named))), None)
    if known is None or is_forgotten(known):
        # nobody could say who that was: not the training, not the dashboard, not a person
        raise invalid("user_id", f"user {named} is not known to the model that is served")
    return named, known


def models_of(serving: Serving | None) -> list[ServedModel]:
    """The models that are served at a moment, the champion first."""
    return [] if serving is None else [model for model in (serving.champion, serving.challenger) if model is not None]
