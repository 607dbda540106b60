"""What each failed request means: a table, one row to a fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.endpoint.faults import OVERLOADS, REMEDIES, TABLE, Fault, classify_fault
from panel.endpoint.responses import RawResponse
from panel.text import in_words

SENT = ("temperature", "max_tokens", "seed")


def body(message: Any, **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


def bare(**fields: Any) -> bytes:
    """Return an error without the envelope, as Mistral, TGI and older servers write it."""
    return json.dumps(fields).encode()


def extra_forbidden(field: str) -> bytes:
    """Return Mistral's 422, whose message is no text."""
    problem = {
        "type": "extra_forbidden",
        "loc": ["body", field],
        "msg": "Extra inputs are not permitted",
        "input": 7,
    }
    return bare(
        object="error", message={"detail": [problem]}, type="invalid_request_error", param=None
    )


FORMAT = "response_format of type json_schema is not supported"
QUOTA = body("You exceeded your quota", code="insufficient_quota")
CUDA = "CUDA error: an illegal memory access was encountered"
HTML = b"\n<!DOCTYPE html><html><body>Sign in</body></html>"
OPENAI_OVERFLOW = (
    "This model's maximum context length is 8192 tokens. However, you requested 9210 tokens "
    "(7710 in the messages, 1500 in the completion). Please reduce the length of the messages."
)
VLLM_OVERFLOW = (
    "'max_tokens' or 'max_completion_tokens' is too large: 1500. This model's maximum context "
    "length is 2048 tokens and your request has 1800 input tokens (1500 > 2048 - 1800)."
)
LM_STUDIO_OVERFLOW = (
    "Trying to keep the first 5210 tokens when context the overflows. However, the model is "
    "loaded with context length of only 4096 tokens, which is not enough."
)
TGI_OVERFLOW = (
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
    "Given: 4000 `inputs` tokens and 1500 `max_new_tokens`"
)
ALTERNATE = "Conversation roles must alternate user/assistant/user/assistant/..."
MODERATED = "Your chosen model requires moderation and your input was flagged"

FIREWALL = b"<html><head><title>Access denied</title></head><body>Ray ID 8f1</body></html>"
FILTERED = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management "
    "policy. Please modify your prompt and retry."
)
TPM = (
    "Request too large for gpt-4o on tokens per min (TPM): Limit 3000, Requested 3971. The input "
    "or output tokens must be reduced in order to run successfully."
)
TPD = "on tokens per day (TPD): Limit 100000, Used 99500, Requested 1200. Please try again in 9m."
NO_CREDIT = "Your credit balance is too low to access the API. Please purchase credits."
BLOCKED = bare(promptFeedback={"blockReason": "PROHIBITED_CONTENT"}, usageMetadata={})
SLIP = "Generated JSON does not match the expected schema. Error: '/evidence' does not validate"
GUIDELINES = "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"
ACCOUNT = ("suspect", "key_refused")


# status, body, action, label
def beside_no_words(**error: Any) -> bytes:
    """Return an error beside a choice in which nobody has said anything."""
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "error"}
    return json.dumps({"error": error, "choices": [choice]}).encode()


