"""The environment of the checks: one real server, its admin, and agents created on demand.

Names are never reused. So no check sees the intents of another one, and their order does not matter.
"""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Callable, Mapping, Self

from axme import AxmeClient, AxmeClientConfig, AxmeHttpError

import wire
from browser import Browser
from bucket_server import BucketServer
from documents import DocumentServer
from mail_server import Letter, MailServer

SECONDS_TO_START = 30  # the first start also migrates the database
SECONDS_TO_STOP = 10  # the promised limit after SIGTERM
SECRET = "a secret of the receivers"
SECONDS_TO_HAPPEN = 15  # the limit for everything else


def until(what: str, look: Callable[[], Any], seconds: float = SECONDS_TO_HAPPEN) -> Any:
    """Polls `look` until it returns a truthy value, and returns that."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return found


def refusal(kind: type[AxmeHttpError], call: Callable[[], Any]) -> AxmeHttpError:
    """Returns the error of a call that must be refused with an error of this kind."""
    try:
        answer = call()
    except kind as error:
        return error
    raise AssertionError(f"expected a refusal, got {answer!r}")


class Server:
    """The program under test. It can be stopped and started again on the same data, address and port."""

    def __init__(
        self, axme: Path, data: Path, database_url: str | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.axme = axme
        self.data = data
        self.log = data.with_suffix(".log")
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        self._command = [str(axme), "serve", "--listen", f"127.0.0.1:{port}", "--data", str(data)]
        if database_url is not None:
            self._command += ["--database-url", database_url]
        self.database_url = database_url
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # Settings of the caller's shell or home must not reach the server.
        home = str(self.data.parent)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AXME_", "XDG_"))} | {"HOME": home}
        # The receivers of the checks are on this machine. Short retries avoid a wait of ten minutes for the third
        # attempt.
        environment |= {
            "AXME_LIMITS__OUTBOUND_ALLOW": "127.0.0.1/32",
            "AXME_LIMITS__PUSH_SECONDS": "3",
            "AXME_LIMITS__PUSH_RETRY_SECONDS": "1,1,1",
        }
        environment |= self._settings
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=environment, stdout=log, stderr=log)
        until("GET /ready answers 200", self._ready, SECONDS_TO_START)

    def _ready(self) -> bool:
        assert self.running, f"the server stopped unexpectedly:\n{self.log_tail()}"
        try:
            return wire.request(self.base_url, "GET", "/ready").status == 200
        except ConnectionRefusedError:
            return False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Sends SIGTERM, and checks the promise: exit code 0 within ten seconds."""
        assert self._process is not None and self.running, "the server is not running"
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(SECONDS_TO_STOP)
        assert code == 0, f"exit code {code} after SIGTERM"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def execute(self, statement: str) -> None:
        """Runs a statement in the database of the stopped server."""
        assert not self.running, "stop the server before changing its database"
        if self.database_url is not None:
            subprocess.run(["psql", "--quiet", "-v", "ON_ERROR_STOP=1", "-c", statement, self.database_url], check=True)
            return
        with closing(sqlite3.connect(self.data / "axme.db")) as database, database:
            database.execute(statement)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def log_tail(self) -> str:
        return "\n".join(self.log_text().splitlines()[-40:])


