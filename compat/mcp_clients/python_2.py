"""The official Python SDK, second generation, against a server: over HTTP in each revision, and over stdio.

python_2.py BASE_URL KEY AXME DATA
"""

from __future__ import annotations

import asyncio
import sys

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

BASE_URL, KEY, AXME, DATA = sys.argv[1:]


def over_http(path: str = "/mcp") -> object:
    http = httpx2.AsyncClient(headers={"x-api-key": KEY}, timeout=30)
    return streamable_http_client(BASE_URL + path, http_client=http)


async def use(client: Client) -> None:
    tools = (await client.list_tools()).tools
    names = [tool.name for tool in tools]
    assert 15 <= len(names) <= 30 and {"intents_send", "tasks_create"} <= set(names), names
    me = await client.call_tool("whoami", {})
    assert not me.is_error and me.structured_content["data"]["role"] == "workspace_admin", me
    # The client compares every result with the schema of its tool.
    sent = await client.call_tool("intents_send", {"intent_type": "x.v1", "to_agent": "nobody", "payload": {"n": 1}})
    intent = sent.structured_content["data"]["intent_id"]
    seen = await client.call_tool("intents_watch", {"intent_id": intent})
    assert seen.structured_content["data"]["is_ended"] is False, seen
    refused = await client.call_tool("intents_get", {"intent_id": "nonsense"})
    assert refused.is_error and "not_found" in refused.content[0].text, refused
    denied = await client.call_tool("tasks_approve", {"intent_id": intent})
    assert denied.is_error, denied
    try:
        await client.call_tool("nonsense", {})
    except MCPError as error:
        assert error.code == -32602, error
    else:
        raise AssertionError("a tool that does not exist was called")
    resource = await client.read_resource(f"axme://intents/{intent}")
    assert intent in resource.contents[0].text, resource
    prompts = (await client.list_prompts()).prompts
    assert {"review_my_tasks", "what_is_stuck", "ask_somebody"} == {prompt.name for prompt in prompts}, prompts
    canceled = await client.call_tool("intents_cancel", {"intent_id": intent})
    assert not canceled.is_error, canceled


async def main() -> None:
    for mode in ("auto", "legacy", "2026-07-28"):
        async with Client(over_http(), mode=mode) as client:
            await use(client)
            if mode == "legacy":
                await client.send_ping()
    async with Client(over_http("/mcp?tools=official")) as client:
        assert len((await client.list_tools()).tools) == 48
    bridge = StdioServerParameters(command=AXME, args=["--data", DATA, "mcp"])
    for mode in ("auto", "legacy"):
        async with Client(stdio_client(bridge), mode=mode) as client:
            await use(client)


asyncio.run(main())
print("ok")
