"""What stands inside every page, so that its first paint waits for no second request: styles, and what runs before it.

The security policy allows these two texts by their hashes and no other inline text.
"""

import base64
import hashlib
from pathlib import Path

_FOLDER = Path(__file__).parent / "inlined"
STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
PAINT_SCRIPT = (_FOLDER / "paint.js").read_text(encoding="utf-8")


def source(text: str) -> str:
    """The text's source expression in a Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
