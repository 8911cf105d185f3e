"""Every example of the documentation page can be tried as it stands on the model that is served."""

import html
import re
import shlex
from typing import Any


def commands(page: str) -> list[list[str]]:
    """The curl commands of the page, as their words."""
    return [
        shlex.split(html.unescape(text)) for text in re.findall(r'<pre tabindex="0" class="curl">(.*?)</pre>', page)
    ]


def test_every_command_of_the_page_is_answered(server: Any) -> None:
    tried = 0
    for words in commands(server.get("/docs").text):
        address = next(word for word in words if word.startswith("http")).split(f":{server.port}", 1)[1]
        if "-d" in words:
            kind = words[words.index("-H") + 1].split(": ")[1]
            answer = server.post(address, content=words[words.index("-d") + 1].encode(), headers={"content-type": kind})
        else:
            answer = server.request("POST" if "-X" in words else "GET", address)
        if answer.status_code == 404 and "is fitted yet: run `buddies" in answer.text:
            continue  # such models are fitted by hand, and this world has none
        assert answer.status_code == 200, (words, answer.text)
        tried += 1
    assert tried >= 12


def test_without_a_model_the_page_says_that_its_examples_may_not_exist(serve: Any) -> None:
    page = serve().get("/docs").text
    assert "No model is served yet, so the examples name users and playlists that may not exist." in page
    assert "22434" in page
