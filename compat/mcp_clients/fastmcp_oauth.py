"""fastmcp signs a person in with OAuth, and the person answers a task in a form of the host.

fastmcp_oauth.py BASE_URL INTENT_ID [METADATA_URL]

Prints the address that a browser has to open, and "ok" at the end. With METADATA_URL, the client does not register: its
id is the address of the document that describes it.
"""

from __future__ import annotations

import asyncio
import sys
import webbrowser
from typing import Any

from fastmcp import Client
from fastmcp.client.auth import OAuth
from fastmcp.client.elicitation import ElicitResult

BASE_URL, INTENT_ID, *METADATA_URL = sys.argv[1:]


def told(url: str, *_: Any) -> bool:
    print(f"open {url}", flush=True)
    return True


webbrowser.open = told


async def fill_in(message: str, _response_type: Any, params: Any, _context: Any) -> ElicitResult:
    assert "Order pens?" in message and "asks for your approval" in message, message
    assert "count" in params.requested_schema["properties"], params
    # The first answer lacks what the task requires. The server asks again, and says why.
    content = {"outcome": "approved", "count": 3} if message.startswith("Not recorded") else {"outcome": "approved"}
    return ElicitResult(action="accept", content=content)


async def main() -> None:
    auth = OAuth(client_name="fastmcp", client_metadata_url=METADATA_URL[0] if METADATA_URL else None)
    async with Client(f"{BASE_URL}/mcp", auth=auth, elicitation_handler=fill_in) as client:
        names = [tool.name for tool in await client.list_tools()]
        assert "tasks_answer" in names, names
        done = await client.call_tool("tasks_answer", {"intent_id": INTENT_ID})
        assert done.structured_content["data"]["intent"]["status"] == "COMPLETED", done


asyncio.run(main())
print("ok")
