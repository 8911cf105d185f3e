"""torch where it is installed: an extra of its own, since it brings CUDA's libraries."""

from collections.abc import Iterator
from contextlib import contextmanager

from buddies_core.errors import BuddiesError


class TorchMissingError(BuddiesError):
    """Something needs torch, and it is not installed."""


@contextmanager
def torch_wanted(what: str) -> Iterator[None]:
    """A block that imports torch; where there is none, the error says what needs it and how to have it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torch":
            raise
        raise TorchMissingError(f"{what} needs torch: pip install 'spotify-buddies[torch]'.") from error