ROWS: list[tuple[int, bytes, str, str]] = [
    (401, body("Incorrect API key"), "stop", "key_refused"),
    (403, body("Country not supported"), "stop", "key_refused"),
    (403, HTML, "suspect", "forbidden"),
    (403, body(MODERATED, code=403), "abstain", "filtered"),
    (402, body("Payment required"), "stop", "quota"),
    (429, QUOTA, "stop", "quota"),
    (429, body("quota", type="insufficient_quota", code=None), "stop", "quota"),
    (400, body("Hard limit", code="billing_hard_limit_reached"), "stop", "quota"),
    (307, b"", "stop", "redirected"),
    (404, HTML, "stop", "not_found"),
    (404, body("Not Found"), "stop", "not_found"),
    (404, bare(detail="Not Found"), "stop", "not_found"),
    (405, bare(detail="Method Not Allowed"), "stop", "not_an_api"),
    (404, body('model "phi9" not found, try pulling it first'), "stop", "not_found"),  # Ollama
    (404, body("The model `x` does not exist.", code=404), "stop", "not_found"),  # vLLM
    (404, body("The model `gpt-9` does not exist", code="model_not_found"), "stop", "not_found"),
    (400, body("It is not there", code="model_not_found"), "stop", "not_found"),
    (400, bare(message="Invalid model: x", type="invalid_model", code="1500"), "stop", "not_found"),
    (400, body("x/y is not a valid model ID", code=400), "stop", "not_found"),  # OpenRouter
    (400, bare(error='Model "x" not found.'), "stop", "not_found"),  # LM Studio
    (404, body("No models loaded. Please load a model first."), "stop", "not_found"),
    (501, b"Unsupported method ('POST')", "stop", "not_an_api"),
    (505, b"", "stop", "not_an_api"),
    (200, HTML, "suspect", "not_an_api"),
    (200, b"<html>login</html>", "suspect", "not_an_api"),
    (200, bare(error="Unexpected endpoint or method. (POST /v1/v1/x)"), "stop", "not_an_api"),
    (429, body("Rate limit reached"), "retry", "http_429"),
    (408, b"", "retry", "http_408"),
    (409, b"", "retry", "http_409"),
    (425, b"", "retry", "http_425"),
    (500, body(CUDA), "retry", "http_500"),
    (500, b"", "retry", "http_500"),
    (502, HTML, "retry", "http_502"),
    (503, body("Loading model"), "retry", "loading"),
    (529, b"overloaded", "retry", "http_529"),
    (400, body(FORMAT), "degrade", "schema_refused"),
    (422, bare(error="Invalid grammar", error_type="x"), "degrade", "schema_refused"),
    (422, b"response_format: missing field `value`", "degrade", "schema_refused"),  # TGI
    (500, body("json_schema: must be 'text' or 'json_object'"), "degrade", "schema_refused"),
    (415, body("tool_choice must be a string"), "degrade", "schema_refused"),
    (501, body("guided decoding is not built in"), "degrade", "schema_refused"),
    (400, bare(error="registry/gemma:2b does not support tools"), "degrade", "schema_refused"),
    (404, body("No endpoints found that support tool use"), "degrade", "schema_refused"),
    (
        404,
        body("No endpoints found that can handle the requested parameters."),
        "degrade",
        "schema_refused",
    ),
    (422, extra_forbidden("response_format"), "degrade", "schema_refused"),
    (400, body("System role not supported"), "degrade", "system_refused"),  # Gemma's template
    (500, body("Jinja: System role not supported"), "degrade", "system_refused"),
    (400, body("Only user and assistant roles are supported!"), "degrade", "system_refused"),
    (500, body(ALTERNATE), "degrade", "system_refused"),
    (400, body("Developer instruction is not enabled for gemma-3"), "degrade", "system_refused"),
    (
        400,
        body(
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
            code="unsupported_value",
            param="messages[0].role",
        ),
        "degrade",
        "system_refused",
    ),
    (400, body(OPENAI_OVERFLOW, code="context_length_exceeded"), "record", "context_overflow"),
    (400, body("Your input exceeds the context window."), "record", "context_overflow"),
    (400, body(VLLM_OVERFLOW, code=400), "record", "context_overflow"),
    (400, body("The request exceeds the available context size"), "record", "context_overflow"),
    (500, body("too big", type="exceed_context_size_error"), "record", "context_overflow"),
    (400, bare(error=LM_STUDIO_OVERFLOW), "record", "context_overflow"),
    (422, bare(error=TGI_OVERFLOW, error_type="validation"), "record", "context_overflow"),
    (413, body("prompt is too long: 210000 tokens"), "record", "context_overflow"),
    (
        400,
        body("max_tokens=9 cannot be greater than max_model_len=8"),
        "record",
        "context_overflow",
    ),
    (413, b"too large", "record", "http_413"),
    (418, b"", "record", "http_418"),
    # A firewall, or a gateway: of one tool, or of all?
    (403, FIREWALL, "suspect", "forbidden"),
    (406, FIREWALL, "suspect", "forbidden"),
    (403, bare(message="Forbidden"), "suspect", "forbidden"),
    (406, b"", "suspect", "forbidden"),
    (413, FIREWALL, "record", "http_413"),
    # Keys and money, by another status than their own.
    (400, body("API key not valid. Please pass a valid API key."), "suspect", "key_refused"),
    (400, b'[{"error": {"message": "x", "status": "API_KEY_INVALID"}}]', "suspect", "key_refused"),
    (400, body("Incorrect API key provided: [key]"), "suspect", "key_refused"),
    (422, body("Missing access token"), "suspect", "key_refused"),
    (400, body("Missing Authorization header"), "suspect", "key_refused"),
    (400, body("Invalid Authentication"), "suspect", "key_refused"),
    (200, body("Unauthorized: x-api-key is required"), "suspect", "key_refused"),
    (421, FIREWALL, "suspect", "not_an_api"),
    (200, b"\xef\xbb\xbf" + HTML, "suspect", "not_an_api"),
    (400, body("Your account has been suspended"), "suspect", "key_refused"),
    (403, body("You do not have permission", type="permission_error"), "stop", "key_refused"),
    (400, body(NO_CREDIT), "suspect", "quota"),
    (429, body("Insufficient balance, please recharge", code="1113"), "suspect", "quota"),
    (429, body("Insufficient quota for now, slow down"), "retry", "http_429"),
    (400, body("No connected db.", type="no_db_connection"), "record", "http_400"),
    # Filters.
    (400, body(FILTERED, code="content_filter", param="prompt"), "abstain", "filtered"),
    (400, body("x", innererror={"code": "ResponsibleAIPolicyViolation"}), "abstain", "filtered"),
    (400, body("Rejected", code="content_policy_violation"), "abstain", "filtered"),
    (400, body("Rejected", code="moderation_blocked"), "abstain", "filtered"),
    (400, body("Your input was flagged as violating our usage policy"), "abstain", "filtered"),
    (400, bare(message="The guardrail intervened: blocked topic"), "abstain", "filtered"),
    (400, bare(message="<400> data_inspection_failed"), "abstain", "filtered"),
    (200, BLOCKED, "abstain", "filtered"),
    (
        200,
        bare(choices=[], prompt_filter_results=[{"content_filter_results": {"filtered": True}}]),
        "abstain",
        "filtered",
    ),
    (
        200,
        bare(choices=[], prompt_filter_results=[{"content_filter_results": {"filtered": False}}]),
        "retry",
        "no_completion",
    ),
    # No waiting makes a request smaller.
    (429, body(TPM, code="rate_limit_exceeded"), "record", "request_too_large"),
    (429, body("requested: 7012 tokens, limit: 6000"), "record", "request_too_large"),
    (429, body("Limit 3,000, Requested 3,971"), "record", "request_too_large"),
    (429, body("Rate limit reached " + TPD), "retry", "http_429"),
    (429, body("Rate limit exceeded: free-models-per-day"), "stop", "daily_quota"),
    # The model slipped, the form is known.
    (400, body("Failed to generate JSON.", code="json_validate_failed"), "retry", "reply_rejected"),
    (400, body(SLIP), "retry", "reply_rejected"),
    (400, body("Failed to call a function.", code="tool_use_failed"), "retry", "reply_rejected"),
    # The server is there, its model not yet.
    (503, body("Model x is currently loading"), "retry", "loading"),
    (503, bare(detail="model is not ready"), "retry", "loading"),
    (502, b"warming up", "retry", "loading"),
    (503, body("no healthy upstream"), "retry", "http_503"),
    (444, b"", "retry", "http_444"),
    # The same in the words, and with the statuses, of other servers.
    (403, body(GUIDELINES, code="permission_denied"), "abstain", "filtered"),  # xAI
    (400, body("Content Exists Risk"), "abstain", "filtered"),  # DeepSeek
    (500, body("Blocked", code="content_filter"), "abstain", "filtered"),
    (500, body("The content filter service timed out. Please try again."), "retry", "http_500"),
    (500, body("guardrail check failed: connection refused"), "retry", "http_500"),
    (400, body("The request was rejected: considered high risk"), "abstain", "filtered"),
    (400, body("We've limited access to this for safety reasons."), "abstain", "filtered"),
    (424, bare(errors=[{"message": "Prompt blocked: security"}]), "abstain", "filtered"),
    (446, body("The guardrail checks failed.", type="hooks_failed"), "abstain", "filtered"),
    (200, bare(base_resp={"status_msg": "input new_sensitive"}), "abstain", "filtered"),  # MiniMax
    (400, body("Prompt injection detected"), "abstain", "filtered"),
    (400, body("Header names are case sensitive"), "record", "http_400"),
    (400, body("The prompt was rejected: it exceeds n_ctx"), "record", "context_overflow"),
    (400, body("Your account was suspended for violating our usage policy"), *ACCOUNT),
    (429, body("Your account is suspended, see your plan and billing details"), *ACCOUNT),
    (400, body("Access denied, see that your account is in good standing", code="x"), *ACCOUNT),
    (403, bare(message="The security token in the request is expired"), "stop", "key_refused"),
    (200, bare(base_resp={"status_msg": "login fail: see the header"}), "suspect", "key_refused"),
    (200, bare(code=401, msg="token expired or incorrect"), "stop", "key_refused"),
    (403, body("Your new team doesn't have any credits yet"), "suspect", "quota"),
    (403, body("The account has an overdue balance"), "suspect", "quota"),
    (400, body("Organization has reached its spend limit"), "suspect", "quota"),
    (400, body("Budget has been exceeded! Current cost: 10.5"), "suspect", "quota"),  # LiteLLM
    (429, body("Blocked: your spend alert threshold was reached"), "suspect", "quota"),
    (400, body("The thinking budget exceeded its cap"), "record", "http_400"),
    (429, body("Too many requests. Reduce the number of requests."), "retry", "http_429"),
    (429, body("Server is busy: reduce your request rate"), "retry", "http_429"),
    (429, body("Reduce the number of input tokens"), "record", "request_too_large"),
    (400, bare(__type="ThrottlingException", message="Rate exceeded"), "retry", "http_429"),
    (400, body("Requests exceed the limit, try again", code="limit_requests"), "retry", "http_429"),
    (498, body("Flex tier", code="capacity_exceeded"), "retry", "http_429"),  # Groq
    (430, body("Too many requests"), "retry", "http_429"),
    (200, bare(success=False, message="rate limit exceeded"), "retry", "http_429"),
    (200, bare(status=429, message="slow down"), "retry", "http_429"),
    (403, b"<html><body>You are being rate limited</body></html>", "suspect", "forbidden"),
    (400, body("This model's maximum prompt length is 9"), "record", "context_overflow"),  # xAI
    (400, body("Your request exceeded model token limit: 8192"), "record", "context_overflow"),
    (422, body("`inputs` input must have less than 9 tokens"), "record", "context_overflow"),
    (500, body("the maximum model length of 4096"), "record", "context_overflow"),
    (400, bare(error={"code": "1261", "message": "Prompt 超长"}), "record", "context_overflow"),
    (400, bare(message="The provided model identifier is invalid."), "stop", "not_found"),
    (400, body("The model 'x' is not supported by any provider"), "stop", "not_found"),
    (410, body("The model x has been retired"), "stop", "not_found"),
    (410, b"", "record", "http_410"),
    (400, bare(error="Model is still loading. Please wait"), "retry", "loading"),
    (424, bare(error="Model warming up"), "retry", "loading"),
    (503, body("The endpoint is scaled to zero and is being started"), "retry", "loading"),
    (503, bare(message="worker initializing"), "retry", "loading"),
    (500, body("llama runner has terminated: error loading model"), "retry", "http_500"),  # Ollama
    (500, body("Failed to load model: insufficient memory"), "retry", "http_500"),
    (500, body("Unable to parse model output as JSON"), "retry", "reply_rejected"),
    (422, body("model generated invalid tool call"), "retry", "reply_rejected"),
    (400, body("Failed to parse request body as JSON"), "record", "http_400"),
    (400, body("JSON mode is not enabled for this model"), "degrade", "schema_refused"),
    (400, body("output_format: Extra inputs are not permitted"), "degrade", "schema_refused"),
    (422, body("role: Input should be 'user' or 'assistant'"), "degrade", "system_refused"),
    (400, body("The first message must be a user message"), "degrade", "system_refused"),
    (422, body("bad temperature"), "record", "http_422"),
    (400, body("max_tokens is too large: 1500. At most 1024."), "suspect", "reply_limit"),
    (400, body("Invalid max_tokens, the valid range is [1, 1024]"), "suspect", "reply_limit"),
    (429, body("Check your plan and billing details.", code="429"), "suspect", "quota"),
    (200, body("Provider returned an error", code=502), "retry", "http_502"),
    (200, body("Slow down", code=429), "retry", "http_429"),
    (200, body("No credits left", code=402), "stop", "quota"),
    (200, body("Bad key", code=401), "stop", "key_refused"),
    (200, body(OPENAI_OVERFLOW, code=400), "record", "context_overflow"),
    (200, body("Something", code="odd"), "retry", "no_completion"),
    (200, QUOTA, "stop", "quota"),
    (200, beside_no_words(code=402, message="Insufficient credits"), "stop", "quota"),
    (200, beside_no_words(code=401, message="Invalid API key"), "stop", "key_refused"),
    (200, b'{"choices": null}', "retry", "no_completion"),
    (200, b'{"choices": []}', "retry", "no_completion"),
    (200, b'"a string"', "retry", "no_completion"),
    (200, b"", "retry", "no_completion"),
    (204, b"", "retry", "no_completion"),
]


