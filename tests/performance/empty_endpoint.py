"""The baseline of HTTP: FastAPI endpoints that only validate the same bodies."""

import sys

import uvicorn
import uvloop
from fastapi import FastAPI

from services.wishes.request.api import AcceptBody, ReceiveBody
from shared.kit.serving import Server
from tests.performance.children import say, task_of
from tests.performance.measuring import settle_garbage

_PATH = "/api/wishes/v1/communities/{scope}/requests"

app = FastAPI()


@app.post(_PATH, status_code=201)
async def receive(scope: str, body: ReceiveBody) -> dict[str, str]:
    return {"scope": scope}


@app.post(_PATH + "/{request}/acceptance")
async def accept(scope: str, request: str, body: AcceptBody) -> dict[str, str]:
    return {"scope": scope}


async def serve(port: int) -> None:
    config = uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off")
    settle_garbage()
    say("ready")
    await Server(config).serve()


if __name__ == "__main__":
    uvloop.run(serve(task_of(sys.argv)["port"]))
