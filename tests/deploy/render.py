"""Renders the chart with Helm's own SDK and prints one YAML text: `render.py CHART VALUES.yaml… [--set JSON]`.

Run by the Python of the tools (deploy/tools.txt), which the tests do not share. Exit code 1 and Helm's words on stderr
where the values are refused.
"""

import json
import sys
from pathlib import Path

import yaml
from helm_python import Chart
from helm_python.errors import HelmError


def merged(low, high):
    if not isinstance(low, dict) or not isinstance(high, dict):
        return high
    return {
        key: merged(low[key], high[key]) if key in low and key in high else {**low, **high}[key]
        for key in {**low, **high}
    }


def main() -> int:
    chart, *rest = sys.argv[1:]
    values: dict = {}
    for argument in rest:
        if argument.startswith("{"):
            values = merged(values, json.loads(argument))
        else:
            values = merged(values, yaml.safe_load(Path(argument).read_text(encoding="utf-8")) or {})
    try:
        loaded = Chart.load(chart)
        rendered = loaded.render(values, name="buddies", namespace="buddies")
    except HelmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    texts = rendered.values() if isinstance(rendered, dict) else [rendered]
    sys.stdout.write("\n---\n".join(str(text) for text in texts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
