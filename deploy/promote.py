#!/usr/bin/env python3
"""Writes the images of a release: `promote.py NAME service=…@sha256:… pipeline=… …` or `promote.py NAME --from OTHER`.

One set of digests travels from staging to production: nothing is built again on the way. A tag is refused.
"""

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "releases"
IMAGES = ("service", "pipeline", "postgres", "proxy")
DIGEST = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")


def read(name: str) -> dict[str, str]:
    """The digests of a release."""
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return dict(line.strip().split(": ", 1) for line in lines if line.startswith("  "))


def main(arguments: list[str]) -> str | None:
    """Write, or what is wrong."""
    if len(arguments) < 2 or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", arguments[0]):
        return __doc__
    name, *rest = arguments
    if rest[0] == "--from":
        if len(rest) != 2 or not (FOLDER / f"{rest[1]}.yaml").exists():
            return f"error: no release {rest[1:]} in {FOLDER}"
        images = read(rest[1])
    else:
        images = dict(part.partition("=")[::2] for part in rest)
    if sorted(images) != sorted(IMAGES):
        return f"error: a release names {', '.join(IMAGES)}, not {', '.join(sorted(images))}"
    for image, digest in images.items():
        if not DIGEST.fullmatch(digest):
            return f"error: {image}={digest} is no digest (…@sha256:…): a tag may be another image tomorrow"
    FOLDER.mkdir(exist_ok=True)
    text = "".join(f"  {image}: {images[image]}\n" for image in IMAGES)
    (FOLDER / f"{name}.yaml").write_text(f"images:\n{text}", encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