@pytest.mark.parametrize(("status", "raw", "action", "label"), ROWS)
def test_every_fault_has_its_consequence(status: int, raw: bytes, action: str, label: str) -> None:
    fault = classify_fault(RawResponse(0.0, status, {}, raw), constrained=True, sent=SENT)
    assert fault is not None
    assert (fault.action, fault.label, fault.field) == (action, label, None)


def test_every_row_of_the_table_is_reached_by_one_of_these() -> None:
    shown = {(action, label) for _status, _raw, action, label in ROWS}
    assert {(row.action, row.label) for row in TABLE} <= shown


@pytest.mark.parametrize(
    ("status", "raw", "sent", "field"),
    [
        (422, extra_forbidden("seed"), SENT, "seed"),
        (
            400,
            body(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                code="unsupported_parameter",
                param="max_tokens",
            ),
            SENT,
            "max_tokens",
        ),
        (
            400,
            body(
                "Unsupported value: 'temperature' does not support 0.7 with this model. Only the "
                "default (1) value is supported.",
                code="unsupported_value",
                param="temperature",
            ),
            SENT,
            "temperature",
        ),
        (400, body("Unrecognized request argument supplied: seed"), SENT, "seed"),
        (400, body("seed is not supported"), SENT, "seed"),
        (
            400,
            body("Unsupported parameter: max_completion_tokens; try max_tokens"),
            ("max_tokens", "max_completion_tokens"),
            "max_completion_tokens",
        ),
        (422, bare(detail=[{"loc": ["body", "min_p"], "type": "extra_forbidden"}]), ("min_p",), ""),
        (200, body("min_p: unknown field", code=400), ("min_p",), "min_p"),
        (400, body("`temperature` is deprecated for this model."), SENT, "temperature"),
        (400, body("invalid temperature: only 1 is allowed for this model"), SENT, "temperature"),
        (400, body("`temperature` may only be set to 1 with thinking"), SENT, "temperature"),
        (400, body("Temperature is not supported with this model"), SENT, "temperature"),
        (400, body("temperature must be 1 for this model"), SENT, "temperature"),
        (400, body("unknown field `seed`, expected one of `model`, `max_tokens`"), SENT, "seed"),
        (400, body("property 'seed' is unsupported"), SENT, "seed"),
        (400, body('json: unknown field "seed"'), SENT, "seed"),
        (400, body('Unknown name "topP": Cannot find field.'), ("top_p", "seed"), "top_p"),
        (400, body("Unknown parameter: 'seed'.", code="unknown_parameter", param="seed"), SENT, ""),
        (500, body("create() got an unexpected keyword argument 'seed'"), SENT, "seed"),
        (400, body("seed is not supported when temperature is 0"), SENT, "seed"),
        (400, body("temperature must be null for reasoning models"), SENT, "temperature"),
        (400, body("`temperature` must not be set for this model"), SENT, "temperature"),
        (400, body("temperature is fixed at 1 for this model"), SENT, "temperature"),
        (400, body("Invalid value for 'temperature': expected 1"), SENT, "temperature"),
        (400, body("Please remove the 'temperature' parameter"), SENT, "temperature"),
        (400, body("You cannot set 'seed' on this deployment"), SENT, "seed"),
        (400, body("Parameter seed is disabled by the administrator"), SENT, "seed"),
        (400, body("disallowed parameter: seed"), SENT, "seed"),
        (400, body("Unknown field seed in {'temperature': 0.7, 'seed': 9}"), SENT, "seed"),
        (
            400,
            body("`temperature` and `top_p` cannot both be specified. Please use only one."),
            ("top_p", "temperature"),
            "top_p",
        ),
        (
            400,
            body("top_p must be greater than or equal to 0.95 or unset when thinking is on"),
            ("top_p", "temperature"),
            "top_p",
        ),
    ],
)
def test_a_refused_field_is_named(
    status: int, raw: bytes, sent: tuple[str, ...], field: str
) -> None:
    fault = classify_fault(RawResponse(0.0, status, {}, raw), constrained=True, sent=sent)
    assert fault is not None
    wanted = ("degrade", "field_refused", field or ("seed" if "seed" in sent else sent[0]))
    assert (fault.action, fault.label, fault.field) == wanted


