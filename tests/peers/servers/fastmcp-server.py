"""An MCP server of PyPI fastmcp: `python fastmcp-server.py [--port N]`. Speaks both eras, legacy clients with sessions."""

import asyncio
import json
from typing import Any

from fastmcp import Context, FastMCP

from loopback import flags, serve

server = FastMCP("fastmcp-server", version="1.0.0", instructions="A server of fastmcp.")


@server.tool
def echo(value: Any) -> str:
    """Returns its argument as JSON."""
    return json.dumps(value)


@server.tool
async def count(ctx: Context, to: int = 3) -> str:
    """Counts up, with a progress notification and a log message at each number."""
    for number in range(1, to + 1):
        await ctx.info(f"counted {number}")
        await ctx.report_progress(number, to)
    return f"counted to {to}"


@server.prompt
def greet(name: str) -> str:
    """Greets somebody."""
    return f"Greet {name}."


@server.resource("doc://readme", mime_type="text/plain")
def readme() -> str:
    """A text."""
    return "Read me."


@server.resource("doc://items/{item_id}", mime_type="text/plain")
def item(item_id: str) -> str:
    """An item by its id."""
    return f"Item {item_id}"


if __name__ == "__main__":
    args = flags(__doc__).parse_args()
    asyncio.run(serve(server.http_app(path="/mcp"), args.port))
