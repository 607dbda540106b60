"""How servers word their refusals: families of words, looked for in any case.

A pattern is a family and not a sentence: the same fault is worded by every server in its own way,
and by the next version of it in another.
"""

from __future__ import annotations

import re
from collections.abc import Collection

HTML = (
    r"^[\s\ufeff]*(?:<\?xml[^>]*>\s*)?(?>(?:<!--(?>.*?-->)\s*+)*)"
    r"<(!doctype|html|head|body|center|h1)\b"
)
FORMAT = (
    r"response[ _]format|output_format|json_schema|json_object|json[ _-]?mode|structured|guided"
    r"|grammar|schema|\bstrict\b"
    r"|\btools?\b.{0,40}(support|parser|choice|allow|enabled)|support.{0,30}\btools?\b"
    r"|tool_choice|function.call|missing field `value`|requested parameters"
)
# The model's reply did not pass the server's own check: the model slipped, the form is known.
SLIP = (
    r"failed_generation|json_validate_failed|tool_use_failed|output_parse_failed"
    r"|(fail\w* to|unable to|could ?n[o']t|can ?not) (generate|produce|parse|validate|call)\b"
    r"(?:(?!request|body).){0,30}\b(json|output|response|function)"
    r"|(generated|model'?s?|completion) (json|output|response|reply|text)\b.{0,40}"
    r"\b(not|n't|invalid|fail\w*)\b.{0,20}\b(match|valid|conform|parse|json|schema)"
    r"|\bmodel (generated|produced|returned|wrote)\b.{0,20}\b(invalid|malformed|bad)\b"
)
OVERFLOW = (
    r"context.{0,12}(length|size|window)|exceed_context|n_keep|keep the first|too many tokens"
    r"|max_model_len|n_ctx|input (length|is too long)|prompt is too long|maximum.{0,20}tokens"
    r"|max\w* (prompt|input|sequence|model|model'?s) (length|size)|(model|input|prompt) token limit"
    r"|tokens.{0,30}must be <=|(input|prompt).{0,30}must have (less|fewer) than \d+ tokens"
    r"|(input|prompt|输入).{0,20}(超长|过长|超过)"
)
# Of the cap on a reply; where the prompt counts, too, the context is too small.
CAP = (
    r"^(?!.*(context (length|size)|\binputs?\b|prompt tokens|in the messages))"
    r".*\bmax\w*[_ -]?((completion|output|new)[_ -])?tokens.{0,80}(at most|(less|lower) than"
    r"|exceeds|too (large|high|big)|valid range|maximum value|<=|must be between)"
)
# Of a rate limit that this request alone exceeds: no waiting lets it pass.
TOO_LARGE = (
    r"request (is )?too large|(single|this) request exceeds|larger than the .{0,20}limit"
    r"|(input|output|prompt|tokens|message\w*|request|size|length).{0,40}must be (reduced|shortened"
    r"|smaller)|reduce (the |your )?(length|size|input|prompt|messages?|max_tokens|request size"
    r"|number of (input |prompt )?(tokens|messages|characters|words))"
)
SYSTEM = (
    r"system.{0,24}(role|message|instruction)|only user and assistant roles"
    r"|roles must alternate|developer instruction is not enabled|does not support .?system"
    r"|system\W{0,3} is not (one of|valid|supported|allowed|permitted)"
    r"|\brole\b.{0,40}(should be|must be|one of|expected).{0,20}\buser\b"
    r"|(first|initial) message (must|should|has to) be.{0,16}\buser"
    r"|must (start|begin) with.{0,16}user"
)
MODEL = (
    r"model.{0,80}(not (found|exist|available|loaded)|does ?n.t exist|no longer)"
    r"|(unknown|invalid|no such) model|invalid_model|no models? loaded|not a valid model"
    r"|model (identifier|name|id)\b.{0,30}(invalid|unknown|un-?recogni[sz]ed|not supported)"
    r"|model.{0,80}(retired|decommissioned|discontinued|been (removed|shut down)|end of life)"
    r"|model.{0,60}not supported by any|no route (for|match)"
)
LOADING = (
    # One that failed to load is not loading.
    r"^(?!.*\b(?:fail\w*|error|unable|could ?n[o']t|can ?not|insufficient)\b.{0,30}\bload)"
    r".*?(?:\bload(?:ing)? (?:the )?model|\bmodel\b.{0,80}\b(?:is|still|currently|being)\s+"
    r"(?:loading|loaded|starting|initiali[sz]ing|warming)|\bwarm(?:ing)?[ -]?up"
    r"|\b(?:is|still|currently|being) (?:loading|starting|started|initiali[sz]ing|booting)"
    r"|\b(?:workers?|replicas?|engine|instances?) (?:loading|starting|initiali[sz]ing|booting)"
    r"|\bnot (?:yet )?(?:ready|loaded)\b|cold[ -]?start|(?:spinning|scaling|starting|waking) up"
    r"|scaled (?:down )?to (?:zero|0))"
)
# Of a rate limit or too much to do, whatever the status.
THROTTLED = (
    r"rate.?limit|\brate exceeded|throttl|too many (concurrent )?requests|limit_requests"
    r"|\boverload(ed)?\b|capacity[ _]exceeded|(no|at|over|insufficient) capacity"
    r"|concurren(cy|t requests?) limit|(server|system|service|engine|model) (is )?(too )?busy"
    r"|(requests?|tokens) per (second|minute|hour|day)\b|enhance your calm"
)
BUSY = r"overload|\bbusy\b|too many|queue|capacity|rate.?limit|throttl|high demand|concurren"
FILTER = (
    r"content[ _-]?(management )?(policy|moderation|filter)(?!_results?\b)|responsible ?ai"
    r"|moderation|was flagged|flagged (as|by|for)|jailbreak|prompt[ _]shield|block_?reason"
    r"|guardrails?.{0,60}(interven|block|violat|reject|fail)|violat\w*.{0,20}guardrail"
    r"|(safety|content|usage|acceptable)[ _](system|filters?(?!_result)|settings|polic\w+"
    r"|guidelines?)"
    r"|block\w*.{0,30}\b(safety|security|polic\w+|filters?|prohibited)|data_inspection_failed"
    r"|\b(prompt|response|input|output|content|completion|answer)\b.{0,20}\b(is|was|been) (blocked"
    r"|rejected|filtered)|(high|content|exists?)[ _]risk\b|for safety reasons|prompt[ _]injection"
    r"|\bpii\b|(new_|\b(is|are|contain\w*) )sensitive\b(?! to)"
    r"|(inappropriate|prohibited|harmful|sensitive|unsafe)[ _](content|words?|input|prompt)"
    r"|safety[ _](violation|check)|'?\"?filtered'?\"?: true|敏感内容"
)
FILTER_CODES = (
    *("content_filter", "content_policy_violation", "moderation_blocked", "prompt_blocked"),
    *("ResponsibleAIPolicyViolation", "data_inspection_failed", "guardrail_intervened"),
)
_KEYS = (
    r"\b(api|access|secret|auth\w*|subscription|bearer|security|session|id)[ _-]?(keys?|tokens?)\b"
    r"|\bcredentials?\b"
)
_BAD = (
    r"\b(in(valid|correct|active)|not (valid|found|recogni[sz]ed|provided|authori[sz]ed|set)"
    r"|missing|required?|expired|revoked|disabled|wrong|malformed|unknown|bad|no|provide|pass|check)\b"
)
KEY = (
    rf"({_KEYS}).{{0,60}}{_BAD}|{_BAD}.{{0,40}}({_KEYS})|api_key_invalid|invalid_api_key"
    r"|unauthori[sz]ed|unauthenticated|authenticat\w+ (fail\w*|error|required)|authentication_error"
    r"|\b(missing|invalid|no|bad|malformed|wrong) auth(entication|orization)?\b"
    r"|authorization header"
    r"|\b(invalid|expired|unknown|missing) (token|key)\b(?! (in|at|limit))"
    r"|permission[ _]?(denied|error)|not (permitted|authori[sz]ed|allowed) to|lacks? .{0,30}"
    r"permission|(country|region|territory).{0,30}(not|un)[ -]?(supported|available|allowed)"
    r"|\blog ?-?in (fail\w*|required)"
)
# Of whoever asks, and not of what was asked, even where the reason is a policy.
ACCOUNT = (
    r"\b(account|organi[sz]ation)\b.{0,40}(suspend|disabled|deactivat|terminat|block|restrict"
    r"|flagged|banned|not active|in good standing)"
)
NO_MONEY = (
    r"insufficient.{0,12}(credit|balance|fund)|(credit|balance|funds).{0,40}"
    r"(too low|insufficient|exhausted|depleted|exceeded|empty|negative|run out|used up|not enough)"
    r"|(out of|no( more)?|not enough|n[o']t have (any|enough)) (credits?|funds|balance)"
    r"|used (up )?(all|your)\b.{0,20}\bcredits|arrear|overdue|payment (is )?required"
    r"|\bspend(ing)?[ _-](limit|cap|alert)|(?<!thinking )(?<!reasoning )(?<!token )\bbudget\b"
    r".{0,20}(exceed|exhaust|reached|used up)|(over|exceeded) ?budget|exceeded_current_quota"
    r"|(add|valid|no) (a )?(credit card|payment method)|余额不足|额度不足|欠费"
)
MONEY = NO_MONEY + r"|insufficient.{0,12}quota|\bbilling\b|(add|purchase|buy)( more)? credits"
BILLING = r"\bplan and billing\b"  # of a rate limit that tells no wait
MONEY_CODES = (
    *("insufficient_quota", "billing_hard_limit_reached", "billing_not_active"),
    *("insufficient_credits", "insufficient_balance", "insufficient_user_quota"),
)

