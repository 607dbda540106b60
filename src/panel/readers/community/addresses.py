"""E-mail addresses: which ones we accept, and the one form we write them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from email_validator import EmailNotValidError, validate_email

from panel.errors import UsageError


@dataclass(frozen=True, slots=True)
class _Provider:
    """How a provider takes one mailbox to be written.

    one: all domains lead to the same mailbox. written_as: characters of the name, and what each
    is as good as. keyword: after any of these the name is over. subdomains: any name at
    ``ann.<domain>`` is Ann's.
    """

    domains: tuple[str, ...]
    one: bool = False
    written_as: Mapping[str, str] = field(default_factory=dict)
    keyword: str = "+"
    subdomains: bool = False


LONGEST = 254  # characters of an address (RFC 5321)
_YAHOO = "com ca de es fr gr ie in it ro se co.id co.in co.nz co.uk co.za com.ar com.au com.br"
_YAHOO += " com.hk com.mx com.my com.ph com.sg com.tr com.tw com.vn"
_PROVIDERS = (
    _Provider(("gmail.com", "googlemail.com"), one=True, written_as={".": ""}),
    _Provider(
        ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
        one=True,
        written_as=dict.fromkeys("._-", ""),
    ),
    _Provider(("icloud.com", "me.com", "mac.com"), one=True),
    _Provider(("outlook.com", "hotmail.com", "live.com", "msn.com")),
    _Provider(("fastmail.com", "fastmail.fm"), subdomains=True),
    _Provider(
        (*(f"yahoo.{each}" for each in _YAHOO.split()), "ymail.com", "rocketmail.com"),
        keyword="+-",
    ),
    _Provider(
        ("yandex.ru", "yandex.com", "yandex.by", "yandex.kz", "ya.ru"),
        one=True,
        written_as={".": "-"},
    ),
)
_BY_DOMAIN = {domain: each for each in _PROVIDERS for domain in each.domains}


def parse_address(text: str) -> str:
    """Return an address with its domain in lower-case ASCII; raises UsageError.

    The local part is plain ASCII without quotes, the domain is a public name by IDNA 2008.
    The result holds no control characters and no blanks, so it is safe in a mail's headers.
    Nothing is looked up in DNS.
    """
    bare = text.strip(" ")
    if len(bare) > LONGEST:  # before work is done on each of its characters
        raise UsageError(
            f"{_shown(text)} is not an e-mail address: it is longer than {LONGEST} "
            "characters. Write name@example.org."
        )
    try:
        found = validate_email(bare, allow_smtputf8=False, strict=True, check_deliverability=False)
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

    Upper case and what follows a plus (RFC 5233) are left out everywhere, and at large providers
    what is known of them. It is for counting alone: elsewhere a plus may belong to the name, so
    nothing is sent to it.
    """
    local, domain, provider = _parts(address)
    for sign in provider.keyword:
        local = local.partition(sign)[0] or local
    for sign, other in provider.written_as.items():
        local = local.replace(sign, other)
    return f"{local}@{provider.domains[0] if provider.one else domain}"


def has_known_spellings(address: str) -> bool:
    """Whether ``mailbox_of`` knows how the address's provider takes a mailbox to be written."""
    return _parts(address)[2] in _PROVIDERS


def _parts(address: str) -> tuple[str, str, _Provider]:
    """Return whose mailbox it is, at which domain, and how that takes it to be written."""
    local, _at, domain = address.lower().rpartition("@")
    owner, _dot, parent = domain.partition(".")
    above = _BY_DOMAIN.get(parent)
    if above is not None and above.subdomains:
        return owner, parent, above
    return local, domain, _BY_DOMAIN.get(domain, _Provider((domain,)))


def mail_domain(address: str) -> str:
    """Return the last two labels of an address's domain.

    Whoever has a domain can have every name below it lead to one mailbox.
    """
    return ".".join(address.lower().rpartition("@")[2].split(".")[-2:])


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "…")
