"""An MCP server of the Python SDK (PyPI mcp): `python py-server.py [--port N] [--stateless]`.

Speaks both eras; legacy clients get sessions, or none with --stateless.
"""

import asyncio
import json
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel, Field

from loopback import flags, serve

server = MCPServer("py-server", version="1.0.0", instructions="A server of the Python SDK.")


class NameForm(BaseModel):
    name: str = Field(description="Your name.")


@server.tool()
def echo(value: Any) -> str:
    """Returns its argument as JSON."""
    return json.dumps(value)


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two whole numbers of any size."""
    return a + b


@server.tool()
async def count(ctx: Context, to: int = 3) -> str:
    """Counts up, with a progress notification and a log message at each number."""
    for number in range(1, to + 1):
        await ctx.info(f"counted {number}")
        await ctx.report_progress(number, to)
    return f"counted to {to}"


@server.tool()
async def ask_name(ctx: Context) -> str:
    """Asks the user for a name with a form (legacy clients only: the SDK cannot ask modern ones this way)."""
    answer = await ctx.elicit("What is your name?", NameForm)
    return f"Hello, {answer.data.name}" if answer.action == "accept" else answer.action


@server.tool()
async def add_tool(name: str, ctx: Context) -> str:
    """Adds a tool for all clients and tells the modern ones, and the caller's own session."""
    server.add_tool(lambda: f"called {name}", name=name, description="A tool that was added at run time.")
    await ctx.notify_tools_changed()
    await ctx.session.send_tool_list_changed()
    return f"added {name}"


@server.prompt()
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
    parser = flags(__doc__)
    parser.add_argument("--stateless", action="store_true", help="serve legacy clients without sessions")
    args = parser.parse_args()
    asyncio.run(serve(server.streamable_http_app(stateless_http=args.stateless), args.port))
