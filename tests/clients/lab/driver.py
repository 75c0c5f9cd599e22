"""A driver as a process: one of the programs in `drivers`, asked line by line (the protocol is in drivers/common.py)."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from pathlib import Path


class Driver:
    """A driver that runs. Lines go in and come out; what it says on stderr is kept for failures."""

    def __init__(self, command: list[str], environ: dict[str, str], place: Path) -> None:
        self._process = subprocess.Popen(
            command, env=environ, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, encoding="utf-8",
        )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        self._err: list[str] = []
        self._readers = [threading.Thread(target=reader, daemon=True) for reader in (self._read, self._read_err)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # a line that it never read

    def ask(self, line: str, timeout: float) -> dict[str, object]:
        """Say a line, unless it is empty, and return what comes back. TimeoutError, or ChildProcessError if it ended."""
        assert self._process.stdin
        try:
            if line:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
            said = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"no answer within {timeout:.0f} s; {self._last_words()}") from None
        except BrokenPipeError:
            said = ""
        if not said:
            raise ChildProcessError(f"the driver ended; {self._last_words()}")
        return json.loads(said)

    def _last_words(self) -> str:
        return "stderr: " + "".join(self._err)[-800:].strip()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):
                self._lines.put(line)
        self._readers[1].join()
        self._lines.put("")

    def _read_err(self) -> None:
        assert self._process.stderr
        self._err.extend(self._process.stderr)
