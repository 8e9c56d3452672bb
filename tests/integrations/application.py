"""A FastAPI application behind the middleware, as a program of its own (uvicorn is not needed)."""

import json
import os
import sys
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from granian.constants import Interfaces, Loops
from granian.server.mp import MPServer

from bailiwick import BailiwickMiddleware


def make() -> FastAPI:
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/v1/messages")
    async def messages(request: Request) -> dict[str, Any]:
        headers = {
            name: value for name, value in request.headers.items() if name.startswith("x-mod")
        }
        return {"seen": json.loads(await request.body()), "headers": headers}

    @app.post("/other")
    async def other() -> dict[str, bool]:
        return {"reached": True}

    for path in ("/ws", "/ws-open"):

        @app.websocket(path)
        async def echo(socket: WebSocket) -> None:
            await socket.accept()
            await socket.send_text("hello")
            await socket.close()

    app.add_middleware(
        BailiwickMiddleware,
        config=os.environ["BAILIWICK_CONFIG"],
        open_paths=["/healthz", "/ws-open"],
        websockets=True,
    )
    return app


if __name__ == "__main__":
    MPServer(
        "application:make", factory=True, address="127.0.0.1", port=int(sys.argv[1]),
        interface=Interfaces.ASGI, loop=Loops.asyncio, websockets=True,
    ).serve()  # fmt: skip
