"""CrewAI: loads every tool, and calls two.

crewai_adapter.py BASE_URL KEY
"""

from __future__ import annotations

import os
import sys

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "CREWAI_TRACING_ENABLED": "false"}

from crewai_tools import MCPServerAdapter  # noqa: E402

BASE_URL, KEY = sys.argv[1:]

place = {"url": f"{BASE_URL}/mcp?tools=all", "transport": "streamable-http", "headers": {"x-api-key": KEY}}
with MCPServerAdapter(place) as loaded:
    tools = {tool.name: tool for tool in loaded}
    assert len(tools) > 100, len(tools)
    sent = tools["intents_send"].run(intent_type="x.v1", to_agent="nobody", payload={"n": 1})
    assert "intent_id" in str(sent), sent
    refused = tools["intents_get"].run(intent_id="nonsense")
    assert "not_found" in str(refused), refused
print("ok")