@pytest.mark.parametrize(
    ("status", "message", "more", "label"),
    [
        # A bad value is the user's to mend: leaving it out would answer another question.
        (400, "temperature must be at most 2, got 3", {}, "http_400"),
        (
            400,
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2.",
            {"code": "decimal_above_max_value", "param": "temperature"},
            "http_400",
        ),
        (422, "Input should be less than or equal to 1.5: body.temperature", {}, "http_422"),
        (400, "Only temperatures between 0 and 1 are allowed: temperature", {}, "http_400"),
        # Not sent, so not to be left out.
        (400, "Unrecognized request argument supplied: top_k", {}, "http_400"),
        (400, "unknown: seedling, xseed, seed_2", {}, "http_400"),
        # Not every status is about the request itself.
        (418, "seed is not supported", {}, "http_418"),
    ],
)
def test_what_merely_mentions_a_field_is_no_refusal_of_it(
    status: int, message: str, more: dict[str, Any], label: str
) -> None:
    answer = RawResponse(0.0, status, {}, body(message, **more))
    fault = classify_fault(answer, constrained=True, sent=SENT)
    assert fault is not None
    assert (fault.action, fault.label, fault.field) == ("record", label, None)


@pytest.mark.parametrize("status", [400, 404, 415, 422, 500, 501])
@pytest.mark.parametrize("message", [FORMAT, "It reads a schema with a tool: strict JSON"])
def test_a_form_can_only_be_refused_where_one_was_sent(status: int, message: str) -> None:
    """Without one in the request (an echo of a description), stepping down would never end."""
    fault = classify_fault(RawResponse(0.0, status, {}, body(message)), constrained=False)
    assert fault is not None and fault.action != "degrade"