# A field is not taken at all, or only as it would be without being sent.
_UNSUPPORTED = re.compile(
    r"\bextra\b|unknown|un-?recogni[sz]ed|unexpected|unsupported|forbidden|deprecated|incompatible"
    r"|\bnot (be )?(currently )?(permitted|supported|allowed|accepted|recogni[sz]ed|implemented"
    r"|available|applicable|compatible|a valid (parameter|argument|field|option))"
    r"|(do|does|did|can) ?(not|n'?t) (support|accept|allow|recogni[sz]e|take|have)"
    r"|cannot find field|no such (field|parameter|argument)"
    r"|no longer (supported|accepted|available)"
    r"|\bonly\b.{0,30}\b(allow|support|accept|permit|valid|available)"
    r"|(allow|support|accept)\w{0,4} only|only be (set to|used)|dis-?allowed|\bdisabled\b|unhandled"
    r"|(must|can|may|should) ?not be (set|sent|given|specified|provided|included|present|used)"
    r"|can ?not (set|specify|use|pass)|must be (null|none|empty)|\bfixed (at|to)\b|has no effect"
    r"|expected (a value of )?(1|1\.0|the default)\b(?!\.?\d)"
    r"|(remove|omit|drop) (the |this )?\W?\w+\W? (param\w*|argument|field|option|setting)"
    r"|invalid (parameter|argument|field|option|property) ?(name)?\b"
    r"|can ?not (both )?be (both )?(set|used|specified|combined|passed|sent)|mutually exclusive"
    r"|must (be|equal) (set to )?(1|1\.0|the default)\b(?!\.?\d)|(additional|extra) propert"
    r"|must (be|remain) (un-?set|omitted|removed|left out|absent"
    r"|default)|(be|or) (un-?set|omitted)|only one of|use (only|just) one",
    re.I,
)
# A value is out of its range: that is the user's to mend, and leaving the field out would
# answer another question.
_RANGE = re.compile(
    r"at most|at least|less than|greater than|between\b.{0,20}\d|decimal_|maximum|minimum"
    r"|out of range|\brange\b|[<>]=|[≤≥]",
    re.I,
)
_UNSET = re.compile(r"un-?set|omitted|left out|removed", re.I)
_TOGETHER = re.compile(r"\bboth\b|mutually exclusive|only one of|(only|just) one\b|together", re.I)


