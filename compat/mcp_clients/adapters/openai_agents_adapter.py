"""OpenAI Agents: loads every tool with strict schemas where they can be strict, and calls two.

openai_agents_adapter.py BASE_URL KEY
"""

from __future__ import annotations

import asyncio
import sys

from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStreamableHttp, MCPUtil

BASE_URL, KEY = sys.argv[1:]


async def main() -> None:
    params = {"url": f"{BASE_URL}/mcp?tools=all", "headers": {"x-api-key": KEY}, "timeout": 30}
    async with MCPServerStreamableHttp(params=params, client_session_timeout_seconds=30) as server:
        context = RunContextWrapper(context=None)
        for strict in (False, True):
            tools = await MCPUtil.get_all_function_tools([server], strict, context, Agent(name="compat"))
            assert len(tools) > 100, len(tools)
        sent = await server.call_tool("intents_send", {"intent_type": "x.v1", "to_agent": "nobody", "payload": {"n": 1}})
        assert "intent_id" in str(sent), sent
        refused = await server.call_tool("intents_get", {"intent_id": "nonsense"})
        assert "not_found" in str(refused), refused


asyncio.run(main())
print("ok")
