"""JSON to and from one server: bounded in time and size, tried again where that can help."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import httpx

from pytest_vlm.checkpoint.redaction import HIDDEN, redact
from pytest_vlm.engine.server.address import ApiKey, ServerAddress
from pytest_vlm.engine.server.replies import Unanswered, complaint, printable

CONNECTIONS = 16
LONGEST_REPLY = 16 * 2**20  # bytes
TO_CONNECT = 10.0  # seconds
AGAIN = (408, 425, 429, 502, 503, 504)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        attempts: of one request.
        pause: seconds before the second attempt, twice as long before each further one; up to a
            half more at random, so that many do not come back at once.
        longest_pause: seconds between two attempts; a server that asks for more is given up.
        request: seconds that one attempt may take as a whole; one and a half times as long after
            the first, no other is made.
        token: seconds more for each token that is asked for.
    """

    attempts: int = 4
    pause: float = 1.0
    longest_pause: float = 60.0
    request: float = 300.0
    token: float = 1.0


class ServerRefusal(Exception):
    """The server answered with an error that another attempt will not change.

    Attributes:
        status: of HTTP.
        said: what it said, as one line.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said}".rstrip(": "))
        self.status = status
        self.said = said


@asynccontextmanager
async def connected(
    address: ServerAddress, key: ApiKey, patience: Patience
) -> AsyncIterator[ServerClient]:
    """A client with a pool of connections; nothing is sent yet.

    Redirects are not followed, so that key and pictures go nowhere else. A server on this machine
    is reached without the proxies that the environment names.
    """
    unencrypted_here = address.here and address.base.startswith("http:")
    async with httpx.AsyncClient(
        headers=_headers(key),
        verify=not unencrypted_here,  # reading certificates that nothing needs takes 0.1 s
        follow_redirects=False,
        trust_env=not address.here,
        timeout=httpx.Timeout(None, connect=TO_CONNECT),
        limits=httpx.Limits(max_keepalive_connections=CONNECTIONS),
    ) as http:
        yield ServerClient(http, address.base, key, patience)


class ServerClient:
    """Sends requests to one server, at most `CONNECTIONS` at once."""

    def __init__(self, http: httpx.AsyncClient, base: str, key: ApiKey, patience: Patience) -> None:
        self._http = http
        self._base = base
        self._key = key
        self._patience = patience
        # Not the pool's own limit: the time of a request would run while it waits for room.
        self._room = anyio.CapacityLimiter(CONNECTIONS)

    async def get(self, path: str) -> Any:
        """Parsed JSON; see `post`."""
        return await self._exchange("GET", path, None, tokens=0)

    async def post(self, path: str, body: dict[str, Any], *, tokens: int) -> Any:
        """Parsed JSON of the answer, in which `tokens` tokens may have to be made.

        Raises:
            ServerRefusal: an error or a redirect.
            Unanswered: no answer in any attempt, or one that is no JSON.
        """
        return await self._exchange("POST", path, body, tokens=tokens)

    async def _exchange(self, method: str, path: str, body: Any, *, tokens: int) -> Any:
        limit = self._patience.request + tokens * self._patience.token
        async with self._room:
            content = None if body is None else json.dumps(body).encode()
            last_start = anyio.current_time() + 1.5 * limit
            for attempt in range(1, self._patience.attempts + 1):
                wait = 0.0
                try:
                    with anyio.fail_after(limit):
                        reply, data = await self._send(method, path, content)
                    if reply.status_code not in AGAIN:
                        return self._read(reply, data)
                    problem = str(self._refusal(reply, data))
                    wait = _seconds_asked_for(reply.headers.get("Retry-After", ""))
                except TimeoutError:
                    problem = f"no whole answer within {limit:,.0f} s"
                except httpx.TransportError as error:
                    problem = f"{type(error).__name__}: {self._shown(str(error))}".rstrip(": ")
                if wait > self._patience.longest_pause:
                    problem += f"; it asks to wait {wait:,.0f} s"
                    break
                if attempt == self._patience.attempts or anyio.current_time() > last_start:
                    break
                await anyio.sleep(max(wait, self._pause_after(attempt)))
        times = "attempt" if attempt == 1 else "attempts"
        raise Unanswered(f"no answer in {attempt} {times} ({problem})", silent=True)

    async def _send(
        self, method: str, path: str, content: bytes | None
    ) -> tuple[httpx.Response, bytes]:
        headers = {} if content is None else {"Content-Type": "application/json"}
        data = bytearray()
        url = f"{self._base}{path}"
        async with self._http.stream(method, url, content=content, headers=headers) as reply:
            # Undecoded: nobody asked for compression, and a small body may become a huge one.
            async for chunk in reply.aiter_raw():
                data += chunk
                if len(data) > LONGEST_REPLY:
                    raise Unanswered(
                        f"its answer is longer than {LONGEST_REPLY // 2**20} MiB", silent=True
                    )
        return reply, bytes(data)

    def _read(self, reply: httpx.Response, data: bytes) -> Any:
        if not reply.is_success:
            raise self._refusal(reply, data)
        kind = printable(reply.headers.get("Content-Type", "nothing"), 80)
        compression = reply.headers.get("Content-Encoding", "identity")
        if compression != "identity":
            raise Unanswered(
                f"it answers compressed ({printable(compression, 40)}), unasked", silent=True
            )
        if "json" not in kind.lower():
            problem = f"it answers {kind} and not JSON"
        else:
            try:
                parsed = json.loads(data)
                if not complaint(parsed):
                    return parsed
                problem = f"it answers {reply.status_code} with an error"
            except RecursionError:
                problem = "its JSON is nested too deeply"
            except ValueError as error:
                problem = f"its JSON is broken ({printable(str(error))})"
        said = self._shown(data[:2000].decode(errors="replace"))
        raise Unanswered(f"{problem}: {said}", silent=True)

    def _refusal(self, reply: httpx.Response, data: bytes) -> ServerRefusal:
        if reply.has_redirect_location:
            return ServerRefusal(reply.status_code, self._shown(reply.headers["Location"]))
        said = ""
        with suppress(ValueError, RecursionError):
            said = complaint(json.loads(data))
        text = said or data[:2000].decode(errors="replace") or reply.reason_phrase
        return ServerRefusal(reply.status_code, self._shown(text))

    def _shown(self, text: str) -> str:
        """What the server said, without the key that it may have repeated."""
        if self._key.secret:
            text = text.replace(self._key.secret, HIDDEN)
        return printable(redact(text))

    def _pause_after(self, attempt: int) -> float:
        pause = self._patience.pause * 2 ** (attempt - 1) * random.uniform(1, 1.5)
        return float(min(pause, self._patience.longest_pause))


def _headers(key: ApiKey) -> dict[str, str]:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if key.secret:
        headers["Authorization"] = f"Bearer {key.secret}"
    return headers


def _seconds_asked_for(header: str) -> float:
    """Of ``Retry-After``: a number of seconds or a date; 0 where it is neither."""
    if header.strip().isdecimal():
        return float(header[:9])
    try:
        when = parsedate_to_datetime(header)
    except (ValueError, IndexError):
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
