"""Runs every check of this folder against a real server. Also fails if no check used a public method of the SDK.

See README.md.
"""

from __future__ import annotations

import argparse
import inspect
import signal
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Callable

import conformance_checks
import console_checks
import console_matrix
import inbox_checks
import login_checks
import mail_checks
import mcp_checks
import media_checks
import oauth_checks
import page_checks
import people_matrix
import push_checks
import receipt_checks
import registry_checks
import sdk_checks
import server_checks
import tenancy_checks
import wire_checks
from bucket_server import BucketServer
from calls import Calls
from documents import DocumentServer
from mail_server import MailServer
from world import Server, World, free_port

Check = Callable[[World], None]

MODULES = (
    sdk_checks,
    tenancy_checks,
    registry_checks,
    conformance_checks,
    push_checks,
    wire_checks,
    mail_checks,
    login_checks,
    page_checks,
    mcp_checks,
    oauth_checks,
    console_checks,
    inbox_checks,
    receipt_checks,
    media_checks,
    server_checks,
)

# They look at pages in each kind of window, which takes long.
MATRICES = (people_matrix, console_matrix)


def main() -> int:
    if not __debug__:
        raise SystemExit("python -O removes the assertions: run without it")
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # runs the clean-up below
    checks = [
        check
        for module in (*MODULES, *(MATRICES if arguments.matrix else ()))
        for check in checks_of(module)
        if arguments.only in title(check)
    ]
    engine = "PostgreSQL" if arguments.database_url else "SQLite"
    print(f"{len(checks)} checks, axme {version('axme')} from PyPI, server on {engine}", flush=True)
    began = time.monotonic()
    calls = Calls()
    calls.watch()
    with tempfile.TemporaryDirectory(prefix="axme-compat-") as folder:
        failed = run(checks, arguments, Path(folder, "data"))
    if arguments.only:
        print("the use of the SDK's methods is checked only when all checks run")
    elif calls.missing:
        print(f"FAIL no check called these methods successfully: {', '.join(calls.missing)}")
    else:
        print(f"ok   all {len(calls.expected)} public methods of the SDK were called")
    print(f"{len(checks) - failed} passed, {failed} failed in {time.monotonic() - began:.0f} s")
    is_whole = bool(arguments.only) or not calls.missing
    return 0 if checks and not failed and is_whole else 1


def run(checks: list[Check], arguments: argparse.Namespace, data: Path) -> int:
    """Returns the number of failed checks. Stops everything that it started."""
    mail, embedder = MailServer(free_port()), f"http://127.0.0.1:{free_port()}"
    settings = {
        "AXME_MAIL__SMTP_URL": mail.url,
        "AXME_MAIL__FROM": "AXME <axme@example.com>",
        "AXME_WEB_PUSH__CONTACT": "mailto:ops@example.com",
        "AXME_EMBED_ORIGINS": f"https://intranet.example.com,{embedder}",
    }
    bucket = BucketServer(free_port())
    documents = DocumentServer(free_port(), data.parent)
    with ExitStack() as running:
        running.callback(mail.stop)
        mail.start()
        running.callback(bucket.stop)
        bucket.start()
        running.callback(documents.stop)
        documents.start()
        server = Server(arguments.axme.resolve(), data, arguments.database_url, settings | bucket.settings() | documents.settings())
        running.callback(server.kill)
        try:
            server.start()
            world = World(server, mail, embedder, bucket, documents)
            running.callback(world.close)
            failed = sum(not passes(check, world) for check in checks)
            server.stop()
        except BaseException:
            print_log(server)
            raise
        if failed:
            print_log(server)
    return failed


def print_log(server: Server) -> None:
    print(f"the server's log ends with:\n{server.log_tail()}\n", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="The official Python SDK, raw HTTP, mail and a browser against a real AXME server."
    )
    parser.add_argument("--axme", type=Path, required=True, help="the program under test, e.g. target/debug/axme")
    parser.add_argument("--database-url", help="a new PostgreSQL database; default: SQLite in a temporary folder")
    parser.add_argument("--only", default="", metavar="TEXT", help="run only checks whose title contains TEXT")
    parser.add_argument("--matrix", action="store_true", help="also look at pages in each kind of window")
    return parser.parse_args()


def checks_of(module: ModuleType) -> list[Check]:
    """Returns every public function of the module, in the order of the file."""
    functions = inspect.getmembers_static(module, inspect.isfunction)
    own = [f for name, f in functions if f.__module__ == module.__name__ and not name.startswith("_")]
    return sorted(own, key=lambda f: f.__code__.co_firstlineno)


def title(check: Check) -> str:
    return check.__name__.replace("_", " ")


def passes(check: Check, world: World) -> bool:
    began = time.monotonic()
    try:
        check(world)
        failure = None
    except Exception as error:
        failure = own_traceback(error)
    print(f"{'FAIL' if failure else 'ok  '} {time.monotonic() - began:5.1f} s  {title(check)}", flush=True)
    if failure:
        print(failure, flush=True)
    # Without a server every later check would fail because of this one.
    assert world.server.running, f"the server stopped during: {title(check)}"
    return failure is None


def own_traceback(error: Exception) -> str:
    """Returns the traceback without the many lines from inside the HTTP libraries."""
    shown = traceback.TracebackException.from_exception(error)
    here = Path(__file__).parent
    around = (here / "run.py", here / "calls.py")
    files = [(frame, Path(frame.filename)) for frame in shown.stack]
    shown.stack = traceback.StackSummary.from_list(
        [frame for frame, file in files if file.is_relative_to(here) and file not in around]
    )
    return "".join(shown.format(chain=False))


if __name__ == "__main__":
    sys.exit(main())
