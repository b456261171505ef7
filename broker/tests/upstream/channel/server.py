"""An MCP server on standard streams that misbehaves on request.

Flags: modern, both, silent (never answers), mute-to-modern (never answers server/discover), refuse (ends at once), stubborn (ends
by force only), family (starts a child that ignores the end of its input), curious (asks for roots at once).
"""

import json
import os
import signal
import subprocess
import sys

flags = set(sys.argv[1:])
calls = {}
cancelled = []
subscribed = []
answers = []
asked = None


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def tell(method, params=None):
    send({"method": method, **({"params": params} if params is not None else {})})


def answer(request, text):
    send({"id": request["id"], "result": {"content": [{"type": "text", "text": text}], "resultType": "complete"}})


def call(request, line):
    global asked
    params = request["params"]
    name, arguments = params["name"], params.get("arguments", {})
    calls.setdefault(name, []).append(request["id"])
    if name == "echo":
        answer(request, line)
    elif name == "progress":
        token = params["_meta"]["progressToken"]
        for progress in (1, 2):
            tell("notifications/progress", {"progressToken": token, "progress": progress})
        answer(request, "done")
        tell("notifications/progress", {"progressToken": token, "progress": 3})
    elif name == "ask":
        asked = request
        send({"id": "e1", "method": "elicitation/create", "params": {"message": "m"}})
    elif name == "log":
        tell("notifications/message", {"level": "info", "data": arguments.get("data")})
        answer(request, "done")
    elif name == "hold":
        pass
    elif name == "seen":
        answer(request, json.dumps({"calls": calls, "cancelled": cancelled, "subscribed": subscribed, "answers": answers}))
    elif name == "pid":
        answer(request, str(os.getpid()))
    elif name == "die":
        sys.exit(3)
    elif name == "flood":
        for number in range(arguments["count"]):
            tell("notifications/message", {"level": "info", "data": "x" * 1000})
        answer(request, "done")
    elif name == "garbage":
        sys.stdout.write("no JSON\n\x1b[31m\n[]\n{}\n" + "y" * 100000 + "\n")
        sys.stderr.write("z" * 100000 + "\n")
        answer(request, "done")
    elif name == "batch":
        batch = [{"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "b"}},
                 {"jsonrpc": "2.0", "id": request["id"], "result": {"content": []}}]
        sys.stdout.write(json.dumps(batch) + "\n")
        sys.stdout.flush()
    elif name == "change":
        tell("notifications/tools/list_changed")
        tell("notifications/resources/updated", {"uri": "doc:a/part"})
        answer(request, "done")
    else:
        send({"id": request["id"], "error": {"code": -32602, "message": "Unknown tool"}})


def request(message, line):
    method = message["method"]
    result = {"resultType": "complete"}
    if "silent" in flags:
        return
    if method == "initialize":
        if "modern" in flags:
            return send({"id": message["id"], "error": {"code": -32022, "message": "no", "data": {"supported": []}}})
        result = {
            "protocolVersion": "2025-06-18",
            "serverInfo": {"name": "s", "version": "1"},
            "capabilities": {"tools": {"listChanged": True}, "resources": {"subscribe": True}},
        }
        if message["params"]["capabilities"]:
            result["instructions"] = json.dumps(message["params"]["capabilities"])
    elif method == "server/discover":
        if "mute-to-modern" in flags:
            return
        if not flags & {"modern", "both"}:
            return send({"id": message["id"], "error": {"code": -32601, "message": "what?"}})
        result.update(supportedVersions=["2026-07-28"], capabilities={"tools": {"listChanged": True}})
    elif method == "tools/list":
        tool = {"name": f"echo{len(calls.get('change', []))}", "inputSchema": {"type": "object"}}
        result.update(tools=[tool])
    elif method == "tools/call":
        return call(message, line)
    elif method == "resources/list":
        result.update(resources=[])
    elif method == "resources/templates/list":
        result.update(resourceTemplates=[])
    elif method in ("resources/subscribe", "resources/unsubscribe"):
        subscribed.append([method, message["params"]["uri"]])
    elif method == "subscriptions/listen":
        meta = {"io.modelcontextprotocol/subscriptionId": message["id"]}
        granted = {"_meta": meta, "notifications": message["params"]["notifications"]}
        return tell("notifications/subscriptions/acknowledged", granted)
    elif method != "ping":
        return send({"id": message["id"], "error": {"code": -32601, "message": "what?"}})
    send({"id": message["id"], "result": result})


if "refuse" in flags:
    sys.exit(7)
if "stubborn" in flags:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "family" in flags:
    child = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
    sys.stderr.write(f"child {child.pid}\n")
sys.stderr.write("begun\n")
sys.stderr.flush()
for line in sys.stdin:
    message = json.loads(line)
    if "method" in message and "id" in message:
        request(message, line)
    elif message.get("method") == "notifications/cancelled":
        cancelled.append(message["params"]["requestId"])
    elif "curious" in flags and message.get("method") == "notifications/initialized":
        send({"id": "e0", "method": "roots/list"})
    elif message.get("id") == "e0":
        answers.append(message)
    elif message.get("id") == "e1":
        answer(asked, json.dumps(message.get("result", message.get("error"))))
while "stubborn" in flags:
    signal.pause()
