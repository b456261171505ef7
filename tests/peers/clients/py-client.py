"""The client of the Python SDK, driven by a plan: `python py-client.py --url URL --era legacy|modern [--plan JSON]`.

A URL that ends with /sse is spoken to over HTTP+SSE of 2024-11-05, any other over Streamable HTTP.
The plan and the document that it prints are described in ../README.md.
"""

import argparse
import asyncio
import json
import sys
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from pydantic import BaseModel

MODERN = "2026-07-28"

# Logging is deprecated in 2026-07-28; servers of every revision still use it.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning)


def plain(value: BaseModel) -> dict[str, Any]:
    """The value under the names that it has on the wire."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


def fill(schema: dict[str, Any]) -> dict[str, Any]:
    """An answer to every field that the form requires, fixed by the field's type."""

    def fixed(field: dict[str, Any]) -> Any:
        if "enum" in field:
            return field["enum"][0]
        if "oneOf" in field:
            return field["oneOf"][0]["const"]
        return {"boolean": True, "integer": 7, "number": 7}.get(field.get("type", ""), "blue")

    return {name: fixed(schema["properties"][name]) for name in schema.get("required", [])}


class Run:
    def __init__(self, url: str, era: str, plan: dict[str, Any]) -> None:
        self.url, self.modern, self.plan = url, era == "modern", plan
        self.timeout = plan.get("timeoutMs", 20_000) / 1000
        self.failures: list[str] = []
        self.arrival = asyncio.Event()
        self.get_answered = asyncio.Event()
        self.has_session = False
        self.seen: dict[str, Any] = {"client": "python", "era": era}
        for name in ("called", "got", "read", "elicited", "notifications"):
            self.seen[name] = []

    def note(self, method: str, params: Any) -> None:
        self.seen["notifications"].append({"method": method, "params": params})
        self.arrival.set()

    async def on_message(self, message: types.ServerNotification | Exception) -> None:
        if not isinstance(message, Exception) and message.method != "notifications/progress":
            self.note(message.method, plain(message.params) if message.params else None)

    async def on_progress(self, progress: float, total: float | None, message: str | None) -> None:
        params = {"progress": progress, "total": total, "message": message}
        self.note("notifications/progress", {key: value for key, value in params.items() if value is not None})

    async def on_elicit(self, _context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        asked = plain(params)
        self.seen["elicited"].append(asked)
        content = fill(asked["requestedSchema"]) if "requestedSchema" in asked else None
        answer = self.plan.get("elicit") or {"action": "accept", "content": content}
        return types.ElicitResult(**answer)

    async def on_response(self, response: httpx2.Response) -> None:
        if response.request.method == "GET":
            self.get_answered.set()
        self.has_session = self.has_session or "mcp-session-id" in response.headers

    def count(self, method: str | None) -> int:
        return sum(each["method"] == method for each in self.seen["notifications"])

    async def wait_for(self, method: str, times: int = 1) -> None:
        async def arrived() -> None:
            while self.count(method) < times:
                self.arrival.clear()
                await self.arrival.wait()

        try:
            await asyncio.wait_for(arrived(), self.timeout)
        except TimeoutError:
            raise TimeoutError(f"timed out: not {times} of {method} came") from None

    async def step(self, kept: list[Any], wanted: dict[str, Any], run: Callable[[], Awaitable[BaseModel]]) -> None:
        """Runs one step of the plan; what it gives, or its error, is kept."""
        awaited = wanted.get("waitFor")
        before = self.count(awaited)
        try:
            result = await asyncio.wait_for(run(), self.timeout)
            kept.append({**wanted, "result": plain(result)})
            if awaited:
                await self.wait_for(awaited, before + 1)
        except (MCPError, TimeoutError, ValueError, RuntimeError) as error:
            told = plain(error.error) if isinstance(error, MCPError) else {"message": repr(error)}
            kept.append({**wanted, "error": told})
            if not wanted.get("mayFail"):
                self.failures.append(f"{json.dumps(wanted)}: {told['message']}")

    @staticmethod
    async def pages(ask: Callable[..., Awaitable[Any]], items: str) -> list[dict[str, Any]]:
        found, cursor = [], None
        while True:
            page = await ask(cursor=cursor)
            found += [plain(item) for item in getattr(page, items)]
            cursor = page.next_cursor
            if cursor is None:
                return found

    async def listen(self, client: Client, stack: AsyncExitStack) -> None:
        capabilities = client.server_capabilities
        wanted = {
            "tools_list_changed": bool(capabilities.tools and capabilities.tools.list_changed),
            "prompts_list_changed": bool(capabilities.prompts and capabilities.prompts.list_changed),
            "resources_list_changed": bool(capabilities.resources and capabilities.resources.list_changed),
        }
        if any(wanted.values()):
            subscription = await stack.enter_async_context(client.listen(**wanted))
            self.seen["honoredFilter"] = plain(subscription.honored)

    async def execute(self) -> None:
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(
                httpx2.AsyncClient(timeout=self.timeout, event_hooks={"response": [self.on_response]})
            )
            over_sse = self.url.endswith("/sse")
            client = Client(
                sse_client(self.url) if over_sse else streamable_http_client(self.url, http_client=http),
                mode=MODERN if self.modern else "legacy",
                elicitation_callback=self.on_elicit,
                message_handler=self.on_message,
                log_level="debug",
                read_timeout_seconds=self.timeout,
                cache=None,
            )
            await stack.enter_async_context(client)
            if self.modern:
                # A pinned client knows nothing of the server until it asks.
                discovered = await client.session.send_discover(MODERN)
                client.session.adopt(types.DiscoverResult.model_validate(discovered))
                await self.listen(client, stack)
            else:
                if self.has_session:
                    await asyncio.wait_for(self.get_answered.wait(), self.timeout)
                if client.server_capabilities.logging is not None:
                    await client.set_logging_level("debug")
            await self.follow_plan(client)

    async def follow_plan(self, client: Client) -> None:
        seen, capabilities = self.seen, client.server_capabilities
        seen["protocolVersion"] = client.protocol_version
        seen["serverInfo"] = plain(client.server_info) if client.server_info else None
        seen["capabilities"] = plain(capabilities)
        seen["instructions"] = client.instructions
        if capabilities.tools is not None:
            seen["tools"] = await self.pages(client.list_tools, "tools")
        if capabilities.prompts is not None:
            seen["prompts"] = await self.pages(client.list_prompts, "prompts")
        if capabilities.resources is not None:
            seen["resources"] = await self.pages(client.list_resources, "resources")
            seen["resourceTemplates"] = await self.pages(client.list_resource_templates, "resource_templates")
        for wanted in self.plan.get("call", []):
            name, arguments = wanted["name"], wanted.get("arguments")
            await self.step(
                seen["called"],
                wanted,
                lambda name=name, arguments=arguments: client.call_tool(
                    name, arguments, progress_callback=self.on_progress
                ),
            )
        for wanted in self.plan.get("get", []):
            name, arguments = wanted["name"], wanted.get("arguments")
            await self.step(
                seen["got"], wanted, lambda name=name, arguments=arguments: client.get_prompt(name, arguments)
            )
        for wanted in self.plan.get("read", []):
            wanted = {"uri": wanted} if isinstance(wanted, str) else wanted
            await self.step(seen["read"], wanted, lambda uri=wanted["uri"]: client.read_resource(uri))
        for wanted in self.plan.get("waitFor", []):
            await self.wait_for(**({"method": wanted} if isinstance(wanted, str) else wanted))


def reasons(error: BaseException) -> list[str]:
    """What went wrong, without the task groups around it."""
    if isinstance(error, BaseExceptionGroup):
        return [reason for inner in error.exceptions for reason in reasons(inner)]
    return [f"{type(error).__name__}: {error}"]


async def main() -> int:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--url", required=True)
    flags.add_argument("--era", required=True, choices=["legacy", "modern"])
    flags.add_argument("--plan", type=json.loads, default={}, metavar="JSON")
    args = flags.parse_args()
    run = Run(args.url, args.era, args.plan)
    try:
        await run.execute()
    except Exception as error:
        run.failures += reasons(error)
    print(json.dumps({**run.seen, "failures": run.failures}))
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
