"""The official Python SDK, first generation, against a server: over HTTP and over stdio, and its tasks.

python_1.py BASE_URL KEY AXME DATA
"""

from __future__ import annotations

import asyncio
import sys

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

BASE_URL, KEY, AXME, DATA = sys.argv[1:]


async def use(session: ClientSession) -> None:
    hello = await session.initialize()
    assert hello.protocolVersion == "2025-11-25" and hello.instructions, hello
    await session.send_ping()
    names = [tool.name for tool in (await session.list_tools()).tools]
    assert "intents_send" in names, names
    sent = await session.call_tool("intents_send", {"intent_type": "x.v1", "to_agent": "nobody", "payload": {}})
    assert not sent.isError and sent.structuredContent["data"]["intent_id"], sent
    refused = await session.call_tool("intents_get", {"intent_id": "nonsense"})
    assert refused.isError, refused
    question = {"title": "Ship it?", "assignees": ["kim@example.com"]}
    task = (await session.experimental.call_tool_as_task("tasks_create", question)).task
    assert task.status == "working", task
    canceled = await session.experimental.cancel_task(task.taskId)
    assert canceled.status == "cancelled", canceled
    known = await session.experimental.list_tasks()
    assert task.taskId in [one.taskId for one in known.tasks], known
    result = await session.experimental.get_task_result(task.taskId, types.CallToolResult)
    assert result.structuredContent["data"]["intent"]["status"] == "CANCELED", result


async def main() -> None:
    async with streamablehttp_client(f"{BASE_URL}/mcp", headers={"x-api-key": KEY}) as (read, write, _):
        async with ClientSession(read, write) as session:
            await use(session)
    async with stdio_client(StdioServerParameters(command=AXME, args=["--data", DATA, "mcp"])) as (read, write):
        async with ClientSession(read, write) as session:
            await use(session)


asyncio.run(main())
print("ok")
