"""Logging in to a desk that others can reach: its token, the sessions, and wrong guesses."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from panel.desk.forms import read_form
from panel.desk.own_user import UserOf
from panel.errors import UsageError
from panel.readers.community.networks import networks_of
from panel.readers.serve.limits import Bound, VisitLimiter
from panel.readers.serve.proxies import connected
from panel.readers.serve.visitors import address_of, cookie_name, cookie_of, is_secure

COOKIE = "panel_desk"
IDLE_SECONDS = 2 * 3600.0
LONGEST_SECONDS = 12 * 3600.0
MOST_SESSIONS = 100
WRONG_TOKEN_SECONDS = 1.0
# A right token is forgotten by the first of these, so that nobody is locked out by logging in.
GUESSES_BOUND = Bound(burst=10, seconds=60, daily=200)  # of one address; wider networks have more
ALL_GUESSES_BOUND = Bound(burst=100, seconds=10, daily=5000)


@dataclass(slots=True)
class _Session:
    began: float
    seen: float
    user: int | None


class Sessions:
    """Who is logged in: random keys, of which only hashes are kept.

    A session ends two hours after its last request and twelve hours after it began. Beyond
    MOST_SESSIONS the one that was used least recently ends. It is of one user of this machine, by
    number, or of nobody's whom the system could name: browsers send a cookie to every port of a
    host, and so to programs of other users.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known: dict[bytes, _Session] = {}  # in the order of their last use

    def begin(self, user: int | None = None) -> str:
        """Begin a session of a user; returns its key."""
        key, now = secrets.token_urlsafe(32), self._clock()
        self._known = {each: known for each, known in self._known.items() if self._lasts(known)}
        while len(self._known) >= MOST_SESSIONS:
            del self._known[next(iter(self._known))]
        self._known[_hashed(key)] = _Session(now, now, user)
        return key

    def admit(self, key: str, user: Callable[[], int | None] = lambda: None) -> bool:
        """Whether a key is of this user's session that has not ended; this is a use of it."""
        found = self._known.get(_hashed(key))
        if found is None or not self._lasts(found) or found.user != user():
            return False
        found.seen = self._clock()
        self._known[_hashed(key)] = self._known.pop(_hashed(key))
        return True

    def end(self, key: str) -> None:
        """End a session."""
        self._known.pop(_hashed(key), None)

    def _lasts(self, session: _Session) -> bool:
        now = self._clock()
        return now - session.seen < IDLE_SECONDS and now - session.began < LONGEST_SECONDS


def _hashed(key: str) -> bytes:
    return hashlib.blake2b(key.encode()).digest()


class TokenGate:
    """Asks each browser for the token, then recognises it by a random cookie until it logs out."""

    def __init__(self, app: ASGIApp, token: str, user_of: UserOf) -> None:
        self._app, self._token, self._user_of = app, token, user_of
        self._sessions = Sessions()
        self._guesses = VisitLimiter(GUESSES_BOUND)
        self._all_guesses = VisitLimiter(ALL_GUESSES_BOUND)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        app = self._app
        if scope["type"] == "http":
            request = Request(scope, receive)
            asked = (scope["method"], scope["path"])
            if asked == ("POST", "/login"):
                app = await self._login(request)
            elif asked == ("POST", "/logout"):
                app = self._logout(request)
            elif not self._open_to(scope):
                app = self._turned_away(request)
        await app(scope, receive, send)

    def _open_to(self, scope: Scope) -> bool:
        path = scope["path"]
        # A link that was sent says itself what it opens.
        sent = path.startswith("/shared/") and scope["method"] in ("GET", "HEAD")
        return path == "/login" or path.startswith("/assets/") or sent or self.admit(scope)

    def admit(self, scope: Scope) -> bool:
        """Whether a request is of somebody logged in."""
        return self._sessions.admit(_cookie(Request(scope)), lambda: self._user(scope))

    def _user(self, scope: Scope) -> int | None:
        return self._user_of(connected(scope), scope["server"])

    async def _login(self, request: Request) -> Response:
        networks = networks_of(address_of(request))
        wait = self._guesses.wait_for(networks) or self._all_guesses.wait("everybody")
        if wait is not None:
            words = f"Too many tries to log in. Try again in {max(1, round(wait))} seconds."
            return PlainTextResponse(words, 429, {"Retry-After": str(max(1, round(wait)))})
        try:
            said = (await read_form(request))["token"].strip()
        except UsageError:
            said = ""
        if not hmac.compare_digest(said.encode(), self._token.encode()):
            await anyio.sleep(WRONG_TOKEN_SECONDS)
            return RedirectResponse("/login?wrong=1", 303)
        self._guesses.forget(networks)
        self._sessions.end(_cookie(request))
        answer = RedirectResponse("/", 303)
        _set_cookie(answer, request, self._sessions.begin(self._user(request.scope)))
        return answer

    def _logout(self, request: Request) -> Response:
        self._sessions.end(_cookie(request))
        answer = RedirectResponse("/login?out=1", 303)
        _set_cookie(answer, request, "")
        return answer

    def _turned_away(self, request: Request) -> ASGIApp:
        """Lead to the page to log in; a form gets it as its answer, a part of a page loads it."""
        if request.headers.get("hx-request") == "true":
            return Response(status_code=401, headers={"HX-Redirect": "/login"})
        if request.method != "POST":
            return RedirectResponse("/login", 303)

        async def page(scope: Scope, receive: Receive, send: Send) -> None:
            async def refused(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["status"] = 401
                await send(message)

            shown = {**scope, "method": "GET", "path": "/login", "query_string": b"late=1"}
            await self._app(shown, receive, refused)

        return page


def _cookie(request: Request) -> str:
    return cookie_of(request, COOKIE)


def _set_cookie(answer: Response, request: Request, key: str) -> None:
    """Set the cookie, or take it back where the key is empty."""
    answer.set_cookie(
        cookie_name(request, COOKIE),
        key,
        max_age=None if key else 0,
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
        path="/",
    )
