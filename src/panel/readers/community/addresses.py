"""E-mail addresses: which are taken, and their one written form."""

from __future__ import annotations

import re

import idna

from panel.errors import UsageError

LONGEST, LONGEST_LOCAL = 254, 64
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")


def parse_address(text: str) -> str:
    """Return an address with its domain in lower-case ASCII; raises UsageError.

    One @; a local part of plain ASCII letters, digits and marks, without quotes; a domain
    name with a dot, by IDNA 2008. Neither control characters nor blanks can be in it, so it
    is safe in a mail's headers.
    """
    text = text.strip(" ")
    if len(text) > LONGEST:
        raise UsageError(f"the address has {len(text)} characters; {LONGEST} are the most.")
    local, at, domain = text.rpartition("@")
    if not at or len(local) > LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        raise UsageError(f"{text!r} is not an e-mail address. Write name@example.org.")
    try:
        ascii_domain = idna.encode(domain, uts46=True, std3_rules=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise UsageError(f"{domain!r} is not the domain of an e-mail address.") from None
    name = ascii_domain.rpartition(".")[2]
    if "." not in ascii_domain or ascii_domain.endswith(".") or name.isdigit():
        raise UsageError(f"{domain!r} is not the domain of an e-mail address.")
    whole = f"{local}@{ascii_domain}"
    if len(whole) > LONGEST:
        raise UsageError(f"the address has {len(whole)} characters; {LONGEST} are the most.")
    return whole
