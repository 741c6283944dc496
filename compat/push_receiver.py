"""A receiver of pushes in its own process, without the SDK: a web server that checks signatures.

    SECRET=… python push_receiver.py BEHAVIOR…

It prints its port, then one JSON line for each request: whether both signatures are valid, the headers, the body. The
body of a web push is encrypted, and printed as base64. Each request uses the next behavior, and the last one repeats: `ok`, `fail` (500), `hang` (no response for a minute), or
`redirect=URL`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ["SECRET"]
BEHAVIOURS = sys.argv[1:]
LOCK = threading.Lock()
MAX_SECONDS_OLD = 300  # the recommendation of Standard Webhooks


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with LOCK:
            behaviour = BEHAVIOURS.pop(0) if len(BEHAVIOURS) > 1 else BEHAVIOURS[0]
            report = {"signed": is_signed(self.headers, body), "path": self.path}
            if self.headers["Content-Encoding"] == "aes128gcm":
                report["encrypted"] = base64.b64encode(body).decode()
            else:
                report["body"] = json.loads(body)
            report["headers"] = {name.lower(): value for name, value in self.headers.items()}
            print(json.dumps(report), flush=True)
        if behaviour == "hang":
            time.sleep(60)
        self.send_response({"ok": 204, "fail": 500, "hang": 204}.get(behaviour, 307))
        if behaviour.startswith("redirect="):
            self.send_header("Location", behaviour.removeprefix("redirect="))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def is_signed(headers, body: bytes) -> bool:
    if headers["x-axme-signature"] is None:
        return False
    own = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    at = headers["webhook-timestamp"]
    signed = b".".join([headers["webhook-id"].encode(), at.encode(), body])
    standard = "v1," + base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    return (
        hmac.compare_digest(headers["x-axme-signature"], own)
        and hmac.compare_digest(headers["webhook-signature"], standard)
        and abs(time.time() - int(at)) < MAX_SECONDS_OLD
    )


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(json.dumps(server.server_address[1]), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
