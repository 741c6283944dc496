"""LangChain for Python: loads every tool, and calls two.

langchain_adapter.py BASE_URL KEY
"""

from __future__ import annotations

import asyncio
import sys

from langchain_core.tools import ToolException
from langchain_mcp_adapters.client import MultiServerMCPClient

BASE_URL, KEY = sys.argv[1:]


async def main() -> None:
    connection = {"transport": "streamable_http", "url": f"{BASE_URL}/mcp?tools=all", "headers": {"x-api-key": KEY}}
    tools = {tool.name: tool for tool in await MultiServerMCPClient({"axme": connection}).get_tools()}
    assert len(tools) > 100, len(tools)
    sent = await tools["intents_send"].ainvoke({"intent_type": "x.v1", "to_agent": "nobody", "payload": {"n": 1}})
    assert "intent_id" in str(sent), sent
    try:
        refused = str(await tools["intents_get"].ainvoke({"intent_id": "nonsense"}))
    except ToolException as error:
        refused = str(error)
    assert "not_found" in refused, refused


asyncio.run(main())
print("ok")
