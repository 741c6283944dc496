"""A program that speaks the Model Context Protocol over stdin and stdout, as a host sees it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from typing import Any, Self

SECONDS_TO_SAY = 120


class McpProcess:
    """A process, whose lines are read as they come, errors included. As a context manager it ends with the block."""

    def __init__(self, command: list[str], settings: dict[str, str] | None = None) -> None:
        # Settings of the caller's shell must not reach the program.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AXME_")}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment | (settings or {})
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._seen: list[str] = []
        self._open = 2
        self._next = 1
        for stream in (self._process.stdout, self._process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    def line_with(self, text: str) -> str:
        """Waits for a line that contains the text."""
        while self._open:
            try:
                line = self._lines.get(timeout=SECONDS_TO_SAY)
            except queue.Empty:
                break
            if line is None:
                self._open -= 1
                continue
            self._seen.append(line)
            if text in line:
                return line
        raise AssertionError(f"no line with {text!r}: {''.join(self._seen)[-6000:]}")

    def tell(self, method: str, **more: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", "method": method, **more}) + "\n")
        self._process.stdin.flush()

    def begin(self, method: str, params: dict[str, Any]) -> int:
        """Sends a request. Returns its number."""
        number, self._next = self._next, self._next + 1
        self.tell(method, id=number, params=params)
        return number

    def result_of(self, number: int) -> dict[str, Any]:
        """Waits for the answer to a request."""
        answer: dict[str, Any] = {}
        while answer.get("id") != number:
            line = self.line_with('"jsonrpc"')
            answer = json.loads(line) if line.startswith("{") else {}
        assert "result" in answer, answer
        return dict(answer["result"])

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return self.result_of(self.begin(method, params))

    def initialize(self, version: str = "2025-06-18") -> dict[str, Any]:
        hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "a host", "version": "1"}}
        answer = self.ask("initialize", hello)
        self.tell("notifications/initialized")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
