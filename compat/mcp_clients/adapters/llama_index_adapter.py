"""LlamaIndex: loads every tool, and calls two.

llama_index_adapter.py BASE_URL KEY
"""

from __future__ import annotations

import asyncio
import sys

from llama_index.tools.mcp import BasicMCPClient, McpToolSpec

BASE_URL, KEY = sys.argv[1:]


async def main() -> None:
    client = BasicMCPClient(f"{BASE_URL}/mcp?tools=all", headers={"x-api-key": KEY})
    tools = {tool.metadata.name: tool for tool in await McpToolSpec(client=client).to_tool_list_async()}
    assert len(tools) > 100, len(tools)
    sent = await tools["intents_send"].acall(intent_type="x.v1", to_agent="nobody", payload={"n": 1})
    assert "intent_id" in str(sent.raw_output), sent
    refused = await tools["intents_get"].acall(intent_id="nonsense")
    assert "not_found" in str(refused.raw_output), refused


asyncio.run(main())
print("ok")
