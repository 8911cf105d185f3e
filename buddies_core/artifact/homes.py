"""What a `BUDDIES_HOME` means on this machine, for the pipeline and the service alike."""

from pathlib import Path


def local_folder(home: str) -> Path | None:
    """The folder that a home names, plainly or as `file:///folder`; None for the URL of an object store."""
    scheme, _, rest = home.partition(":")
    if scheme in ("file", "local") and rest.startswith("/"):
        return Path(rest.removeprefix("//"))
    return None if "://" in home else Path(home)
