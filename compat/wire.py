"""Raw HTTP: nothing is normalized or added, and a stream is read to its end before it is parsed.

This uses the client of the standard library instead of the SDK's. It sends paths with `//` and empty headers exactly as
given. It also buffers whole streams, as the TypeScript and Go SDKs do.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass
from typing import Any, Mapping
from urllib.parse import urlsplit

# A limit above the longest window (60 s) would hide a stream that never ends. No check uses more than 30 s.
SECONDS_TO_READ = 45


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.text)


def request(
    base_url: str, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Reply:
    """Sends one call on its own connection; `path` is sent unchanged."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=SECONDS_TO_READ)
    began = time.monotonic()
    try:
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
        except (BrokenPipeError, ConnectionResetError):
            pass  # A server may refuse a large body before it has read it all. Its response can still be read.
        response = connection.getresponse()
        text = response.read().decode("utf-8")
        return Reply(response.status, response.headers, text, time.monotonic() - began)
    finally:
        connection.close()


@dataclass(frozen=True)
class Window:
    """One stream connection, from opening to its last byte."""

    events: list[dict[str, Any]]
    next_seq: int
    seconds: float

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.events]

    @property
    def intent_ids(self) -> list[str]:
        return [event["intent_id"] for event in self.events]


FRAME = re.compile(r"id: (\d+)\nevent: (intent\.[a-z_]+)\ndata: (\{[^\n]*\})\n\n")
LAST_FRAME = re.compile(r'event: stream\.timeout\ndata: \{"ok":true,"next_seq":(\d+)\}\n\n')


def read_window(reply: Reply, since: int) -> Window:
    """Parses the text of a stream, and fails if it is not exactly the frames of the contract."""
    assert reply.status == 200, reply
    assert reply.headers["Content-Type"].split(";")[0] == "text/event-stream", reply.headers["Content-Type"]
    events: list[dict[str, Any]] = []
    at = 0
    while frame := FRAME.match(reply.text, at):
        number, name, data = frame.groups()
        event = json.loads(data)
        assert event["seq"] == int(number), frame.group()
        assert event["event_type"] == name, frame.group()
        events.append(event)
        at = frame.end()
    last = LAST_FRAME.fullmatch(reply.text, at)
    assert last, f"expected the closing frame and then the end, got {reply.text[at:]!r}"
    seqs = [since, *(event["seq"] for event in events)]
    assert all(a < b for a, b in zip(seqs, seqs[1:])), f"the numbers after since are not strictly ascending: {seqs}"
    assert int(last[1]) == seqs[-1], f"next_seq is not the last number: {last.group()}"
    return Window(events, int(last[1]), reply.seconds)
