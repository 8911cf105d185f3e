"""A service in a process of its own, with its processor time and memory."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from buddies_core.http.ports import free_port

MIB = 2**20


@dataclass
class ServerProcess:
    """`python -m module arguments...`, ready when `path` answers 200."""

    module: str
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    path: str = "/health/ready"
    port: int = 0
    log: Path | None = None
    ready_seconds: float = 0.0

    def start(self) -> "ServerProcess":
        """Starts it and waits until it is ready."""
        self.port = self.port or free_port()
        environment = {**os.environ, **self.environment, "BUDDIES_PORT": str(self.port)}
        arguments = [argument.replace("PORT", str(self.port)) for argument in self.arguments]
        output = self.log.open("ab") if self.log else subprocess.DEVNULL
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, *arguments], env=environment, stdout=output, stderr=output
        )
        self.about = psutil.Process(self.process.pid)
        while not self._answers():
            if self.process.poll() is not None or time.perf_counter() - began > 120:
                raise RuntimeError(f"{self.module} did not become ready; its log: {self.log}")
            time.sleep(0.01)
        self.ready_seconds = time.perf_counter() - began
        return self

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        times = self.about.cpu_times()
        return times.user + times.system

    def memory_mib(self) -> tuple[float, float]:
        """(resident, of which private to the process rather than pages of mapped files)."""
        memory = self.about.memory_info()
        return memory.rss / MIB, (memory.rss - memory.shared) / MIB

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{self.path}", timeout=2) as answer:
                return answer.status == 200
        except (URLError, OSError):
            return False
