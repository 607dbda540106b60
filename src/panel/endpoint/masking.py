"""Cuts out of a server's words whatever looks like a key, be it the one in use or another.

Servers and the gateways before them quote keys in their errors: one of their own, the last one
of somebody else, one that was just replaced. A reply of the model is data and is left alone.
"""

from __future__ import annotations

import re
from functools import lru_cache

MASK = "[key]"

# Prefixes by which services mark their keys. After the short ones, ordinary words are common
# ("hf_transfer"), so only a long run of letters and digits counts.
_MARKED = (
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk|gsk|csk|xai|nvapi|pplx|ghp|gho|ghs|ghu|github_pat|glpat|xox[abprs]|sess|ya29)"
    r"[-_.][A-Za-z0-9*.…_\x80-\xff-]{6,}(?<!\.)"
    r"|(?:hf|fw|r8|tgp)_[A-Za-z0-9*]{10,}"
    r"|AIza[A-Za-z0-9*_-]{6,}|(?:AKIA|ASIA)[A-Z0-9*]{12,}|dapi[0-9a-f*]{16,}"
    r"|eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,2}"
    r"|SG\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)?"
    r")"
)
# What stands after "Bearer", or after the name of a secret and a colon. A word is no key, but for
# what is said to have been provided, and for a very long one.
_LETTER = r"[^\s\"'`,;<>(){}\[\]\\]"
_QUOTE = r"\\?[\"'`]?"
_NAME = r"(?:key|secret|password|passwd|authorization|token|signature|\bsig)"
_NAMED = (
    rf"(?i:(?P<named>(?:{_NAME}(?:\s+(?:is|was))?{_QUOTE}\s*[:=]\s*\[?{_QUOTE}"
    rf"(?:(?:bearer|basic|token)\s+)?|\b(?:bearer|basic)\s+{_QUOTE})"
    rf"(?={_LETTER}{{20}}|{_LETTER}{{0,19}}[0-9*…])"
    rf"|[?&](?:code|sig)=|{_NAME}\s+(?:provided|given|used|received|supplied){_QUOTE}\s*[:=]\s*{_QUOTE})"
    rf"{_LETTER}{{6,}}(?<![.:]))"
)
_CREDENTIALS = r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,20}://)[^\s/@?#\"'<>]+@"

# A long run of letters and digits that may be a key, or the name of a request or a model: what
# stands around it tells.
_RUN = r"(?P<run>(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}={0,2})"
_RANDOM = re.compile(
    r"(?=[^0-9]*[0-9])(?:.*[A-Za-z0-9]{16}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$)", re.I
)
_PREFIXED = re.compile(r"[A-Za-z]{2,8}_(?:[a-z0-9]{1,4}_)?(?=[A-Za-z]*[0-9])[A-Za-z0-9]{16,}")
_AN_ID = re.compile(
    r"(?i)(?:req(?:uest)?|resp|msg|call|batch|file|run|thread|org|proj|user|chatcmpl|cmpl|gen|trace"
    r"|event|toolu|asst|job|model)[-_]"
)
_ID_BEFORE = re.compile(
    r"(?:\b[Ii]d|[a-z_]Id|_id|ID|[Rr]equest|[Tt]race|[Rr]ay|[Mm]odel)[\"'`]?\s*(?:is|was|no\.?)?\W{0,4}$"
)
_ABOUT_KEYS = re.compile(
    r"(?i)key\b|token\b|secret|credential|signature|password|bearer|authori[sz]ation"
)
_AROUND = 48  # characters, a few words

_SECRETS = re.compile(f"{_CREDENTIALS}|{_MARKED}|{_NAMED}|{_RUN}")


@lru_cache(maxsize=1024)  # the lines of a response's head come again and again
def mask_line(text: str) -> str:
    """Mask a short text."""
    return mask_keys(text)


def mask_keys(text: str) -> str:
    """Return the text with MASK in the place of everything in it that looks like a key."""
    return _SECRETS.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    if found["scheme"] is not None:
        return f"{found['scheme']}{MASK}@"
    if found["run"] is not None and not _is_key(found):
        return found[0]
    return f"{found['named'] or ''}{MASK}"


def _is_key(found: re.Match[str]) -> bool:
    """Whether a run of letters and digits is a key, by its form and by the words around it."""
    run, text, start, end = found["run"], found.string, found.start(), found.end()
    before = text[max(0, start - _AROUND) : start]
    if _AN_ID.match(run) or _ID_BEFORE.search(before):
        return False
    if _PREFIXED.match(run):
        return True
    around = before + " " + text[end : end + _AROUND]
    return _RANDOM.match(run) is not None and _ABOUT_KEYS.search(around) is not None
