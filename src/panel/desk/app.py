"""The web application of a desk: its addresses and their handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from panel.desk.pages import NotFoundError
from panel.desk.previews import KeptCards
from panel.desk.session import Desk
from panel.desk.views_editorial import Editing
from panel.desk.views_get import Looking
from panel.desk.views_post import Deciding
from panel.desk.views_preview import Previewing
from panel.desk.views_publish import Publishing
from panel.desk.views_queue import Queueing
from panel.desk.views_tool import AboutTools
from panel.desk.views_undo import Undoing
from panel.errors import PanelError, StoreBusyError


class Answers(Queueing, Looking, Deciding):
    """The handlers of all addresses of the desk."""

    def failed(self, request: Request, error: Exception) -> Response:
        """Show a page that says what went wrong."""
        if isinstance(error, NotFoundError):
            return self.page("failed", 404, message="There is no such page or take.")
        if isinstance(error, OSError):  # a disk that is full, or read-only by now
            where = f"{error.filename}: " if error.filename else ""
            message = f"This was not saved. {where}{error.strerror or error}. Make room or mend"
            return self.page("failed", 500, message=f"{message} the rights, then try again.")
        status = 503 if isinstance(error, StoreBusyError) else 422
        return self.page("failed", status, message=str(error))


UNNAMED = ("/name", "/login", "/assets/", "/shared/")  # what a desk shows that knows no editor yet


class Named:
    """Sends whoever comes to a desk without an editor to the page that asks for a name."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or redirect it."""
        unnamed = scope["type"] == "http" and not self._desk.editor
        away = unnamed and not scope["path"].startswith(UNNAMED)
        app: ASGIApp = RedirectResponse("/name", 303) if away else self._app
        await app(scope, receive, send)


def application(desk: Desk, gated: bool = False) -> Starlette:
    """Return the web application of a desk; ``guard.guarded`` puts a guard around it.

    gated: it is behind a token, so its pages have a button to log out.
    """
    pages, cards = Answers(desk, gated), KeptCards()
    take = "/take/{tool}/{persona}"
    handled: Callable[..., Awaitable[Response]] | Callable[..., Response] = pages.failed
    return Starlette(
        middleware=[Middleware(Named, desk=desk)],
        routes=[
            Route("/", pages.queue),
            Route(take, pages.take),
            Route(f"{take}/decide", pages.decide, methods=["POST"]),
            Route(f"{take}/preview", pages.preview, methods=["POST"]),
            Route(f"{take}/ask", pages.ask, methods=["POST"]),
            Route(f"{take}/asked", pages.asked),
            Route(f"{take}/source", pages.source),
            Route(f"{take}/history", pages.history),
            Route(f"{take}/draft", pages.draft, methods=["POST"]),
            Route("/approve", pages.bulk),
            Route("/approve", pages.approve_many, methods=["POST"]),
            Route("/approve/look", pages.bulk_named, methods=["POST"]),
            Route("/approve/undo", pages.undo_many, methods=["POST"]),
            Route("/undo", Undoing(desk, gated).undo_change, methods=["POST"]),
            Route("/assign", pages.assign, methods=["POST"]),
            Route("/name", pages.name),
            Route("/name", pages.be_named, methods=["POST"]),
            *_about_tools(AboutTools(desk, gated)),
            *_previewing(Previewing(desk, cards, gated)),
            *_publishing(Publishing(desk, cards, gated)),
            *_editing(Editing(desk, gated)),
            Route("/login", pages.login),
            Route("/logo/{tool}", pages.logo),
            Route("/assets/{start}/{name}", pages.asset),
        ],
        exception_handlers={
            **dict.fromkeys((PanelError, NotFoundError, OSError), handled),
            404: _nowhere(pages),
        },
    )


def _about_tools(pages: AboutTools) -> list[Route]:
    tool = "/tool/{tool}"
    return [
        Route("/tools", pages.tools),
        Route("/prices", pages.prices),
        Route(tool, pages.tool, methods=["GET"]),
        Route(tool, pages.edit_tool, methods=["POST"]),
        Route(f"{tool}/checked", pages.tool_checked, methods=["POST"]),
        Route(f"{tool}/hold", pages.hold_tool, methods=["POST"]),
        Route(f"{tool}/stands", pages.tool_stands, methods=["POST"]),
    ]


def _previewing(pages: Previewing) -> list[Route]:
    made = [Route("/compare", pages.compare), Route("/shared/{rest:path}", pages.shared)]
    for frame in ("/preview/front", "/preview/tool/{tool}", "/preview/compare/{a}/{b}"):
        made += [
            Route(frame, pages.frame),
            Route(f"{frame}/link", pages.link, methods=["POST"]),
            Route(f"{frame}/revoke", pages.revoke, methods=["POST"]),
        ]
    return [*made, Route("/preview/page/{words}/{about}/{path:path}", pages.framed)]


def _publishing(pages: Publishing) -> list[Route]:
    return [
        Route("/publish", pages.publish, methods=["GET"]),
        Route("/publish", pages.publish_now, methods=["POST"]),
        Route("/publish/progress", pages.progress),
    ]


def _editing(pages: Editing) -> list[Route]:
    made = [
        Route("/editorial", pages.editorial),
        Route("/editorial/preview", pages.preview_words, methods=["POST"]),
    ]
    for one in ("/editorial/{kind}", "/editorial/{kind}/{of}"):
        made += [
            Route(one, pages.words, methods=["GET"]),
            Route(one, pages.write_words, methods=["POST"]),
        ]
    return made


def _nowhere(pages: Answers) -> Callable[[Request, Exception], Response]:
    return lambda request, _error: pages.failed(request, NotFoundError())