@pytest.mark.parametrize(
    ("kind", "action", "label"),
    [
        ("refused", "stop", "unreachable"),
        ("dropped", "retry", "dropped"),
        ("timeout", "retry", "timeout"),
        ("broken", "retry", "broken"),
    ],
)
def test_transport_faults_have_theirs(kind: str, action: str, label: str) -> None:
    fault = classify_fault(RawResponse(0.0, transport_fault=(kind, "why")), constrained=True)
    assert fault is not None
    assert (fault.action, fault.label, fault.detail) == (action, label, "why")


def test_a_completion_is_no_fault_even_beside_an_error_that_is_null() -> None:
    raw = b'{"error": null, "choices": [{"message": {"content": "x"}}]}'
    assert classify_fault(RawResponse(0.0, 200, {}, raw), constrained=True) is None


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_the_time_that_the_server_wants_is_passed_on(status: int) -> None:
    fault = classify_fault(RawResponse(0.0, status, {"retry-after": "7"}, b""), constrained=True)
    assert fault is not None and fault.retry_after == 7


def test_a_redirect_names_where_to() -> None:
    fault = classify_fault(
        RawResponse(0.0, 301, {"location": "https://new"}, b""), constrained=True
    )
    assert fault is not None and "https://new" in fault.detail


def test_overload_is_what_fewer_requests_would_help() -> None:
    labels = ("http_429", "http_503", "http_529", "timeout", "files_used_up", "http_500", "dropped")
    faults = [Fault("retry", label, "") for label in labels]
    assert [fault.overload for fault in faults] == [*[True] * 5, False, False]
    assert {fault.label for fault in faults if fault.overload} == OVERLOADS


