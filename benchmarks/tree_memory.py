"""Memory of this process and its children together: what they hold of their own, without files mapped into memory."""

import threading

import psutil

MIB = 2**20


class TreeMemory:
    """Context that watches the process tree; `peak_mib` is the most it held at once."""

    peak_mib = 0.0

    def __enter__(self) -> "TreeMemory":
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self._look()

    def _look(self) -> None:
        held = 0
        for process in [self._process, *self._process.children(recursive=True)]:
            try:
                memory = process.memory_info()
            except psutil.NoSuchProcess:
                continue
            held += memory.rss - memory.shared
        self.peak_mib = max(self.peak_mib, held / MIB)

    def __exit__(self, *_: object) -> None:
        self._look()
        self._stop.set()
        self._thread.join()
