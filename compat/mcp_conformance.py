"""Runs the conformance suite and the Inspector of the Model Context Protocol against a real server.

Most scenarios of the suite call tools, resources and prompts that a server has only for the suite. They are listed below
with the reason why they do not run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from mail_server import MailServer
from world import Server, World, free_port

NODE = Path(__file__).parent.parent / ".venv-mcp" / "node" / "node_modules"
SECONDS = 120

SCENARIOS = (
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
)

FIXTURES = "it calls things that a server has only for the suite"
EXCEPTED = {
    "logging-set-level": "the server sends no log messages to hosts",
    "completion-complete": FIXTURES,
    "tools-call-simple-text": FIXTURES,
    "tools-call-image": FIXTURES,
    "tools-call-audio": FIXTURES,
    "tools-call-embedded-resource": FIXTURES,
    "tools-call-mixed-content": FIXTURES,
    "tools-call-with-logging": FIXTURES,
    "tools-call-error": FIXTURES,
    "tools-call-with-progress": FIXTURES,
    "tools-call-sampling": FIXTURES,
    "tools-call-elicitation": FIXTURES,
    "json-schema-2020-12": FIXTURES,
    "elicitation-sep1034-defaults": FIXTURES,
    "elicitation-sep1330-enums": FIXTURES,
    "server-sse-polling": "it needs sessions, and the server keeps none",
    "server-sse-multiple-streams": "it needs sessions, and the server keeps none",
    "resources-read-text": FIXTURES,
    "resources-read-binary": FIXTURES,
    "resources-templates-read": FIXTURES,
    "resources-subscribe": "it needs sessions, and the server keeps none",
    "resources-unsubscribe": "it needs sessions, and the server keeps none",
    "prompts-get-simple": FIXTURES,
    "prompts-get-with-args": FIXTURES,
    "prompts-get-embedded-resource": FIXTURES,
    "prompts-get-with-image": FIXTURES,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axme", type=Path, required=True, help="the program under test, e.g. target/debug/axme")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="axme-conformance-") as folder:
        # The suite takes the proxy for the server, so its origin is the proxy's.
        port = free_port()
        settings = {"AXME_MCP__ORIGINS": f"http://127.0.0.1:{port}"}
        server = Server(arguments.axme.resolve(), Path(folder, "data"), settings=settings)
        try:
            server.start()
            world = World(server, MailServer(free_port()))
            url = with_key(server.base_url, world.key, port)
            failed = [name for name in SCENARIOS if not passes(name, url)]
            failed += [] if inspected(server.base_url, world.key) else ["Inspector"]
            check_list()
        finally:
            server.kill()
    print(f"{len(SCENARIOS) + 1 - len(failed)} passed, failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def run(*command: str) -> subprocess.CompletedProcess[str]:
    node = str(NODE / "node" / "bin" / "node")
    return subprocess.run([node, *command], capture_output=True, text=True, timeout=SECONDS, check=False)


def suite(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(str(NODE / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"), *arguments)


def passes(name: str, url: str) -> bool:
    done = suite("server", "--url", url, "--scenario", name)
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {name}", flush=True)
    if done.returncode != 0:
        print(done.stdout[-4000:], done.stderr[-2000:])
    return done.returncode == 0


def check_list() -> None:
    """A new scenario of the suite must run, or be excepted with a reason."""
    listed = {line.split()[1] for line in suite("list", "--server").stdout.splitlines() if line.startswith("  - ")}
    known = set(SCENARIOS) | set(EXCEPTED)
    assert listed == known, f"new: {listed - known}, gone: {known - listed}"


def inspected(base_url: str, key: str) -> bool:
    cli = str(NODE / ".bin" / "mcp-inspector")
    for tools in ("default", "official", "all"):
        url = f"{base_url}/mcp?tools={tools}"
        done = run(
            cli, "--cli", url, "--transport", "http", "--method", "tools/list", "--strict", "--header", f"x-api-key: {key}"
        )
        print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} Inspector --strict, tools={tools}", flush=True)
        if done.returncode != 0:
            print(done.stdout[-2000:], done.stderr[-4000:])
            return False
    return True


def with_key(base_url: str, key: str, port: int) -> str:
    """Returns the address of a proxy that adds the key: the suite sends no headers of the user."""

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
            request = Request(base_url + self.path, body or None, headers | {"x-api-key": key}, method=self.command)
            try:
                with urlopen(request, timeout=60) as answer:
                    self._pass_on(answer.status, answer)
            except HTTPError as refused:
                self._pass_on(refused.code, refused)

        do_GET = do_DELETE = do_POST

        def _pass_on(self, status: int, answer: object) -> None:
            body = answer.read()
            self.send_response(status)
            for name in ("content-type", "allow", "www-authenticate"):
                if answer.headers.get(name):
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", port), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{proxy.server_port}/mcp"


if __name__ == "__main__":
    sys.exit(main())