def is_page(text: str) -> bool:
    """Whether a server's words are a web page, as gateways and firewalls send them."""
    return re.match(HTML, text, re.I | re.S) is not None


def blamed_field(message: str, sent: Collection[str]) -> str | None:
    """Return the sent field that a refusal says is not taken; None where it blames none.

    The name that stands nearest to the words of refusal is meant. Of two that exclude each
    other the latter is left out.
    """
    words = [found.span() for found in _UNSUPPORTED.finditer(message)]
    if not words or (_RANGE.search(message) and not _UNSET.search(message)):
        return None
    places = sorted((m.span(), name) for name in sent for m in _spelt(name).finditer(message))
    if not places:
        return None
    others = [name for _span, name in places if name != places[0][1]]
    if others and _TOGETHER.search(message):
        return others[0]
    return min(places, key=lambda place: min(_gap(place[0], each) for each in words))[1]


def named_field(message: str, sent: Collection[str]) -> str | None:
    """Return the first of the sent fields that a message names; None where it names none."""
    return next((name for name in sent if _spelt(name).search(message)), None)


def same_field(name: str, sent: Collection[str]) -> str | None:
    """Return the sent field that a server's ``param`` names, such as "body.seed"; None for none."""
    last = re.split(r"[.\[\]/]+", name.strip("].[/ "))[-1]
    return next((field for field in sent if _spelt(field).fullmatch(last)), None)


def _spelt(name: str) -> re.Pattern[str]:
    """Match a field's name in any case, as top_p, top-p, topP or "top p"."""
    parts = r"[_ -]?".join(map(re.escape, name.split("_")))
    return re.compile(rf"(?<![A-Za-z0-9_]){parts}(?![A-Za-z0-9_])", re.I)


def _gap(one: tuple[int, int], other: tuple[int, int]) -> int:
    return max(0, other[0] - one[1], one[0] - other[1])
