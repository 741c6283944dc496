"""Checks OAuth with real clients: they open the pages in Chromium, where a person signs in and chooses what they may do."""

from __future__ import annotations

import json
import tempfile
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from browser import is_accessible
from mcp_checks import CLIENTS, ENVIRONMENTS
from mcp_process import McpProcess
from world import World

ORDER = {
    "title": "Order pens?",
    "form_schema": {
        "type": "object",
        "required": ["count"],
        "properties": {"count": {"type": "integer", "minimum": 1, "maximum": 9}},
    },
}


def fastmcp_signs_a_person_in_who_answers_a_task_in_a_form_of_the_host(world: World) -> None:
    _answer_with_fastmcp(world, "fastmcp", [])


def a_client_is_known_by_its_metadata_document(world: World) -> None:
    documents = world.documents
    assert documents is not None
    uri = "http://localhost/callback"  # the port of a loopback address is free
    described = {"client_name": "Documented", "redirect_uris": [uri], "token_endpoint_auth_method": "none"}
    good = documents.publish("/good.json", described)
    _answer_with_fastmcp(world, f"Documented ({documents.host})", [good])
    # The page is not shown for a document that is absent, speaks of another client, or wants a secret.
    stolen = documents.publish("/stolen.json", described, client_id=good)
    secret = documents.publish("/secret.json", described | {"token_endpoint_auth_method": "client_secret_post"})
    for wrong in (stolen, secret, good.replace("good", "absent")):
        fields = f"response_type=code&client_id={wrong}&redirect_uri={uri}"
        reply = world.get(f"/oauth/authorize?{fields}", {})
        assert reply.status == 400 and "cannot be connected" in reply.text, (wrong, reply)


def the_pages_of_oauth_are_accessible(world: World) -> None:
    person = _member(world)
    uri = "http://127.0.0.1:9/callback"
    metadata = json.dumps({"client_name": "A host", "redirect_uris": [uri]}).encode()
    client = world.post("/oauth/register", metadata, {"Content-Type": "application/json"}).json["client_id"]
    fields = {"response_type": "code", "client_id": client, "redirect_uri": uri, "code_challenge_method": "S256"}
    address = f"{world.server.base_url}/oauth/authorize?{urlencode(fields | {'code_challenge': 'c' * 43})}"
    with world.browser.page(bypass_csp=True, viewport={"width": 390, "height": 844}) as page:
        page.goto(address)
        is_accessible(page, page.title())
        _sign_in(world, page, address, person)
        expect(page.get_by_role("button", name="Allow")).to_be_visible()
        is_accessible(page, page.title())


def mcp_remote_connects_a_host_that_speaks_stdio(world: World) -> None:
    person = _member(world)
    node = ENVIRONMENTS / "node" / "node_modules"
    command = [str(node / "node" / "bin" / "node"), str(node / "mcp-remote" / "dist" / "proxy.js")]
    with tempfile.TemporaryDirectory(prefix="axme-mcp-remote-") as home:
        # Without a browser in the path, the program shows the address.
        settings = {"HOME": home, "MCP_REMOTE_CONFIG_DIR": home, "PATH": home}
        with McpProcess([*command, f"{world.server.base_url}/mcp"], settings) as client:
            address = client.line_with("/oauth/authorize?").strip()
            with world.browser.page() as page:
                _sign_in(world, page, address[address.index("http") :], person)
                page.get_by_role("button", name="Allow").click()
                client.line_with("Proxy established")
            assert client.initialize()["serverInfo"]["name"] == "axme"
            assert "intents_send" in [tool["name"] for tool in client.ask("tools/list", {})["tools"]]
            me = client.ask("tools/call", {"name": "whoami", "arguments": {}})
            assert me["structuredContent"]["data"]["role"] == "member", me


def _answer_with_fastmcp(world: World, name: str, more: list[str]) -> None:
    person, worker = _member(world), world.new_agent()
    raised = {"intent_type": "order.v1", "to_agent": "human", "payload": {}}
    intent = worker.client.send_intent(raised | {"human_task": ORDER | {"assignees": [person]}})
    world.letter(person)
    python = ENVIRONMENTS / "2" / "bin" / "python"
    command = [str(python), str(CLIENTS / "fastmcp_oauth.py"), world.server.base_url, intent, *more]
    with McpProcess(command) as client, world.browser.page(viewport={"width": 390, "height": 844}) as page:
        _sign_in(world, page, client.line_with("open ").removeprefix("open ").strip(), person)
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Connect {name}")
        decide = page.get_by_label("Answer tasks in your name")
        expect(decide).not_to_be_checked()
        decide.check()
        page.get_by_role("button", name="Allow").click()
        client.line_with("ok")
    answer = next(event["details"] for event in world.events(intent) if "answered_by" in event.get("details", {}))
    assert (answer["answered_by"], answer["answered_via"]) == (f"user://{person}", "assistant"), answer
    assert answer["answered_through"]["client"] and answer["answered_through"]["host"], answer


def _member(world: World) -> str:
    person = world.new_person()
    world.admin.add_organization_member(world.bootstrap.org_id, {"actor_id": person, "role": "member"})
    return person


def _sign_in(world: World, page: Page, address: str, person: str) -> None:
    known = len(world.letters(person))
    page.goto(address)
    page.get_by_label("Email address").fill(person)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code from the mail").fill(world.letter(person, known + 1).subject.split(" ")[0])
    page.get_by_role("button", name="Continue").click()
