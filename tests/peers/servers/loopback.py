"""Serves an ASGI application on loopback until SIGINT or SIGTERM."""

import argparse
import asyncio
import contextlib
import signal
import socket
from typing import Any

import uvicorn


class Server(uvicorn.Server):
    """Ends with 0 on a signal, where uvicorn would send the signal to itself again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, setattr, self, "should_exit", True)
        yield


def flags(description: str | None) -> argparse.ArgumentParser:
    """The flags that every server has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    return parser


async def serve(app: Any, port: int) -> None:
    """Says `listening on http://127.0.0.1:PORT/mcp` on stdout once connections are accepted."""
    listener = socket.create_server(("127.0.0.1", port))
    # Streams stay open until their client leaves; a stop does not wait for that.
    server = Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    await serving
