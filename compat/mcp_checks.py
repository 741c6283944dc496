"""Checks the Model Context Protocol with the official clients, each in a process and an environment of its own, and a
task of a person that a host follows across a restart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx

from form import Page
from world import World, until

CLIENTS = Path(__file__).parent / "mcp_clients"
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
