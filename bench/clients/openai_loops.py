"""The bare loops: raw aiohttp, `openai.post` on aiohttp, `openai .create`. They keep nothing.

Usage: python openai_loops.py KIND BASE_URL COUNT QUESTIONS
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from answer import IN_FLIGHT, Answer, questions

Ask = Callable[[dict[str, Any]], Awaitable[None]]


def read(content: bytes) -> None:
    """Read an answer out of a whole reply."""
    from pydantic_core import from_json

    Answer.model_validate_json(from_json(content)["choices"][0]["message"]["content"])


def raw(base_url: str) -> tuple[AbstractAsyncContextManager[Any], Ask]:
    """Ask with aiohttp alone."""
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def ask(body: dict[str, Any]) -> None:
        async with session.post(f"{base_url}/chat/completions", json=body) as reply:
            read(await reply.read())

    return session, ask


def post(base_url: str) -> tuple[AbstractAsyncContextManager[Any], Ask]:
    """Ask by the quickest way that AsyncOpenAI has: `post`, the raw response, on aiohttp."""
    import httpx2
    import openai

    client = openai.AsyncOpenAI(
        base_url=base_url,
        api_key="mock",
        max_retries=0,
        http_client=openai.DefaultAioHttpClient(),
    )

    async def ask(body: dict[str, Any]) -> None:
        reply = await client.post("/chat/completions", body=body, cast_to=httpx2.Response)
        read(reply.content)

    return client, ask


def create(base_url: str) -> tuple[AbstractAsyncContextManager[Any], Ask]:
    """Ask as the manual of AsyncOpenAI shows it."""
    import openai

    client = openai.AsyncOpenAI(base_url=base_url, api_key="mock", max_retries=0)

    async def ask(body: dict[str, Any]) -> None:
        reply = await client.chat.completions.create(**body)
        Answer.model_validate_json(reply.choices[0].message.content or "")

    return client, ask


LOOPS = {"raw": raw, "post": post, "create": create}


async def ask_all(kind: str, base_url: str, count: int, file: Path) -> int:
    """Ask so many questions, IN_FLIGHT at a time; returns how many answers were read."""
    client, ask = LOOPS[kind](base_url)
    schema = {"name": "verdict", "strict": True, "schema": Answer.model_json_schema()}
    waiting, done = questions(file, count), 0

    async def worker() -> None:
        nonlocal done
        for rules, question in waiting:
            messages = [
                {"role": "system", "content": rules},
                {"role": "user", "content": question},
            ]
            body = {"model": "mock-1", "messages": messages, "temperature": 0.7, "max_tokens": 1500}
            form = {"type": "json_schema", "json_schema": schema}
            await ask(body | {"response_format": form})
            done += 1

    async with client:
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return done


if __name__ == "__main__":
    _, kind, base_url, count, file = sys.argv
    print(json.dumps({"answers": asyncio.run(ask_all(kind, base_url, int(count), Path(file)))}))
