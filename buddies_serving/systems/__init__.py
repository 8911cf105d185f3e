"""Routes of one recommender system a module; a module that lies here is found (`buddies_serving.found`), not listed.

BUDDIES_SYSTEMS_DIR names a folder of further ones: `serving/<name>.py` beside `systems/<name>/`.
"""

import os
from pathlib import Path

if os.environ.get("BUDDIES_SYSTEMS_DIR"):
    __path__.append(str(Path(os.environ["BUDDIES_SYSTEMS_DIR"]).absolute() / "serving"))
