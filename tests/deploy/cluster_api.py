"""The part of a cluster's API that a launcher of runs asks: Jobs and their pods, refused beyond what a Role allows.

It answers with what it was given, so that the launcher and the chart's Role are tried without a control plane.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

VERBS = {"POST": "create", "GET": "get", "DELETE": "delete", "PATCH": "patch"}


class ClusterApi:
    """Listens on loopback; `jobs` is what was made, `refused` what the Role did not allow."""

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self._rules = rules
        self.jobs: dict[str, dict[str, Any]] = {}
        self.refused: list[tuple[str, str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length) or "null")
                status, said = outer.answer(self.command, urlsplit(self.path), body)
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = do_PATCH = answer

            def log_message(self, *_: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

    def allowed(self, verb: str, group: str, resource: str) -> bool:
        """Whether a rule of the Role says so."""
        return any(
            group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
            for rule in self._rules
        )

    def answer(self, method: str, url: Any, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        parts = url.path.strip("/").split("/")
        if parts[0] == "version":
            return 200, {"major": "1", "minor": "29", "gitVersion": "v1.29.0", "gitCommit": "", "gitTreeState": "",
                         "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}  # fmt: skip
        group, rest = ("batch", parts[3:]) if parts[0] == "apis" else ("", parts[2:])
        _, namespace, resource, *name = rest
        full = "/".join([resource, *name[1:]])
        verb = "list" if method == "GET" and not name else VERBS[method]
        if not self.allowed(verb, group, full):
            self.refused.append((verb, group, full))
            return 403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403}
        if method == "POST":
            body.setdefault("status", {})
            body["metadata"] |= {"namespace": namespace, "uid": f"uid-{len(self.jobs)}"}
            self.jobs[body["metadata"]["name"]] = body
            return 201, body
        if resource == "pods":
            return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}
        if not name:
            wanted = dict(part.split("=", 1) for part in parse_qs(url.query).get("labelSelector", []))
            found = [job for job in self.jobs.values() if wanted.items() <= job["metadata"]["labels"].items()]
            return 200, {"kind": "JobList", "apiVersion": "batch/v1", "metadata": {}, "items": found}
        if name[0] not in self.jobs:
            return 404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
        if method == "DELETE":
            return 200, self.jobs.pop(name[0])
        return 200, self.jobs[name[0]]
