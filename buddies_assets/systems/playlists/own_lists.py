"""Whose lists of taste are stored: a model that was rolled back leaves its own behind, which no other may be served by.

Lists of taste come from a taste of songs that learnt from the same feedback as the model beside it; both were tried
together. After a rollback the version served has the lists it was published with, until a training makes new ones.
"""

from buddies_core.errors import BuddiesError
from buddies_core.registry.checkpoints import Checkpoint
from buddies_core.storage.dataset import Dataset

TASTE = "song_taste"
"""Name, in a checkpoint's lineage and among the inputs of lists, of the taste of songs that both were made with."""


class ListsOfAnotherModelError(BuddiesError):
    """The stored lists of taste are not of the model that is to be served."""


def why_not_own(taste_candidates: Dataset, checkpoint: Checkpoint, newest: str) -> str | None:
    """Why a model may not be served by the stored lists, in words; None where it may.

    It may by those made beside it and, when it is the newest, by later ones too: these are made when plays come in, and
    nobody has tried and refused them.

    Args:
        newest: version of the newest checkpoint; the one to serve is another where that was rolled back.
    """
    made_by = taste_candidates.manifest.inputs.get(TASTE)
    if checkpoint.version == newest or made_by == checkpoint.lineage.get(TASTE):
        return None
    return (
        f"The stored taste_candidates were not made beside model {checkpoint.version}, and {newest} was rolled back: "
        f"{checkpoint.version} keeps the lists it was published with. Train a model (retrain_job) for new ones."
    )
