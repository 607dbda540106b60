"""Subscriptions over HTTP. Only a POST changes anything: mail scanners open every link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from panel.errors import PanelError
from panel.readers.community.addresses import has_known_spellings, mail_domain
from panel.readers.community.networks import networks_of
from panel.readers.community.quota import Exceeded
from panel.readers.community.subscribers import validated
from panel.readers.community.work import is_solved, new_challenge
from panel.readers.serve.forms import BadForm, read_fields
from panel.readers.serve.site import (
    Notice,
    Site,
    notice,
    site_of,
    subscribe_page,
    too_often,
    work_page,
)
from panel.readers.serve.visitors import address_of

# Mails in any 24 hours, with a proof of work or without: for an address (wider networks more), to
# a domain, in total.
MOST_FROM_ADDRESS, MOST_TO_DOMAIN, MOST_MAILS = 20, 500, 5000
# For an address to one domain: all may lead to one mailbox, where it is not known how that is
# written.
MOST_FROM_ADDRESS_TO_DOMAIN = 5
TRAP = "website"  # a field that readers cannot see; only programs fill it in
ASKED = Notice(
    "Check your inbox",
    "If that address is not subscribed yet, a mail is on its way to it. Press the button on the "
    "page it links to within seven days; until then your address is on no list.",
)
BAD_LINK = Notice(
    "This link is not valid",
    "It is older than seven days, has been used, or is not complete. Copy the whole address from "
    "the mail, or subscribe again.",
)
LEFT = Notice("You are unsubscribed", "Nothing will be sent to you again. Your address is erased.")
BUSY = Notice("Not now", "That could not be saved. Try again later.")


async def subscribe_form(_request: Request) -> Response:
    """GET /subscribe: the form."""
    return subscribe_page("")


async def subscribe(request: Request) -> Response:
    """POST /subscribe {email}: the same answer for every address, known or not."""
    site = site_of(request)
    try:
        fields = await read_fields(request, frozenset({"email", TRAP, "work", "solution"}))
    except BadForm as error:
        return notice(Notice("Not subscribed", str(error)), error.status)
    if fields.get(TRAP):
        return notice(ASKED, 202)
    address = await site.writing(validated, fields.get("email", ""))  # takes up to a millisecond
    if address is None:
        return subscribe_page("That is not an e-mail address. Write it like name@example.org.", 400)
    networks = networks_of(address_of(request))
    wish = _Wish(address, networks, fields.get("work", ""), fields.get("solution", ""))
    try:
        return await site.writing(_ask, site, wish)
    except Exceeded as error:
        return too_often(error.wait)
    except (PanelError, OSError) as error:
        return _failed(site, error)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A mail address, the networks that ask for it, a puzzle's token and its solution."""

    address: str
    networks: list[tuple[str, int]]
    work: str
    solution: str

    @property
    def whose(self) -> str:
        """Whom a puzzle is for."""
        return f"{self.networks[0][0]} {self.address.lower()}"


def _ask(site: Site, wish: _Wish) -> Response:
    """Put a mail on its way, or ask for a proof of work; raises Exceeded and PanelError."""
    site.mail_queue.check_room()  # before anything is counted, or worked for in vain
    now, domain = datetime.now(UTC), mail_domain(wish.address)
    spent = f"work {wish.work}"
    worked = is_solved(site.secret, wish.work, wish.solution, wish.whose, now)
    if not worked or site.quota.used(spent):
        wait = _wait(site, wish, domain)
        if wait:
            challenge = new_challenge(site.secret, wish.whose, now)
            return work_page(wish.address, challenge, wait, again=bool(wish.solution))
    bounds = [(f"mail {name}", share * MOST_FROM_ADDRESS) for name, share in wish.networks]
    bounds += [(f"mail to {domain}", MOST_TO_DOMAIN), ("mail", MOST_MAILS)]
    if not has_known_spellings(wish.address):
        most = MOST_FROM_ADDRESS_TO_DOMAIN
        bounds += [(f"mail {name} to {domain}", share * most) for name, share in wish.networks]
    with site.quota.taking(*bounds, *([(spent, 1)] if worked else ())):
        site.mail_queue.ask(wish.address)
    return notice(ASKED, 202)


def _wait(site: Site, wish: _Wish, domain: str) -> float:
    """Return the seconds until a mail may go without a proof of work; 0: now."""
    limits = site.limits
    # Narrow ones first: what one of them refuses uses up nothing that others share.
    wait = limits.subscribe.wait_for(wish.networks) or limits.domains.wait(domain)
    return wait or limits.everybody.wait("everybody") or 0.0


async def confirm_form(request: Request) -> Response:
    """GET /confirm?token=: the button."""
    site, token = site_of(request), request.query_params.get("token", "")
    wait = site.limits.links.wait_for(networks_of(address_of(request)))
    if wait is not None:
        return too_often(wait)
    address = await run_in_threadpool(site.subscribers.pending, token, datetime.now(UTC))
    if address is None:
        return notice(BAD_LINK, 400)
    text = f"The weekly digest goes to {address} once you press the button."
    return notice(Notice("One step left", text, "/confirm", "Subscribe", token))


async def confirm(request: Request) -> Response:
    """POST /confirm {token}: subscribe."""
    site = site_of(request)
    wait = site.limits.links.wait_for(networks_of(address_of(request)))
    if wait is not None:
        return too_often(wait)
    try:
        fields = await read_fields(request, frozenset({"token"}))
        now = datetime.now(UTC)
        good = await site.writing(site.subscribers.confirm, fields.get("token", ""), now)
    except BadForm as error:
        return notice(Notice("Not subscribed", str(error)), error.status)
    except (PanelError, OSError) as error:
        return _failed(site, error)
    if not good:
        return notice(BAD_LINK, 400)
    text = "The weekly digest will come to you. Every issue has a link to unsubscribe."
    return notice(Notice("You are subscribed", text))


async def leave_form(request: Request) -> Response:
    """GET /unsubscribe?token=: the button."""
    site, token = site_of(request), request.query_params.get("token", "")
    if not token:
        text = "Open the link at the end of any issue: it says which address to take off the list."
        return notice(Notice("To unsubscribe", text))
    if site.subscribers.leaver(token) is None:
        return notice(BAD_LINK, 400)
    text = "Press the button, and nothing will be sent to you again."
    action = f"/unsubscribe?token={token}"  # genuine, so it holds only letters, digits and -_.
    return notice(Notice("Unsubscribe", text, action, "Unsubscribe"))


async def leave(request: Request) -> Response:
    """POST /unsubscribe?token=: unsubscribe, by the button or a mail program's own (RFC 8058).

    The body (``List-Unsubscribe=One-Click``, as multipart or not) is ignored: the token in
    the address is enough.
    """
    site = site_of(request)
    address_hash = site.subscribers.leaver(request.query_params.get("token", ""))
    if address_hash is None:
        return notice(BAD_LINK, 400)
    try:
        await site.writing(site.subscribers.unsubscribe, address_hash, datetime.now(UTC))
    except (PanelError, OSError) as error:
        return _failed(site, error)
    return notice(LEFT)


def _failed(site: Site, error: Exception) -> Response:
    site.mail_queue.log(str(error))
    return notice(BUSY, 503)
