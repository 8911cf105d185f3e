"""Recommender systems, one folder each; a folder that lies here is found (`found`), not listed.

BUDDIES_SYSTEMS_DIR names a folder of further ones: `systems/<name>/` beside `serving/<name>.py`.
"""

import os
from pathlib import Path

if os.environ.get("BUDDIES_SYSTEMS_DIR"):
    __path__.append(str(Path(os.environ["BUDDIES_SYSTEMS_DIR"]).absolute() / "systems"))
