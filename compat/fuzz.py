"""Schemathesis against a throwaway server and the server's own OpenAPI document. See README.md.

It checks that the document is valid, and that no response is a server error. Each response must have a status, a
content type and a body from the document. All calls, writes included, use an admin's key. The server first gets one
object of each kind, and most calls use their ids, because a random id shows little more than "not found". The cases are
the same in each run; only the ids differ.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

from openapi_spec_validator import OpenAPIV31SpecValidator

import wire
from mail_server import MailServer
from world import Server, World, free_port

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
CASES = 4  # random cases of each operation
MAX_SECONDS = 900  # on a busy machine; the usual run takes a tenth of it
# Streams stay open for their window, so wire_checks.py reads them.
STREAMS = r"/stream$"
# How often a call uses an existing id or a known word.
PROBABILITY = 0.9
# Known words for fields that are plain text in the document.
WORDS = {
    "alias_type": ["service", "communication"],
    "auth_mode": ["none"],
    "callback_url": ["http://127.0.0.1:9/"],
    "compatibility_mode": ["strict", "backward", "warn"],
    "currency": ["EUR"],
    "decision": ["approve", "reject", "waitlist"],
    "delegate_to": ["agent://desks/two"],
    "direction": ["send", "receive", "both"],
    "endpoint_url": ["http://127.0.0.1:9/"],
    "environment": ["sandbox", "production"],
    "event_type": ["inbox.reply_received"],
    "filename": ["a.txt"],
    "health": ["healthy", "killed"],
    "mime_type": ["image/png", "text/plain"],
    "mode": ["open", "allowlist", "denylist", "self", "both"],
    "nick": ["@fuzz.one", "@fuzz.two", "@fuzz.three"],
    "overage_mode": ["block", "grace"],
    "override_type": ["open", "allowlist", "closed", "use_org_default"],
    "plan_code": ["team"],
    "policy_type": ["open", "allowlist", "denylist", "closed"],
    "principal_type": ["user", "service_agent"],
    "reply_to": ["agent://desks/one"],
    "request_type": ["create_organization", "join_organization", "quota_upgrade"],
    "requested_role": ["member", "workspace_admin"],
    "requested_tier": ["email_verified", "corporate"],
    "role": ["member", "workspace_admin", "org_admin"],
    "sender_pattern": ["agent://nobody/*", "agent://somebody/one"],
    "state": ["pending", "approved"],
    "status": ["COMPLETED", "FAILED", "CANCELED", "active", "pending"],
    "transport_type": ["http", "webhook"],
    "window": ["day", "week", "month"],
}
# Fields without which a call of the operation is refused early.
NEEDED: dict[str, dict[str, Any]] = {
    "intents.create": {"to_agent": "agent://desks/one", "payload": {"n": 1}},
    "media.create_upload": {"size_bytes": 3, "owner_agent": "agent://desks/one"},
    "webhooks.subscriptions.upsert": {"event_types": ["inbox.thread_created"]},
    "users.rename_nick": {"nick": "@fuzz.renamed"},
}


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = parse_arguments()
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="axme-fuzz-")))
        mail = MailServer(free_port())
        running.callback(mail.stop)
        mail.start()
        settings = {"AXME_MAIL__SMTP_URL": mail.url, "AXME_MAIL__FROM": "AXME <axme@example.com>"}
        server = Server(arguments.axme.resolve(), folder / "data", arguments.database_url, settings)
        running.callback(server.kill)
        server.start()
        world = World(server, mail)
        document = world.get("/openapi.json", headers={})
        OpenAPIV31SpecValidator(document.json).validate()
        print("the document is valid", flush=True)
        known = furnish(world)
        # First the edges of every schema with existing ids, then random cases.
        edges = run(world, folder, "coverage", fixed(known))
        drawn = run(world, folder, "fuzzing", mixed(known | WORDS))
        code = edges or drawn
        assert server.running, f"the server stopped:\n{server.log_tail()}"
        assert wire.request(server.base_url, "GET", "/ready").status == 200, "the server no longer responds"
        server.stop()
        if code or "ERROR" in server.log_text():
            print(f"the server's log ends with:\n{server.log_tail()}\n", flush=True)
            return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Schemathesis against a real AXME server.")
    parser.add_argument("--axme", type=Path, required=True, help="the program under test, e.g. target/debug/axme")
    parser.add_argument("--database-url", help="a new PostgreSQL database; default: SQLite in a temporary folder")
    return parser.parse_args()


def run(world: World, folder: Path, phase: str, parameters: str) -> int:
    """Returns the exit code of Schemathesis."""
    config = folder / f"{phase}.toml"
    config.write_text(parameters)
    options = {
        "--header": f"x-api-key: {world.key}",
        "--phases": phase,
        "--checks": CHECKS,
        "--exclude-path-regex": STREAMS,
        "--max-examples": str(CASES),
        # How easily random values are found says nothing about the server.
        "--suppress-health-check": "filter_too_much",
        "--request-timeout": "20",
        "--warnings": "off",
        "--output-truncate": "false",
    }
    program = [str(Path(sys.executable).with_name("schemathesis")), f"--config-file={config}", "run"]
    flags = ["--generation-deterministic", "--continue-on-failure", "--no-shrink", "--no-color"]
    given = [part for option in options.items() for part in option]
    command = [*program, f"{world.server.base_url}/openapi.json", *flags, *given]
    return subprocess.run(command, cwd=folder, timeout=MAX_SECONDS).returncode


def fixed(known: dict[str, list[str]]) -> str:
    """Returns settings with one id for each path parameter. TOML strings have the form of JSON strings."""
    lines = ["[phases.coverage]", "unexpected-methods = []", "[parameters]"]
    lines += [f'"path.{name}" = {json.dumps(values[0])}' for name, values in known.items()]
    return "\n".join(lines) + "\n"


def mixed(known: dict[str, list[str]]) -> str:
    """Returns settings that mostly use known values, for every field of the same name."""
    lines = []
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    for name in known:
        for place in ("path", "query", "body"):
            lines.append(f'"{place}.{name}" = {{ dictionary = "{name}", probability = {PROBABILITY} }}')
    for operation, fields in NEEDED.items():
        values = ", ".join(f'"body.{name}" = {inline(value)}' for name, value in fields.items())
        lines += ["[[operations]]", f'include-operation-id = "{operation}"', f"parameters = {{ {values} }}"]
    return "\n".join(lines) + "\n"


def inline(value: Any) -> str:
    """Writes a value as TOML on one line; only objects differ from JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {inline(field)}" for name, field in value.items()) + " }"
    return json.dumps(value)


