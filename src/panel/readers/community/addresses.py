"""E-mail addresses: which ones we accept, and the one form we write them in."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from panel.errors import UsageError


def parse_address(text: str) -> str:
    """Return an address with its domain in lower-case ASCII; raises UsageError.

    The local part is plain ASCII without quotes, the domain is a public name by IDNA 2008.
    The result holds no control characters and no blanks, so it is safe in a mail's headers.
    Nothing is looked up in DNS.
    """
    try:
        found = validate_email(
            text.strip(" "), allow_smtputf8=False, strict=True, check_deliverability=False
        )
    except EmailNotValidError as error:
        raise UsageError(
            f"{_shown(text)} is not an e-mail address: {error} Write name@example.org."
        ) from None
    if "=?" in found.original:  # an encoded word (RFC 2047), which a mail's header would undo
        raise UsageError(f"{_shown(text)} is an address that no mail can be written to.")
    assert found.ascii_email is not None  # the local part is ASCII, so the address has this form
    return found.ascii_email


def mailbox_of(address: str) -> str:
    """Return what all spellings of one mailbox have in common; ``address`` is a parsed one.

    Upper case and what follows a plus (RFC 5233) are left out, and the dots that Gmail ignores.
    It is for counting alone: elsewhere a plus may belong to the name, so nothing is sent to it.
    """
    local, _at, domain = address.lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def mail_domain(address: str) -> str:
    """Return the last two labels of an address's domain.

    Whoever has a domain can have every name below it lead to one mailbox.
    """
    return ".".join(address.lower().rpartition("@")[2].split(".")[-2:])


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "…")