def test_every_stop_says_what_to_do() -> None:
    stops = {label for _status, _raw, action, label in ROWS if action in ("stop", "suspect")}
    assert stops | {"unreachable"} <= set(REMEDIES)
    for label in stops:
        sentence = Fault("stop", label, " it said so. ").sentence(" (twice)")
        assert sentence == f"{in_words(label)}: it said so (twice). {REMEDIES[label]}"


@pytest.mark.parametrize("status", [401, 403])
def test_nobody_is_told_to_check_a_key_that_was_not_sent(status: int) -> None:
    raw = body("Unauthorized")
    sent, missing = (
        classify_fault(RawResponse(0.0, status, {}, raw, keyless=keyless), constrained=False)
        for keyless in (False, True)
    )
    assert sent is not None and "Check the key" in sent.sentence()
    assert missing is not None and missing.label == sent.label
    assert "No key was sent" in missing.sentence() and "Check" not in missing.sentence()


def test_of_a_web_page_a_sentence_shows_the_title_and_the_journal_all() -> None:
    page = "<html><head><title>502 Bad\nGateway</title></head>" + "<p>deep</p>" * 200 + "</html>"
    for raw, before in ((page.encode(), ""), (body(f"litellm.APIError: {page}"), "litellm.APIErr")):
        fault = classify_fault(RawResponse(0.0, 502, {}, raw), constrained=False)
        assert fault is not None and "<p>deep</p>" in fault.detail
        assert 'the web page "502 Bad Gateway". ' in fault.sentence()
        assert before in fault.sentence() and "<" not in fault.sentence()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("end", "label"), [("<html>", "forbidden"), ("no page", "key_refused")])
def test_a_page_that_begins_with_many_comments_is_told_at_once(end: str, label: str) -> None:
    answer = RawResponse(0.0, 403, {}, b"<!-- a --> " * 100 + f"{end} invalid api key".encode())
    fault = classify_fault(answer, constrained=False)
    assert fault is not None and fault.label == label


@given(
    st.integers(100, 999),
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(["error", "message", "code", "type", "param", "choices", "x"]),
                    inner,
                    max_size=4,
                ),
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    st.booleans(),
)
def test_whatever_comes_back_is_judged(status: int, raw: bytes, constrained: bool) -> None:
    fault = classify_fault(RawResponse(0.0, status, {}, raw), constrained, SENT)
    if fault is not None:
        assert fault.label and fault.detail.strip()
        assert constrained or fault.label != "schema_refused"