def free_port() -> int:
    """Returns a port below the range for outgoing connections, so that it stays free until a server listens there."""
    for port in random.sample(range(10_000, 20_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no free port was found")


@dataclass(frozen=True)
class Bootstrap:
    base_url: str
    api_key: str
    org_id: str
    workspace_id: str
    owner_email: str


@dataclass(frozen=True)
class Agent:
    name: str
    address: str
    service_account_id: str
    key: str
    client: AxmeClient


class World:
    """The environment. `embedder` is the only web origin that may frame the server's pages; nothing listens there yet.
    Without a bucket, files are on the disk."""

    def __init__(
        self,
        server: Server,
        mail: MailServer,
        embedder: str = "",
        bucket: BucketServer | None = None,
        documents: DocumentServer | None = None,
    ) -> None:
        self.server = server
        self.mail = mail
        self.bucket = bucket
        self.documents = documents
        self.embedder = embedder
        path = server.data / "bootstrap.json"
        until("bootstrap.json is written (is the database fresh?)", path.exists)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, oct(path.stat().st_mode)
        self.bootstrap = Bootstrap(**json.loads(path.read_text()))
        assert self.bootstrap.base_url == server.base_url, self.bootstrap.base_url
        self.key = self.bootstrap.api_key
        self.admin = self.client(self.key)
        self._numbers = count(1)

    @cached_property
    def browser(self) -> Browser:
        """The browser, started by the first check that uses it."""
        return Browser()

    def close(self) -> None:
        if "browser" in self.__dict__:
            self.browser.close()

    def client(self, key: str) -> AxmeClient:
        return AxmeClient(AxmeClientConfig(base_url=self.server.base_url, api_key=key))

    def new_name(self, stem: str) -> str:
        return f"{stem}-{next(self._numbers)}"

    def new_agent(self) -> Agent:
        name = self.new_name("worker")
        account = self.admin.create_service_account(
            {"name": name, "org_id": self.bootstrap.org_id, "workspace_id": self.bootstrap.workspace_id}
        )["service_account"]
        return self.agent_with_new_key(name, account["address"], account["service_account_id"])

    def agent_with_new_key(self, name: str, address: str, service_account_id: str) -> Agent:
        key = self.admin.create_service_account_key(service_account_id, {})["key"]["token"]
        return Agent(name, address, service_account_id, key, self.client(key))

    def new_pushed_agent(self, callback_url: str) -> Agent:
        name = self.new_name("pushed")
        account = self.admin.create_service_account(
            {
                "name": name,
                "org_id": self.bootstrap.org_id,
                "workspace_id": self.bootstrap.workspace_id,
                "delivery_mode": "http",
                "callback_url": callback_url,
                "webhook_secret": SECRET,
            }
        )["service_account"]
        return self.agent_with_new_key(name, account["address"], account["service_account_id"])

    def send(self, to: Agent, payload: dict[str, Any] | None = None, **fields: Any) -> str:
        intent = {"intent_type": "intent.compat.v1", "to_agent": to.address, "payload": payload or {}, **fields}
        return self.admin.send_intent(intent)

    def send_human_task(self) -> str:
        task = {"title": "Approve it", "task_type": "approval", "allowed_outcomes": ["approved", "rejected"]}
        return self.admin.send_intent(
            {"intent_type": "intent.compat.v1", "to_agent": "human", "payload": {}, "human_task": task}
        )

    def new_person(self) -> str:
        return f"{self.new_name('person')}@example.com"

    def ask(self, person: str, task: dict[str, Any] | None = None, **fields: Any) -> str:
        """Creates an intent about which a person gets mail."""
        task = {"title": "Shall it be done?", "notify_email": person, **(task or {})}
        intent = {"intent_type": "intent.compat.v1", "to_agent": "human", "payload": {"n": 1}, "human_task": task}
        return self.admin.send_intent(intent | fields)

    def letter(self, person: str, number: int = 1) -> Letter:
        """Waits for the first mail to a person, or for mail `number`."""
        until(f"mail {number} to {person} arrives", lambda: len(self.letters(person)) >= number)
        return self.letters(person)[number - 1]

    def letters(self, person: str) -> list[Letter]:
        """Returns the mail to a person so far, without the one about a new membership."""
        return [letter for letter in self.mail.letters(person) if "You are a member of" not in letter.subject]

    def intent(self, intent_id: str) -> dict[str, Any]:
        return self.admin.get_intent(intent_id)["intent"]

    def events(self, intent_id: str, since: int | None = None) -> list[dict[str, Any]]:
        return self.admin.list_intent_events(intent_id, since=since)["events"]

    def outcome(self, intent_id: str) -> dict[str, Any]:
        """Waits for the terminal event with the SDK."""
        return self.admin.wait_for(intent_id, timeout_seconds=SECONDS_TO_HAPPEN)

    def waiting_for_human(self, intent_id: str) -> None:
        until(
            "the intent waits for a person",
            lambda: self.intent(intent_id)["lifecycle_waiting_reason"] == "WAITING_FOR_HUMAN",
        )

    def open_tasks(self, key: str) -> list[str]:
        reply = self.get("/v1/me/tasks", {"x-api-key": key})
        assert reply.status == 200, reply
        return [task["intent_id"] for task in reply.json["tasks"]]

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> wire.Reply:
        """Sends a raw GET, with the admin's key unless headers are given."""
        return wire.request(self.server.base_url, "GET", path, {"x-api-key": self.key} if headers is None else headers)

    def post(self, path: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> wire.Reply:
        """Sends a raw POST, with the admin's key and a JSON content type unless headers are given."""
        default = {"x-api-key": self.key, "Content-Type": "application/json"}
        return wire.request(self.server.base_url, "POST", path, default if headers is None else headers, body)

    def put(self, path: str, body: dict[str, Any]) -> wire.Reply:
        """Sends a raw PUT with the admin's key."""
        headers = {"x-api-key": self.key, "Content-Type": "application/json"}
        return wire.request(self.server.base_url, "PUT", path, headers, json.dumps(body).encode())

    def window(self, path: str, *, since: int, wait_seconds: int, key: str | None = None) -> wire.Window:
        """Reads one stream window to its end, and parses it."""
        headers = {"x-api-key": key or self.key, "Accept": "text/event-stream"}
        reply = self.get(f"{path}?since={since}&wait_seconds={wait_seconds}", headers)
        return wire.read_window(reply, since)

    def agent_window(self, agent: Agent, *, since: int, wait_seconds: int) -> wire.Window:
        path = f"/v1/agents/{agent.address.removeprefix('agent://')}/intents/stream"
        return self.window(path, since=since, wait_seconds=wait_seconds, key=agent.key)


class Reporter:
    """A process that reports in lines of JSON. As a context manager it ends with the block."""

    def __init__(self, script: str, arguments: list[str], secrets: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name(script)), *arguments],
            env=os.environ | secrets,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def received(self) -> Any:
        """Waits for the next report."""
        try:
            return json.loads(self._lines.get(timeout=SECONDS_TO_HAPPEN))
        except queue.Empty:
            raise AssertionError(f"nothing was reported (exit code: {self._process.poll()})") from None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def is_idle(self) -> bool:
        """True if there is no unread report."""
        return self._lines.empty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Listener(Reporter):
    """A `listening_agent.py` process. It reports `{"delivery": …, "intent": …}`."""

    def __init__(self, world: World, agent: Agent, behaviour: str) -> None:
        arguments = [world.server.base_url, agent.address, behaviour]
        super().__init__("listening_agent.py", arguments, {"AXME_API_KEY": agent.key})


class Receiver(Reporter):
    """A `push_receiver.py` process. It reports each request: `{"signed": …, "path": …, "headers": …, "body": …}`."""

    def __init__(self, *behaviours: str) -> None:
        super().__init__("push_receiver.py", list(behaviours), {"SECRET": SECRET})
        self._port = self.received()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"
