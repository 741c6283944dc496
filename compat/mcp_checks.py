"""Checks the Model Context Protocol with the official clients, each in a process and an environment of its own, and a
task of a person that a host follows across a restart."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import httpx

from form import Page
from mail_server import Letter
from mcp_process import McpProcess
from world import World, until

CLIENTS = Path(__file__).parent / "mcp_clients"
CONNECTORS = Path(__file__).parent.parent / "docs" / "connectors"
ENVIRONMENTS = Path(__file__).parent.parent / ".venv-mcp"
SECONDS_OF_A_CLIENT = 120


def the_second_generation_of_the_python_client_works(world: World) -> None:
    _run_python(world, "python_2", ENVIRONMENTS / "2")


def the_first_generation_of_the_python_client_works(world: World) -> None:
    _run_python(world, "python_1", ENVIRONMENTS / "1")


def both_generations_of_the_typescript_client_work(world: World) -> None:
    node = ENVIRONMENTS / "node" / "node_modules" / "node" / "bin" / "node"
    assert node.exists(), f"{node} is missing: ./test makes it"
    script = ENVIRONMENTS / "node" / "typescript.mjs"
    # A script finds its packages beside itself.
    shutil.copy(CLIENTS / "typescript.mjs", script)
    _run([str(node), str(script), world.server.base_url, world.key])


def a_host_follows_the_approval_of_a_scenario_across_a_restart(world: World) -> None:
    person = world.new_person()
    worker = world.new_agent()
    bundle = {
        "scenario_id": "deploy.v1",
        "agents": [{"role": "deployer", "address": worker.address}],
        "humans": [{"role": "lead", "contact": person}],
        "workflow": {
            "steps": [
                {"step_id": "approve", "assigned_to": "lead", "runtime_type": "human_approval"},
                {"step_id": "deploy", "assigned_to": "deployer"},
            ]
        },
        "intent": {"type": "deploy.v1", "payload": {"service": "billing"}},
    }
    call = {"name": "scenarios_apply", "arguments": {"bundle": bundle}, "task": {"ttl": 86_400_000}}
    task = _rpc(world, "tools/call", call)["task"]
    assert task["status"] == "working", task
    handle = {"taskId": task["taskId"]}
    letter = world.letter(person)

    world.server.stop()
    world.server.start()
    assert _rpc(world, "tasks/get", handle)["status"] == "working"
    Page.opened(letter.link).press("Approve").press("Confirm: Approve")
    step = until("the step is delivered", lambda: _delivered(world, worker.key))
    worker.client.resume_intent(step, {"action": "complete", "deployed": True})
    until("the task is completed", lambda: _rpc(world, "tasks/get", handle)["status"] == "completed")
    result = _rpc(world, "tasks/result", handle)
    intent = result["structuredContent"]["data"]["intent"]
    assert intent["status"] == "COMPLETED" and intent["result"]["deployed"] is True, intent


def every_configuration_that_install_writes_starts_a_server(world: World) -> None:
    for host in ("claude-desktop", "claude-code", "cursor", "vscode", "gemini", "windsurf"):
        with tempfile.TemporaryDirectory(prefix="axme-host-") as home:
            file = Path(home, "settings.json")
            file.write_text('{"theme": "dark"}')
            install = [str(world.server.axme), "--data", str(world.server.data), "mcp", "install", host, "--file", str(file)]
            subprocess.run(install, check=True, capture_output=True, env={"HOME": home})
            written = json.loads(file.read_text())
            assert written["theme"] == "dark", written
            entry = written["servers" if host == "vscode" else "mcpServers"]["axme"]
            with McpProcess([entry["command"], *entry["args"]], {"HOME": home}) as bridge:
                assert bridge.initialize()["serverInfo"]["name"] == "axme", host
                assert bridge.ask("tools/list", {})["tools"], host


def the_program_of_the_page_on_agents_asks_a_person(world: World) -> None:
    page = (CONNECTORS / "agents.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    person, agent = world.new_person(), world.new_agent()
    settings = {"AXME_API_KEY": agent.key, "AXME_BASE_URL": world.server.base_url, "PERSON": person}
    with McpProcess([str(ENVIRONMENTS / "2" / "bin" / "python"), "-c", program], settings) as client:
        Page.opened(world.letter(person).link).press("Approve").press("Confirm: Approve")
        client.line_with("approved")


def a_scripted_assistant_asks_for_permission_in_a_scenario(world: World) -> None:
    person, worker = world.new_person(), world.new_agent()
    bundle = json.loads((CONNECTORS / "permission.scenario.json").read_text())
    bundle["agents"][0]["address"] = worker.address
    bundle["humans"][0]["contact"] = person
    intent = world.admin.apply_scenario(bundle)["intent_id"]
    Page.opened(world.letter(person).link).press("Approve").press("Confirm: Approve")
    step = until("the step is delivered", lambda: _delivered(world, worker.key))
    bridge = [str(world.server.axme), "mcp", "--tools", "default,permission", "--approvers", person]
    settings = {"AXME_API_KEY": worker.key, "AXME_BASE_URL": world.server.base_url}
    with tempfile.TemporaryDirectory(prefix="axme-host-") as home, McpProcess(bridge, settings | {"HOME": home}) as host:
        host.initialize()
        for button, behavior in (("Reject", "deny"), ("Approve", "allow")):
            command = {"command": f"deploy billing, then {behavior}"}
            wanted = {"tool_name": "Bash", "input": command, "tool_use_id": f"call-{behavior}"}
            asked = host.begin("tools/call", {"name": "permission_prompt", "arguments": wanted})
            letter = until("the person is mailed", lambda: _letter_with(world, person, str(command["command"])))
            assert "May the assistant run Bash?" in letter.subject, letter.subject
            Page.opened(letter.link).press(button, comment="look first").press(f"Confirm: {button}")
            said = json.loads(host.result_of(asked)["content"][0]["text"])
            expected = {"updatedInput": command} if behavior == "allow" else {"message": "look first"}
            assert said == {"behavior": behavior} | expected, said
    worker.client.resume_intent(step, {"action": "complete", "deployed": True})
    assert world.outcome(intent)["status"] == "COMPLETED"


def _letter_with(world: World, person: str, text: str) -> Letter | None:
    return next((letter for letter in world.mail.letters(person) if text in letter.text), None)


def _delivered(world: World, key: str) -> str | None:
    listed = httpx.get(f"{world.server.base_url}/v1/intents", headers={"x-api-key": key}).json()["intents"]
    found = [intent["intent_id"] for intent in listed if intent["status"] == "DELIVERED"]
    if found:
        return found[0]
    tasks = httpx.get(
        f"{world.server.base_url}/v1/agents/{_address(world, key)}/intents/stream?since=0&wait_seconds=1",
        headers={"x-api-key": key},
    )
    for line in tasks.text.splitlines():
        if line.startswith("data:") and "intent_id" in line:
            return str(json.loads(line[5:])["intent_id"])
    return None


def _address(world: World, key: str) -> str:
    return str(httpx.get(f"{world.server.base_url}/v1/me", headers={"x-api-key": key}).json()["address"])[8:]


def _rpc(world: World, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Sends a request as a host of revision 2025-11-25, which has tasks."""
    answer = httpx.post(
        f"{world.server.base_url}/mcp",
        headers={
            "x-api-key": world.key,
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2025-11-25",
        },
        json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
        timeout=60,
    ).json()
    assert "error" not in answer, answer
    return dict(answer["result"])


def _run_python(world: World, script: str, environment: Path) -> None:
    python = environment / "bin" / "python"
    assert python.exists(), f"{python} is missing: ./test makes it"
    server = world.server
    _run([str(python), str(CLIENTS / f"{script}.py"), server.base_url, world.key, str(server.axme), str(server.data)])


def _run(command: list[str]) -> None:
    # Settings of the caller's shell must not reach the bridge.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AXME_")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS_OF_A_CLIENT, env=environment, check=False
    )
    assert done.returncode == 0 and done.stdout.endswith("ok\n"), f"{done.stdout[-2000:]}{done.stderr[-6000:]}"