def furnish(world: World) -> dict[str, list[str]]:
    """Creates one object of each kind. Returns the known values of each field."""
    home = {"org_id": world.bootstrap.org_id, "workspace_id": world.bootstrap.workspace_id}
    admin, agent, other = world.admin, world.new_agent(), world.new_agent()
    owner = "agent://desks/one"
    key = admin.create_service_account_key(other.service_account_id, {})["key"]
    intents = [world.send(agent), world.send_human_task(), world.ask("ann@example.com")]
    desk = admin.send_intent({"intent_type": "intent.desk.v1", "to_agent": owner, "payload": {}})
    tenant = admin.create_organization({"name": "Tenant", "requested_by_actor_id": "ceo@example.com"})["organization"]
    workspace = admin.create_workspace(tenant["org_id"], {"name": "Main", "environment": "sandbox"})["workspace"]
    member = admin.add_organization_member(tenant["org_id"], {"actor_id": "bob@example.com", "role": "member"})
    asked = {"request_type": "join_organization", "requester_actor_id": "eve@example.com", "org_id": tenant["org_id"]}
    request = admin.create_access_request({**asked, "requested_role": "member"})["access_request"]
    principal = admin.create_principal({**home, "principal_type": "service_agent"})["principal"]["principal_id"]
    alias = admin.bind_alias({"principal_id": principal, "alias": "shipping", "alias_type": "service"})["alias"]
    route = admin.register_routing_endpoint(
        {
            "principal_id": principal,
            "transport_type": "http",
            "endpoint_url": "http://127.0.0.1:9/",
            "auth_mode": "none",
        }
    )["route"]
    handle = {"principal_id": principal, "transport_type": "webhook", "transport_handle": "hook"}
    binding = admin.upsert_transport_binding(handle)["binding"]
    delivery = admin.submit_delivery({**home, "principal_id": principal, "payload": {"n": 1}})["delivery"]
    user = admin.register_nick({"nick": "@ann.fuzz"})
    invite = admin.create_invite({"owner_agent": owner})
    file = {"owner_agent": owner, "filename": "a.txt", "mime_type": "text/plain", "size_bytes": 3}
    uploads = [admin.create_media_upload(file)["upload_id"] for _ in range(2)]
    admin.finalize_media_upload({"upload_id": uploads[1], "size_bytes": 3})
    schema = {"semantic_type": "fuzz.orders.checked.v1", "schema_json": {}, "compatibility_mode": "warn"}
    admin.upsert_schema(schema)
    hook = {"callback_url": "http://127.0.0.1:9/", "event_types": ["*"], "owner_agent": owner}
    subscription = admin.upsert_webhook_subscription(hook)["subscription"]
    event = admin.publish_webhook_event({"event_type": "inbox.reply_received", "source": "fuzz", "payload": {}})
    session = _post(world, "/v1/sessions", {})
    _post(world, f"/v1/sessions/{session['session_id']}/messages", {"role": "user", "content": "hello"})
    policy = f"/v1/agents/{other.name}/policy"
    assert world.put(policy, {"policy_type": "denylist"}).status == 200
    entry = _post(world, f"{policy}/entries", {"sender_pattern": "agent://nobody/*"})["entry"]
    macros = world.get("/v1/tool-registry/macros").json["macros"]
    other.client.mesh.heartbeat(metrics={"intents_total": 1})
    return {
        "access_request_id": [request["access_request_id"]],
        "address": [agent.address, other.name],
        "address_id": [agent.address, other.address],
        "alias": ["shipping"],
        "alias_id": [alias["alias_id"]],
        "approval_id": [desk, intents[1], str(uuid4())],
        "binding_id": [binding["binding_id"]],
        "delivery_id": [delivery["delivery_id"]],
        "entry_id": [entry["entry_id"]],
        "event_id": [event["event_id"]],
        "intent_id": [*intents, desk],
        "intent_type": ["intent.fuzz.v1", schema["semantic_type"]],
        "key_id": [key["key_id"]],
        "macro_id": [macro["macro_id"] for macro in macros],
        "member_id": [member["member"]["member_id"]],
        "org_id": [home["org_id"], tenant["org_id"]],
        "owner_agent": [owner, agent.address, user["owner_agent"]],
        "principal_id": [principal],
        "route_id": [route["route_id"]],
        "semantic_type": [schema["semantic_type"]],
        "service_account_id": [other.service_account_id],
        "session_id": [session["session_id"]],
        "subscription_id": [subscription["subscription_id"]],
        "thread_id": [desk, intents[0]],
        "to_agent": [agent.address, owner, "human"],
        "token": [invite["token"]],
        "upload_id": uploads,
        "workspace_id": [home["workspace_id"], workspace["workspace_id"]],
    }


def _post(world: World, path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = world.post(path, json.dumps(body).encode())
    assert reply.status == 200, (path, reply)
    return reply.json


if __name__ == "__main__":
    sys.exit(main())
