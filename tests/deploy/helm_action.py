"""Does one thing with a release by Helm's own SDK: `helm_action.py KUBECONFIG NAMESPACE JSON`; prints JSON.

Run by the Python of the tools (deploy/tools.txt), which the tests do not share. Exit code 1 and Helm's words on stderr
where Helm refused or took a release back.
"""

import json
import sys

from helm_python import Config
from helm_python.errors import HelmError


def main() -> int:
    kubeconfig, namespace, text = sys.argv[1:]
    asked = json.loads(text)
    what, release = asked.pop("do"), "buddies"
    config = Config(kubeconfig_path=kubeconfig, namespace=namespace)
    try:
        if what in ("install", "upgrade"):
            getattr(config, what)(asked.pop("chart"), release, asked.pop("values"), namespace=namespace, **asked)
        elif what == "rollback":
            config.rollback(release, **asked)
        history = config.history(release)
    except HelmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(history))
    return 0


if __name__ == "__main__":
    sys.exit(main())
